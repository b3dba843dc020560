"""The connection to the embedded AWS: one client per service, created at first use."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from enum import Enum
from threading import Lock
from typing import Any, TypeVar

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.instructions import Instructions
from embedded_cloud.providers.aws._values import AbsentError
from embedded_cloud.providers.aws.creations import CONNECTIONS, AwsCreations, mark_call, no_answer

T = TypeVar("T")

ABSENT = re.compile(r"NotFound|NoSuch|^404$")
"""The services' error codes for a missing resource."""

DENIED = re.compile(r"assumed-role/([^/]+)/\S+ is not authorized to perform: (\S+)")
"""IAM's message about a role without a permission, with the role and the action."""


class Aws:
    """The AWS API of one region at ``AWS_ENDPOINT_URL``, and the default tags of the Pulumi provider that uses this API."""

    def __init__(self, region: str, default_tags: dict[str, str]) -> None:
        if not os.environ.get("AWS_ENDPOINT_URL"):
            instructions = Instructions.of_this_process()
            raise EmbeddedCloudError(
                "the embedded aws provider has no endpoint: AWS_ENDPOINT_URL is not set",
                f"{instructions.up}, then {instructions.environment}; stacks on real AWS use the official provider",
            )
        self.region = region
        self.default_tags = default_tags
        self.creations = AwsCreations(os.environ["AWS_ENDPOINT_URL"])
        self._clients: dict[str, Any] = {}
        self._lock = Lock()
        self._session: Any = None

    def client(self, service: str) -> Any:
        """The client of ``service``; botocore and the service's model are imported at first use."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._connect(service)
            return self._clients[service]

    def _connect(self, service: str) -> Any:
        import botocore.session
        from botocore.config import Config

        self._session = self._session or botocore.session.get_session()
        # No retries, because each retry of a call that moto does not implement gets the same error.
        config = Config(max_pool_connections=CONNECTIONS, retries={"total_max_attempts": 1})
        client = self._session.create_client(service, region_name=self.region, config=config)
        client.meta.events.register("before-call", mark_call)
        return client

    @property
    def account(self) -> str:
        """The id of the account."""
        return self.client("sts").get_caller_identity()["Account"]


class ServiceRefusal(Enum):
    """The meaning of a failed call to AWS."""

    ABSENT = "the resource does not exist"
    NO_SUCH_CALL = "moto lacks the call"
    DENIED = "the role may not perform the action"
    NO_ANSWER = "the endpoint does not answer"
    OTHER = "another error of the service"


def refusal(error: Exception) -> ServiceRefusal:
    """The meaning of ``error``, which a call to AWS has raised. Only this function interprets the services' error codes.

    botocore's classes are compared by name, because botocore is imported only at the first call.
    """
    if isinstance(error, AbsentError):
        return ServiceRefusal.ABSENT
    if type(error).__name__ in ("EndpointConnectionError", "ConnectionClosedError", "ConnectTimeoutError", "ReadTimeoutError"):
        return ServiceRefusal.NO_ANSWER
    if DENIED.search(str(error)):
        return ServiceRefusal.DENIED
    code: str = getattr(error, "response", {}).get("Error", {}).get("Code", "")
    if code == "NotImplemented":
        return ServiceRefusal.NO_SUCH_CALL
    return ServiceRefusal.ABSENT if ABSENT.search(code) else ServiceRefusal.OTHER


def unless_absent(call: Callable[[], T]) -> T | None:
    """The answer of ``call``; ``None`` if the service reports that the resource does not exist."""
    try:
        return call()
    except Exception as error:
        if refusal(error) is not ServiceRefusal.ABSENT:
            raise
        return None


MOST_LOOKS = 50
"""The maximum number of describe calls for a deletion. In the embedded cloud, some deletions end only after two of these calls."""


def until_absent(describe: Callable[[], object]) -> None:
    """Call ``describe`` until the service reports that the deleted resource does not exist.

    Raises ``EmbeddedCloudError`` if the resource still exists after :data:`MOST_LOOKS` calls.
    """
    for _ in range(MOST_LOOKS):
        if unless_absent(describe) is None:
            return
    raise EmbeddedCloudError("the deleted resource still exists", "describe it with any AWS client")


def explained(error: Exception, what: str) -> EmbeddedCloudError:
    """The error to report for ``error`` of the AWS client: a message about the resource ``what``, with a fix."""
    match refusal(error):
        case ServiceRefusal.NO_SUCH_CALL:
            fix = "leave the change out of the stack, or implement the call in embedded_cloud/front/"
            return EmbeddedCloudError(f"{what}: {error}", fix)
        case ServiceRefusal.DENIED:
            [(role, action)] = DENIED.findall(str(error))
            fix = f"allow {action} in a policy and the permissions boundary of the role {role}, and run `pulumi up` again"
            return EmbeddedCloudError(f"{what}: {error}", fix)
        case ServiceRefusal.NO_ANSWER:
            silent = no_answer(os.environ["AWS_ENDPOINT_URL"])
            return EmbeddedCloudError(f"{what}: {silent.problem}", silent.fix)
        case _:
            return EmbeddedCloudError(f"{what}: {error}", "correct the input that the message names, and run `pulumi up` again")
