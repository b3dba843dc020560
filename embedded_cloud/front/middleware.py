"""The WSGI middleware in front of moto: it refuses calls that AWS would refuse, and answers some calls itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from werkzeug.wrappers import Request, Response

from embedded_cloud.front import eks, endings, targets, tokens
from embedded_cloud.front.buckets import require_allowed_by_bucket
from embedded_cloud.front.call import AwsError, Call, read
from embedded_cloud.front.endpoints import CLUSTERS, TARGETS, TOKENS
from embedded_cloud.front.permissions import require_allowed
from embedded_cloud.front.refusals import require_possible
from embedded_cloud.front.shapes import require_valid

DESCRIBES_CLUSTER = ("CreateCluster", "DescribeCluster", "DeleteCluster")

NO_SUCH_CALL = "NotImplemented"
"""The error code for a call that moto does not implement. AWS' clients do not retry a call that fails with this code."""

PAGE = b"<!doctype html>"
"""The beginning of an error page of moto's web server."""

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def lacking(call: Call) -> AwsError:
    """The error for a call that moto does not implement."""
    return AwsError(NO_SUCH_CALL, f"moto has no {call.name} of {call.service}", HTTPStatus.NOT_IMPLEMENTED)


class Front:
    """WSGI middleware around moto: refuses calls as AWS does, and answers calls that moto cannot answer."""

    def __init__(self, moto: Application) -> None:
        self.moto = moto

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ.setdefault("RAW_URI", environ.get("REQUEST_URI", ""))  # moto reads RAW_URI, the web server sets REQUEST_URI
        if environ["PATH_INFO"].startswith(TARGETS):
            return targets.serve(Request(environ))(environ, start_response)
        if environ["PATH_INFO"].startswith((CLUSTERS, TOKENS)):
            return tokens.serve(Request(environ))(environ, start_response)
        call = None if environ["PATH_INFO"].startswith("/moto-api") else read(environ)
        if call is None:
            return self.moto(environ, start_response)
        try:
            answer = self._answer(call)
        except AwsError as error:
            return call.refusal(error)(environ, start_response)
        if answer is not None:
            return call.answer(answer)(environ, start_response)
        return self._passed(call, environ)(environ, start_response)

    def _answer(self, call: Call) -> dict[str, Any] | None:
        """The answer of this package to a call; None if moto must answer. Raises ``AwsError`` for a call that AWS refuses."""
        require_allowed(call)
        require_allowed_by_bucket(call)
        require_valid(call)
        require_possible(call)
        operation = eks.OPERATIONS.get(call.name) if call.service == "eks" else None
        answer = operation(call) if operation else None
        return answer if answer is not None else endings.before(call)

    def _passed(self, call: Call, environ: dict[str, Any]) -> Response:
        """moto's answer, with the attributes that moto lacks; an error if moto does not implement the call.

        Calls :func:`endings.after` after a successful call.
        """
        try:
            answer = Response.from_app(self.moto, environ, buffered=True)
        except NotImplementedError:
            return call.refusal(lacking(call))
        if answer.get_data().startswith(PAGE):  # moto's web server has no path for the call
            return call.refusal(lacking(call))
        if answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
            if call.service == "eks" and call.name in DESCRIBES_CLUSTER:
                answer.data = json.dumps(eks.completed(call, json.loads(answer.data)))
            if call.name == "DescribeTargetHealth":
                answer.data = targets.completed(call, answer.get_data())
            endings.after(call)
        return answer
