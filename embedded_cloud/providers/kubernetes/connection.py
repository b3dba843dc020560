"""One cluster's API server over HTTP.

The official Python client would do, but importing it takes 1.6 s at every command of the engine; urllib3 takes a tenth.
"""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import urllib3
import yaml

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.instructions import Instructions

Manifest = dict[str, Any]

ANSWER_SECONDS = 30
"""An API server on this machine answers in milliseconds; one that takes this long is stuck."""

FIXES = {
    401: "{up}, which writes a fresh kubeconfig, then {environment}",
    404: "create what it names first: declare it, and let this object depend on it",
    409: "see the change with `pulumi refresh`; or leave the field to its owner by ignore_changes; "
    "or take it with the annotation pulumi.com/patchForce: 'true'",
}
FIX = "correct what it names and run the same command again"


class ApiError(EmbeddedCloudError):
    """The API server refused: ``code`` is the HTTP status, ``causes`` are Kubernetes' own (reason, message, field)."""

    def __init__(self, status: Manifest, title: str = "") -> None:
        """``status`` is the refusal as a Kubernetes ``Status`` object, ``title`` the object concerned."""
        self.code: int = status.get("code", 500)
        self.message: str = status.get("message") or status.get("reason") or f"HTTP {self.code}"
        self.causes: list[dict[str, str]] = (status.get("details") or {}).get("causes") or []
        fix = FIXES.get(self.code, FIX).format(**vars(Instructions.of_this_process()))
        super().__init__(f"{title}: {self.message}" if title else self.message, fix)


class Connection:
    """What a kubeconfig's context leads to. Safe for use by many threads."""

    def __init__(self, kubeconfig: str | None, context: str | None) -> None:
        """``kubeconfig`` is the file's content or its path; without one, KUBECONFIG names it."""
        cluster, user = _chosen(_read(kubeconfig), context)
        self.url: str = cluster["server"]
        self.pool = urllib3.PoolManager(
            maxsize=32,
            ca_cert_data=base64.b64decode(cluster["certificate-authority-data"]).decode(),
            headers={"Authorization": f"Bearer {user['token']}"},
            timeout=ANSWER_SECONDS,
            # An idle connection may be closed under a request; every request sent here can be repeated.
            retries=urllib3.Retry(connect=0, read=2, redirect=0, status=0, allowed_methods=None),
        )

    def call(
        self, method: str, path: str, body: object = None, content_type: str = "application/json", title: str = ""
    ) -> Manifest:
        """One request; raises :class:`ApiError` for a refusal, about the object ``title``."""
        headers = {**self.pool.headers, "Content-Type": content_type}
        try:
            response = self.pool.request(method, self.url + path, json=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            instructions = Instructions.of_this_process()
            raise EmbeddedCloudError(
                f"the Kubernetes API at {self.url} does not answer: {error}", f"{instructions.status}, then {instructions.up}"
            ) from error
        for warning in response.headers.getlist("Warning"):
            # the engine shows what a provider writes to standard error
            print(f"{title or path}: warning: {_warning_text(warning)}", file=sys.stderr)
        if response.status >= 400:
            raise ApiError(_refusal(response), title)
        return response.json()


def _warning_text(header: str) -> str:
    """The text of ``299 - "text"``, in which quotes are escaped."""
    return re.sub(r"\\(.)", r"\1", header.partition(" - ")[2].strip('"'))


def _refusal(response: urllib3.BaseHTTPResponse) -> Manifest:
    """The ``Status`` object that a refusal carries; an unknown path is refused in plain text."""
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    return {"code": response.status} | (response.json() if is_json else {"message": response.data.decode().strip()})


def _read(kubeconfig: str | None) -> Mapping[str, Any]:
    source = kubeconfig or os.environ.get("KUBECONFIG", "")
    shown = "given to the provider" if "clusters" in source else f"{source!r}"
    try:
        content = yaml.safe_load(source if "clusters" in source else Path(source).read_text())
    except (OSError, yaml.YAMLError) as error:
        instructions = Instructions.of_this_process()
        fix = f"{instructions.up}, then {instructions.environment}"
        raise EmbeddedCloudError(f"cannot read the kubeconfig {shown}: {error}", fix) from error
    return content if isinstance(content, dict) else {}


def _chosen(config: Mapping[str, Any], context: str | None) -> tuple[Manifest, Manifest]:
    """The cluster and the user of a context; the provider knows how to use a bearer token and the cluster's authority."""
    name = context or config.get("current-context")
    try:
        chosen = _named(config, "contexts", name)["context"]
        cluster = _named(config, "clusters", chosen["cluster"])["cluster"]
        user = _named(config, "users", chosen["user"])["user"]
        for holder, key in ((cluster, "server"), (cluster, "certificate-authority-data"), (user, "token")):
            holder[key]
    except (KeyError, StopIteration, TypeError) as error:
        raise EmbeddedCloudError(
            f"the kubeconfig's context {name!r} lacks {error or 'an entry'}: the embedded provider needs the server's URL, its "
            "certificate-authority-data and a user's token",
            f"use the embedded cloud's own kubeconfig: {Instructions.of_this_process().environment}",
        ) from error
    return cluster, user


def _named(config: Mapping[str, Any], section: str, name: str | None) -> Manifest:
    return next(each for each in config[section] if each["name"] == name)
