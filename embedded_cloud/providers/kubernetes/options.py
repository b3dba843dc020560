"""The inputs of the ``kubernetes`` provider resource, those that the embedded provider models."""

from __future__ import annotations

import os
from dataclasses import dataclass

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.plugin import Properties

WITHOUT_EFFECT = {"version", "pluginDownloadURL", "kubeClientSettings", "suppressDeprecationWarnings", "suppressHelmHookWarnings"}
"""Inputs that make no difference to what ends up in the cluster."""

FORCE_VARIABLE = "PULUMI_K8S_ENABLE_PATCH_FORCE"
"""By which the official provider is told as well that it may take fields over from other managers."""

MODELLED = {
    "kubeconfig",
    "context",
    "namespace",
    "enableServerSideApply",
    "enableConfigMapMutable",
    "enableSecretMutable",
    "enablePatchForce",
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to reach the cluster, and how the official provider is told to behave.

    ``mutable`` are the kinds whose ``data`` is updated in place; ``force`` takes fields over from other managers.
    """

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str = "default"
    mutable: frozenset[str] = frozenset()
    force: bool = False

    @classmethod
    def parse(cls, inputs: Properties) -> Options:
        """Read the provider's inputs, in which the SDK writes a boolean as JSON; refuse what is not modelled."""
        given = {key: value for key, value in inputs.items() if value not in (None, "", "false", False)}
        refused = sorted(given.keys() - MODELLED - WITHOUT_EFFECT)
        if inputs.get("enableServerSideApply") in (False, "false"):
            refused.append("enableServerSideApply: false")
        if refused:
            raise EmbeddedCloudError(
                f"the embedded kubernetes provider does not model the provider input {', '.join(refused)}",
                "leave it out of the stack",
            )
        switches = {"enableConfigMapMutable": "core/ConfigMap", "enableSecretMutable": "core/Secret"}
        return cls(
            kubeconfig=given.get("kubeconfig"),
            context=given.get("context"),
            namespace=given.get("namespace", cls.namespace),
            mutable=frozenset(kind for switch, kind in switches.items() if switch in given),
            force="enablePatchForce" in given or os.environ.get(FORCE_VARIABLE) == "true",
        )
