"""The provider's part of :mod:`embedded_cloud.creations`: opens and closes creations, and finds those that a killed `up` left open.

A creation is the record of the calls that create one resource. It is open until the engine knows the resource's id.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import quote

import urllib3

from embedded_cloud.creations import CALL, CREATION, PATH
from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.instructions import Instructions
from embedded_cloud.providers.aws._values import Properties

CONNECTIONS = 32
"""The maximum number of connections that a client keeps open. It is large, because the engine creates resources in parallel."""


def no_answer(endpoint: str) -> EmbeddedCloudError:
    """The error if ``endpoint`` does not answer."""
    instructions = Instructions.of_this_process()
    return EmbeddedCloudError(f"the AWS API at {endpoint} does not answer", f"{instructions.status}, then {instructions.up}")


@dataclass
class _Calls:
    """The creation to which this thread's calls belong, and the number of calls that the thread has sent for it."""

    urn: str
    sent: int = 0


_current: ContextVar[_Calls | None] = ContextVar("creation", default=None)


def mark_call(params: dict[str, Any], **_: Any) -> None:
    """Add the URN of the creation and the number of the call to the call's headers. botocore calls this function before a call."""
    if calls := _current.get():
        params["headers"] |= {CREATION: quote(calls.urn), CALL: str(calls.sent)}
        calls.sent += 1


class AwsCreations:
    """The open creations in the moto server at ``endpoint``. Thread-safe for different resources."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS)
        self._lock = Lock()
        self._listed: dict[str, Properties] | None = None

    @property
    def _open(self) -> dict[str, Properties]:
        """The open creations: those that were open when this process first listed them, and those that it has opened."""
        with self._lock:
            listed = self._listed if self._listed is not None else self._send("GET").json()
            self._listed = listed
            return listed

    def left(self, urn: str) -> Properties | None:
        """The open creation of ``urn`` if its resource may exist, else ``None``.

        The creation's ``id`` is ``None`` if no provider has recorded the id (:meth:`made`).
        """
        found = self._open.get(urn)
        return found if found and (found["id"] or found["answered"]) else None

    @contextmanager
    def calls(self, urn: str) -> Iterator[None]:
        """A context in which this thread's calls to AWS belong to the creation of ``urn`` and are numbered from 0."""
        token = _current.set(_Calls(urn))
        try:
            yield
        finally:
            _current.reset(token)

    def begin(self, urn: str, inputs: Properties) -> None:
        """Open a creation."""
        self._send("PUT", urn=urn, inputs=inputs)
        self._open[urn] = {"inputs": inputs, "id": None, "answered": 0}

    def made(self, urn: str, id: str) -> None:
        """Record the id of the created resource, before the engine receives the id."""
        self._send("POST", urn=urn, id=id)
        self._open[urn]["id"] = id

    def known(self, urn: str, id: str) -> None:
        """Close the creation if its id is ``id``. Call this function only after the engine has sent ``id``."""
        found = self._open.get(urn)
        if found and found["id"] == id:
            self._send("DELETE", urn=urn)
            self._open.pop(urn, None)

    def _send(self, method: str, **body: Any) -> Any:
        try:
            return self._pool.request(method, self._endpoint + PATH, json=body or None)
        except urllib3.exceptions.HTTPError as error:
            raise no_answer(self._endpoint) from error
