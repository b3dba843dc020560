"""The service finds the same environment variables wherever it runs."""

from __future__ import annotations

import re

from manifests import evaluate
from recording import ROOT

from components.compose.compose_file import DEFAULTS
from components.compose.services import APPLICATION, stack

DEFAULT_SUFFICES = {"API_KEYS_FOLDER", "ROLLOUT_FILE"}
"""Variables of the service that the platform leaves at their defaults, which are where it mounts the files."""


def test_a_pod_and_a_container_have_the_same_variables_and_the_contract_names_each() -> None:
    pod = evaluate("production").one("ConfigMap", "dwcp-v3")["data"]
    container = next(service for service in stack(DEFAULTS).services if service.name == APPLICATION).environment
    contract = (ROOT / "docs/app-contract.md").read_text().partition("## Environment")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", contract, re.MULTILINE))
    assert pod.keys() == container.keys() == documented - DEFAULT_SUFFICES | {"HOME"}


def test_what_settings_decide_is_equal_in_both() -> None:
    pod = evaluate("production").one("ConfigMap", "dwcp-v3")["data"]
    container = next(service for service in stack(DEFAULTS).services if service.name == APPLICATION).environment
    particular = {"NODE_ENV", "REDIS_URL", "REDIS_PASSWORD_FILE", "HOME"}
    assert {name: value for name, value in pod.items() if name not in particular} == {
        name: value for name, value in container.items() if name not in particular
    }
