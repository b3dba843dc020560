"""The service finds the same environment variables wherever it runs."""

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

DEFAULT_SUFFICES = {"API_KEYS_FOLDER", "ROLLOUT_FILE"}
"""Variables of the service that the platform leaves at their defaults, which are where it mounts the files."""


def test_a_pod_and_a_container_have_the_same_variables_and_the_contract_names_each() -> None:
    pod = evaluate("production").one("ConfigMap", "dwcp-v3")["data"]
    container = next(service for service in stack(DEFAULTS).services if service.name == APPLICATION).environment
    contract = (ROOT / "docs/app-contract.md").read_text().partition("## Environment")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", contract, re.MULTILINE))
    assert pod.keys() == container.keys() == documented - DEFAULT_SUFFICES | {"HOME"}


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


def test_what_settings_decide_is_equal_in_both() -> None:
    pod = evaluate("production").one("ConfigMap", "dwcp-v3")["data"]
    container = next(service for service in stack(DEFAULTS).services if service.name == APPLICATION).environment
    particular = {"NODE_ENV", "REDIS_URL", "REDIS_PASSWORD_FILE", "HOME"}
    assert {name: value for name, value in pod.items() if name not in particular} == {
        name: value for name, value in container.items() if name not in particular
    }
