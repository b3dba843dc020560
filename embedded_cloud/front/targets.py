"""What a load balancer that runs has measured of its targets, in the place of moto's "healthy"."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from embedded_cloud.front.call import Call
from embedded_cloud.front.endpoints import TARGETS

MEASURED: dict[str, dict[str, str]] = {}
"""By target group the state of each target, by ``IP:PORT``."""

REASONS = {"initial": "Elb.RegistrationInProgress", "unhealthy": "Target.FailedHealthChecks"}
MEMBER = re.compile(rb"<Id>([^<]+)</Id>(.*?)<Port>(\d+)</Port>(.*?)<State>healthy</State>", re.DOTALL)


def serve(request: Request) -> Response:
    """Take what was measured of a group at :data:`TARGETS`."""
    MEASURED[unquote(request.path.removeprefix(TARGETS))] = json.loads(request.get_data())
    return Response(status=204)


def completed(call: Call, answer: bytes) -> bytes:
    """moto's answer to DescribeTargetHealth with the states that were measured; a target that was not yet seen is initial."""
    measured = MEASURED.get(call.parameters["TargetGroupArn"])
    if measured is None:
        return answer

    def state(member: re.Match[bytes]) -> bytes:
        found = measured.get(f"{member[1].decode()}:{member[3].decode()}", "initial")
        reason = f"<Reason>{REASONS[found]}</Reason>" if found in REASONS else ""
        return member[0].replace(b"<State>healthy</State>", f"<State>{found}</State>{reason}".encode())

    return MEMBER.sub(state, answer)
