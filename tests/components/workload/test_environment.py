"""The service has the same environment variables on Kubernetes and on Docker."""

from __future__ import annotations

import re

from manifests import evaluate
from recording import ROOT

from components.compose.compose_file import DEFAULTS
from components.compose.services import APPLICATION, stack

LEFT_AT_DEFAULT = {"API_KEYS_FOLDER", "ROLLOUT_FILE"}
"""Variables that the platform does not set, because it mounts the files at the default paths."""


def test_pods_and_containers_have_the_variables_of_the_contract() -> None:
    pod = evaluate("production").one("ConfigMap", "dwcp-v3")["data"]
    container = next(service for service in stack(DEFAULTS).services if service.name == APPLICATION).environment
    contract = (ROOT / "docs/app-contract.md").read_text().partition("## Environment")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", contract, re.MULTILINE))
    assert pod.keys() == container.keys() == documented - LEFT_AT_DEFAULT | {"HOME"}


def test_configured_variables_have_equal_values_in_pods_and_containers() -> None:
    pod = evaluate("production").one("ConfigMap", "dwcp-v3")["data"]
    container = next(service for service in stack(DEFAULTS).services if service.name == APPLICATION).environment
    different = {"NODE_ENV", "REDIS_URL", "REDIS_PASSWORD_FILE", "HOME"}
    assert {name: value for name, value in pod.items() if name not in different} == {
        name: value for name, value in container.items() if name not in different
    }
