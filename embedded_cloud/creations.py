"""Records the creation of resources, so that the provider finds the resources of a killed ``up`` that are not in the state.

The engine writes a resource to the state after the provider's answer. If the engine is killed before that, the resource exists but
is not in the state. If the provider is killed before AWS' answer, the resource's id is not known either. On AWS, such a resource
remains, and Pulumi does not manage it. In the embedded cloud, moto's process records each creation, with the answers to the
creation's calls. If the provider repeats these calls, it gets the recorded answers, and so the id of the existing resource.

The resource's URN identifies a creation. A creation is open until a request of the engine shows that the engine knows the id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

PATH = "/moto-api/sandbox/creations"
"""GET lists open creations. PUT ``{urn, inputs}`` opens a creation, POST ``{urn, id}`` sets its id, DELETE ``{urn}`` closes it."""

CREATION = "X-Sandbox-Creation"
CALL = "X-Sandbox-Call"
"""Headers of a call to AWS: the creation's URN, URL-encoded, and the number of the call in the creation, from 0."""

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass
class Creation:
    """One open creation, with the recorded answers to its calls. ``id`` is None until the provider has received the id."""

    inputs: dict[str, Any]
    id: str | None = None
    answers: list[Response] = field(default_factory=list[Response])


class Creations:
    """WSGI middleware around moto: records the successful answers of open creations, and returns them if calls are repeated."""

    def __init__(self, moto: Application) -> None:
        self.moto = moto
        self.open: dict[str, Creation] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            return self._serve(Request(environ))(environ, start_response)
        urn = unquote(environ.get(f"HTTP_{CREATION.upper().replace('-', '_')}", ""))
        creation = self.open.get(urn)
        if creation is None:
            return self.moto(environ, start_response)
        number = int(environ[f"HTTP_{CALL.upper().replace('-', '_')}"])
        if number < len(creation.answers):
            answer = creation.answers[number]
        else:
            answer = Response.from_app(self.moto, environ, buffered=True)
            if answer.status_code < 300:
                creation.answers.append(answer)
        return answer(environ, start_response)

    def _serve(self, request: Request) -> Response:
        """Answer a request to :data:`PATH`."""
        if request.method == "GET":
            listed = {urn: {"inputs": each.inputs, "id": each.id, "answered": len(each.answers)} for urn, each in self.open.items()}
            return Response(json.dumps(listed), mimetype="application/json")
        body: dict[str, Any] = json.loads(request.get_data())
        if request.method == "PUT":
            self.open[body["urn"]] = Creation(body["inputs"])
        elif request.method == "POST":
            self.open[body["urn"]].id = body["id"]
        else:
            self.open.pop(body["urn"], None)
        return Response(status=204)
