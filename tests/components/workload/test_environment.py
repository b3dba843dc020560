"""The service has the same environment variables on Kubernetes and on Docker."""

from __future__ import annotations

import re
from typing import Annotated

import pytest
from manifests import evaluate, platform
from recording import ROOT, run, stack_config

from components.compose.compose_file import DEFAULTS
from components.compose.services import APPLICATION, stack
from components.settings import DwcpSettings, Settings
from components.settings.types import Variable
from tools.settings_reference import variable_table

LEFT_AT_DEFAULT = {"API_KEYS_FOLDER", "ROLLOUT_FILE"}
"""Variables that the platform does not set, because it mounts the files at the default paths."""


def test_pods_and_containers_have_the_variables_of_the_contract() -> None:
    pod = evaluate("production").one("ConfigMap", "dwcp-v3")["data"]
    container = next(service for service in stack(DEFAULTS).services if service.name == APPLICATION).environment
    contract = (ROOT / "docs/app-contract.md").read_text().partition("## Environment")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", contract, re.MULTILINE))
    assert pod.keys() == container.keys() == documented - LEFT_AT_DEFAULT | {"HOME"}


class MoreSettings(DwcpSettings):
    """The group with one more environment variable."""

    compress: Annotated[bool, Variable("COMPRESS")] = False
    """Whether the service compresses frames (test)."""


def test_a_field_is_all_that_a_new_variable_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings.model_fields["dwcp"], "annotation", MoreSettings)
    changed = {**stack_config("production"), "dwcp-v3:dwcp": {"compress": True}}
    pod = run(platform, changed, stack_name="production").one("kubernetes:core/v1:ConfigMap", "dwcp-v3-config")["data"]
    container = stack(DEFAULTS.model_copy(update={"dwcp": MoreSettings()})).services[0]
    assert (pod["COMPRESS"], container.environment["COMPRESS"]) == ("true", "false")
    assert "| `COMPRESS` | `dwcp.compress` | `false` | true, false | Whether the service compresses frames |" in variable_table()


def test_configured_variables_have_equal_values_in_pods_and_containers() -> None:
    pod = evaluate("production").one("ConfigMap", "dwcp-v3")["data"]
    container = next(service for service in stack(DEFAULTS).services if service.name == APPLICATION).environment
    different = {"NODE_ENV", "REDIS_URL", "REDIS_PASSWORD_FILE", "HOME"}
    assert {name: value for name, value in pod.items() if name not in different} == {
        name: value for name, value in container.items() if name not in different
    }
