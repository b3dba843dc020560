"""Pulumi.yaml and the stack files are read as the engine reads them, or refused with file and key."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, cast

import pytest
from recording import ROOT

from components.settings import SettingsError, load
from delivery.releases.stack_file import StackFileError, parsed
from program import evaluation
from program.errors import EvaluationError
from program.evaluation import PLACEHOLDERS
from program.project_files import stack_configuration

PROJECT = "name: dwcp-v3\nruntime: python\nconfig:\n  network:\n    type: object\n    default: {nat: single}\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    return tmp_path


def problem_of(checkout: Path, stack: bytes | str) -> str:
    (checkout / "Pulumi.staging.yaml").write_bytes(stack if isinstance(stack, bytes) else stack.encode())
    with pytest.raises(EvaluationError) as raised:
        stack_configuration(checkout, "staging", PLACEHOLDERS)
    assert raised.value.fix
    return raised.value.problem


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        ("config:\n  dwcp-v3:redis: {}\n  dwcp-v3:redis: {}\n", "the key config.dwcp-v3:redis occurs twice, on lines 2 and 3"),
        ("config:\n  dwcp-v3:redis:\n    a: 1\n    a: 2\n", "the key config.dwcp-v3:redis.a occurs twice, on lines 3 and 4"),
        ("config:\n  dwcp-v3:environment:\n    costCenter: 2026-01-01\n", "config.dwcp-v3:environment.costCenter is 2026-01-01"),
        ("config:\n  dwcp-v3:redis: {1: x}\n", "the key '1' in config.dwcp-v3:redis (line 2) is not a string"),
        ("config:\n  dwpc-v3:network: {}\n", "sets dwpc-v3:network, but neither the project nor a provider is called dwpc-v3"),
        (b"\xef\xbb\xbfconfig: {}\n", "is encoded as UTF-8 with a byte order mark"),
        ("config: {}\n".encode("utf-16"), "is encoded as UTF-16"),
        ("config:\n  dwcp-v3:environment: {owner: Zo\u00eb}\n".encode("latin-1"), "is not UTF-8: byte 41 on line 2"),
    ],
)
def test_content_that_the_engine_refuses_or_reads_differently_is_refused(checkout: Path, stack: bytes | str, message: str) -> None:
    found = problem_of(checkout, stack)
    assert found.startswith("Pulumi.staging.yaml")
    assert message in found


AMBIGUOUS = (
    *("yes", "no", "on", "Off", "1:30", "012", "012345678901", "0o17", "0x1F", "0b1", "1e3", "1.5e3", "1_000", "1_0.5", "+.5"),
    ".inf",
)
"""Values that YAML 1.1, YAML 1.2 and go-yaml read differently."""
UNAMBIGUOUS: dict[str, object] = {
    **{"true": True, "False": False, "null": None, "~": None, "0": 0, "-7": -7, "8080": 8080, "1.10": 1.1, ".5": 0.5},
    **{"1.5e+3": 1500.0, "'yes'": "yes", '"012"': "012", '"1:30"': "1:30"},
    **{each: each for each in ("y", "1.2.3", "v1", "10.0.0.0/16", "500m", "10Gi", "12ab", "a:b")},
}


@pytest.mark.parametrize("value", AMBIGUOUS)
def test_both_readers_of_a_stack_file_refuse_an_ambiguous_value(checkout: Path, value: str) -> None:
    text = f"config:\n  dwcp-v3:environment: {{owner: {value}}}\n"
    message = problem_of(checkout, text)
    assert f"config.dwcp-v3:environment.owner is {value} without quotes" in message
    with pytest.raises(StackFileError, match="YAML 1.1 and YAML 1.2 read differently") as refused:
        parsed(text)
    assert f'write it in quotes: "{value}"' in refused.value.fix
    with pytest.raises(StackFileError, match="is not a string"):
        parsed(f"config:\n  dwcp-v3:apiKeys:\n    {value}: a\n")


@pytest.mark.parametrize("value", UNAMBIGUOUS)
def test_both_readers_of_a_stack_file_return_the_same_value(checkout: Path, value: str) -> None:
    text = f"config:\n  dwcp-v3:environment:\n    owner: {value}\n"
    (checkout / "Pulumi.staging.yaml").write_text(text)
    [first, second] = (
        cast("dict[str, Any]", each)["owner"]
        for each in (
            stack_configuration(checkout, "staging", PLACEHOLDERS).values["dwcp-v3:environment"],
            parsed(text)["config"]["dwcp-v3:environment"],
        )
    )
    assert first == second == UNAMBIGUOUS[value]
    assert isinstance(second, type(first))


def test_the_fix_of_an_ambiguous_value_is_accepted() -> None:
    for value in AMBIGUOUS:
        assert parsed(f'config:\n  dwcp-v3:environment: {{owner: "{value}"}}\n')


def test_a_file_that_contains_itself_is_refused(checkout: Path) -> None:
    assert "alias" in problem_of(checkout, "config: &a\n  dwcp-v3:network: *a\n")


def test_a_misspelled_project_gets_a_suggestion(checkout: Path) -> None:
    (checkout / "Pulumi.staging.yaml").write_text("config:\n  dwpc-v3:network: {}\n")
    with pytest.raises(EvaluationError, match="did you mean dwcp-v3:network"):
        stack_configuration(checkout, "staging", PLACEHOLDERS)


def test_a_stack_file_without_a_key_has_the_projects_default(checkout: Path) -> None:
    (checkout / "Pulumi.staging.yaml").write_text("config: {}\n")
    assert stack_configuration(checkout, "staging", PLACEHOLDERS).values["dwcp-v3:network"] == {"nat": "single"}
    (checkout / "Pulumi.staging.yaml").write_text("config:\n  dwcp-v3:network: {zones: [a]}\n")
    assert stack_configuration(checkout, "staging", PLACEHOLDERS).values["dwcp-v3:network"] == {"zones": ["a"]}


def test_only_a_completely_encrypted_value_is_secret(checkout: Path) -> None:
    (checkout / "Pulumi.staging.yaml").write_text(
        "config:\n  dwcp-v3:redisPassword: {secure: v1:x}\n  dwcp-v3:registryToken: plain\n"
        "  dwcp-v3:apiKeys: {a: {secure: v1:y}, b: plain}\n"
    )
    secrets = stack_configuration(checkout, "staging", PLACEHOLDERS).secrets
    absent = {"dwcp-v3:grafanaPassword", "dwcp-v3:alertReceivers"}
    assert secrets == {"dwcp-v3:redisPassword", *absent}
    assert {f"dwcp-v3:{key}" for key in PLACEHOLDERS} - secrets == {"dwcp-v3:registryToken", "dwcp-v3:apiKeys"}


def test_a_secret_setting_in_plain_text_fails_the_evaluation(tmp_path: Path) -> None:
    """As in ``dwcp preview`` and ``dwcp policy``; the message does not contain the value."""
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    stack = (ROOT / "Pulumi.staging.yaml").read_text()
    (tmp_path / "Pulumi.staging.yaml").write_text(f"{stack}  dwcp-v3:redisPassword: hunter2hunter2\n")
    settings = stack_configuration(tmp_path, "staging", PLACEHOLDERS)
    with pytest.raises(SettingsError, match="is in the stack file in plain text") as refused:
        evaluation.run(load, settings.values, stack="staging", secrets=settings.secrets)
    assert "dwcp-v3:redisPassword" in str(refused.value)
    assert "hunter2" not in str(refused.value)
