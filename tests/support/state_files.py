"""A small state file, in the engine's format."""

from __future__ import annotations

import json
from typing import Any

STACK = "urn:pulumi:x::dwcp-v3::pulumi:pulumi:Stack::dwcp-v3-x"
PROVIDER = "urn:pulumi:x::dwcp-v3::pulumi:providers:kubernetes::kubernetes"


def state(time: str = "2026-01-02T03:04:05Z", **changes: Any) -> str:
    """The content of a state file with a stack, a provider and one object."""
    resources = [
        {"urn": STACK, "type": "pulumi:pulumi:Stack", "outputs": {"application": {"image": "app:v1.0.0"}}},
        {"urn": PROVIDER, "type": "pulumi:providers:kubernetes", "custom": True, "id": "1", "parent": STACK},
        {"urn": "urn:a", "type": "kubernetes:core/v1:ConfigMap", "custom": True, "provider": f"{PROVIDER}::1", "parent": STACK},
    ]
    latest = {"manifest": {"time": time}, "resources": resources, **changes}
    return json.dumps({"version": 3, "checkpoint": {"stack": "organization/dwcp-v3/x", "latest": latest}})
