"""The connection to the embedded AWS: one client per service, made when first needed."""

from __future__ import annotations

import os
import re
from threading import Lock
from typing import Any

from embedded_cloud.errors import SandboxError
from embedded_cloud.providers.aws.creations import CONNECTIONS, Creations, mark_call, no_answer
from embedded_cloud.providers.aws.values import AbsentError

ABSENT = re.compile(r"NotFound|NoSuch|^404$")
"""How the services call what does not exist."""


class Aws:
    """The AWS API of one region at ``AWS_ENDPOINT_URL``, and the tags that its provider puts on everything."""

    def __init__(self, region: str, default_tags: dict[str, str]) -> None:
        if not os.environ.get("AWS_ENDPOINT_URL"):
            raise SandboxError(
                "the embedded aws provider has no endpoint: AWS_ENDPOINT_URL is not set",
                "run `make up`, then `source .sandbox/env`; stacks on real AWS use the official provider",
            )
        self.region = region
        self.default_tags = default_tags
        self.creations = Creations(os.environ["AWS_ENDPOINT_URL"])
        self._clients: dict[str, Any] = {}
        self._lock = Lock()
        self._session: Any = None

    def client(self, service: str) -> Any:
        """The client of ``service``; importing botocore and reading a service's model are put off until then."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._connect(service)
            return self._clients[service]

    def _connect(self, service: str) -> Any:
        import botocore.session
        from botocore.config import Config

        self._session = self._session or botocore.session.get_session()
        # moto answers what it lacks with an error page: asking again does not help.
        config = Config(max_pool_connections=CONNECTIONS, retries={"total_max_attempts": 1})
        client = self._session.create_client(service, region_name=self.region, config=config)
        client.meta.events.register("before-call", mark_call)
        return client

    @property
    def account(self) -> str:
        """The account that owns everything here."""
        return self.client("sts").get_caller_identity()["Account"]


def is_absent(error: Exception) -> bool:
    """Whether a service says with ``error`` that the thing does not exist, as opposed to the call."""
    if isinstance(error, AbsentError):
        return True
    response: Any = getattr(error, "response", {})
    details = response.get("Error", {})
    return bool(ABSENT.search(details.get("Code", ""))) and "<html" not in details.get("Message", "").lower()


def explained(error: Exception, what: str) -> SandboxError:
    """An error of the AWS client as one message that names ``what`` it was about."""
    words = str(error)
    if "<html" in words.lower():
        operation = re.search(r"when calling the (\w+) operation", words)
        call = operation[1] if operation else "this call"
        return SandboxError(
            f"{what}: moto has no {call}",
            "leave the change out of the local stack, or record it in embedded_cloud/providers/aws",
        )
    if type(error).__name__ in ("EndpointConnectionError", "ConnectionClosedError", "ConnectTimeoutError", "ReadTimeoutError"):
        silent = no_answer(os.environ["AWS_ENDPOINT_URL"])
        return SandboxError(f"{what}: {silent.problem}", silent.fix)
    return SandboxError(f"{what}: {words}", "mend the input it names and run `up` again")
