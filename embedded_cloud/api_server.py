"""A small client for the embedded cloud's Kubernetes API, with the administrator's credentials: JSON in, JSON out."""

from __future__ import annotations

import base64
import io
import json
import urllib.error
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from ssl import create_default_context
from typing import Any

import urllib3

TIMEOUT_SECONDS = 10

Manifest = dict[str, Any]


class ApiServer:
    """A client of the API server in ``kubeconfig``.

    A failed call raises an ``OSError``. If the API server answers with an error, it is a ``urllib.error.HTTPError``.
    """

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self.url: str = cluster["server"]
        self._token: str = config["users"][0]["user"]["token"]
        tls = create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        # The connections stay open: the controllers and the simulator send ten requests per second, and a TLS handshake costs more
        # than the request.
        self._pool = urllib3.PoolManager(ssl_context=tls, timeout=TIMEOUT_SECONDS, retries=False)

    def request(self, method: str, path: str, body: Manifest | None = None, content_type: str = "application/json") -> bytes:
        """Send one request and return the body of the answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        try:
            answer = self._pool.request(method, self.url + path, body=data, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise OSError(f"{method} {self.url}{path}: {error}") from error
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise urllib.error.HTTPError(path, answer.status, answer.reason or "", Message(), io.BytesIO(answer.data))
        return answer.data

    def get(self, path: str) -> Manifest:
        """The object at ``path``."""
        return json.loads(self.request("GET", path))

    def items(self, path: str) -> list[Manifest]:
        """The items of the list at ``path``; empty if the API server answers 404, as it does for an unknown kind.

        The API server answers from its cache, without a request to etcd. The list can lack a change of the last milliseconds.
        """
        try:
            return self.get(f"{path}{'&' if '?' in path else '?'}resourceVersion=0")["items"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return []
            raise

    def create(self, path: str, manifest: Manifest) -> None:
        """Create an object in the collection ``path`` unless it exists."""
        try:
            self.request("POST", path, manifest)
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
