"""A small client for the embedded cloud's Kubernetes API, with the administrator's credentials: JSON in, JSON out."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from pathlib import Path
from ssl import create_default_context
from typing import Any

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
        self._tls = create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())

    def request(self, method: str, path: str, body: Manifest | None = None, content_type: str = "application/json") -> bytes:
        """Send one request and return the body of the answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        call = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        with urllib.request.urlopen(call, context=self._tls, timeout=TIMEOUT_SECONDS) as response:
            return response.read()

    def get(self, path: str) -> Manifest:
        """The object at ``path``."""
        return json.loads(self.request("GET", path))

    def items(self, path: str) -> list[Manifest]:
        """The items of the list at ``path``; empty if the API server answers 404, as it does for an unknown kind."""
        try:
            return self.get(path)["items"]
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
