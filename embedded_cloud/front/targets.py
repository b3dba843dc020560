"""The health of targets as a running load balancer has measured it. moto itself reports each registered IP address as healthy."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from embedded_cloud.front.call import Call
from embedded_cloud.front.endpoints import TARGETS

MEASURED: dict[str, dict[str, str]] = {}
"""Target group ARN -> ``IP:PORT`` of a target -> its state."""

REASONS = {"initial": "Elb.RegistrationInProgress", "unhealthy": "Target.FailedHealthChecks"}
MEMBER = re.compile(rb"<Id>([^<]+)</Id>(.*?)<Port>(\d+)</Port>(.*?)<State>healthy</State>", re.DOTALL)


def serve(request: Request) -> Response:
    """Store the measured states of a group's targets, from a request to :data:`TARGETS`."""
    MEASURED[unquote(request.path.removeprefix(TARGETS))] = json.loads(request.get_data())
    return Response(status=204)


def completed(call: Call, answer: bytes) -> bytes:
    """moto's answer to DescribeTargetHealth, with the measured states. A target without a measurement is ``initial``.

    If no load balancer has reported on the target group, the answer is unchanged.
    """
    measured = MEASURED.get(call.parameters["TargetGroupArn"])
    if measured is None:
        return answer

    def state(member: re.Match[bytes]) -> bytes:
        found = measured.get(f"{member[1].decode()}:{member[3].decode()}", "initial")
        reason = f"<Reason>{REASONS[found]}</Reason>" if found in REASONS else ""
        return member[0].replace(b"<State>healthy</State>", f"<State>{found}</State>{reason}".encode())

    return MEMBER.sub(state, answer)
