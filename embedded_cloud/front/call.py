"""A call to AWS, parsed with the service's model; its answer or error is serialized in the service's format.

The parser and the serializer are those of ``moto.core``, which use botocore's models. A call is parsed before moto gets it.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from botocore.exceptions import UnknownServiceError
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

SIGNED_AS = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}
"""Service name in a signature -> service name in botocore, if the two names differ."""

CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request")

TOKEN = "X-Amz-Security-Token"

UNSIGNED = {"AssumeRoleWithWebIdentity": "sts"}
"""Operation -> service, for calls that have no signature because the caller has no credentials yet."""


class AwsError(Exception):
    """An error as AWS returns it: error code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Call:
    """One call: ``service`` and ``operation`` by botocore's names, and the access key that signed the call, empty if unsigned."""

    service: str
    operation: OperationModel
    access_key: str
    region: str
    request: Request
    _in_path: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the operation, such as ``CreateCluster``."""
        return str(self.operation.name)

    @property
    def token(self) -> str:
        """The session token of the call: in a header, or in the query if the call is presigned; empty if it has no token."""
        return str(self.request.headers.get(TOKEN) or self.request.args.get(TOKEN, ""))

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the call, by the names of the model."""
        protocol = determine_request_protocol(cast(Any, self.operation.service_model), self.request.content_type)
        parsed = PROTOCOL_PARSERS[protocol](self.operation).parse(
            cast(
                Any,
                {
                    "method": self.request.method,
                    "values": self.request.values,
                    "headers": self.request.headers,
                    "body": self.request.data,
                    "url_path": self.request.path,
                    "url_params": self._in_path,
                },
            )
        )
        return parsed or {}

    def answer(self, result: object) -> Response:
        """The response with ``result`` (a dictionary with the model's names, or an exception) in the service's format."""
        protocol = determine_request_protocol(cast(Any, self.operation.service_model), self.request.content_type)
        serializer: Any = get_serializer_class(self.service, protocol)(self.operation)
        written = serializer.serialize(result)
        return Response(written["body"], written["status_code"], dict(written["headers"]))

    def refusal(self, error: AwsError) -> Response:
        """The response with ``error`` in the service's format."""
        response = self.answer(error)
        response.status_code = error.status
        return response


def read(environ: dict[str, Any]) -> Call | None:
    """The call in a request; ``None`` if the request is not a call to AWS, or its service has no model. The body stays readable."""
    body = _body(environ)
    request = Request(environ)
    signature = str(request.headers.get("Authorization", "")) or _presigned(request)
    found = CREDENTIAL.search(signature)
    if found:
        access_key, region, signed = found.groups()
        service = SIGNED_AS.get(signed, signed)
    else:
        access_key, region, service = "", "us-east-1", UNSIGNED.get(str(request.values.get("Action", "")), "")
    try:
        operation, in_path = get_service_router(service).match(request) if service else (None, {})
    except (NotFound, NotImplementedError, UnknownServiceError, ValueError):
        operation, in_path = None, {}
    call = Call(service, operation, access_key, region, request, in_path) if operation is not None else None
    if call is not None:
        _ = call.parameters  # parsed and cached now, because moto consumes the body
    environ["wsgi.input"] = io.BytesIO(body)
    return call


def _presigned(request: Request) -> str:
    credential = request.args.get("X-Amz-Credential", "")
    return f"Credential={credential}" if credential else ""


def _body(environ: dict[str, Any]) -> bytes:
    """The whole body of a request, which stays readable in ``environ``."""
    body = Request(environ).get_data(cache=False, parse_form_data=False)
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body
