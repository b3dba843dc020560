"""The stack file for the engine: the release is added, and every other value stays as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.errors import DeliveryError
from delivery.releases.configuration import with_settings
from delivery.releases.stack_file import StackFileError, of_checkout, parsed, with_release

FILE = """\
# Kept.
config:
  dwcp-v3:application: {replicas: 2}
  dwcp-v3:registryUsername: "012345678901"
  other:number: '012345678901'
  other:yes: 'yes'
  other:version: 1.10
  other:time: "1:30"
  other:date: '2026-01-01'
secretsprovider: awskms://new
encryptedkey: NEW
"""
APPLICATION = "dwcp-v3:application"


def test_only_the_release_is_added_to_the_text() -> None:
    text = with_release(FILE, "app:v1")
    assert parsed(text)["config"][APPLICATION] == {"replicas": 2, "release": "app:v1"}
    changed = [line for line in text.splitlines() if line not in FILE.splitlines()]
    assert changed == ['  dwcp-v3:application: {replicas: 2, release: "app:v1"}']


def test_the_release_can_be_removed_from_the_text() -> None:
    assert with_release(with_release(FILE, "app:v1"), None) == FILE
    assert parsed(with_release(with_release("config: {}", "app:v1"), None)) == {"config": {}}


def test_changed_settings_keep_the_spelling_of_credentials_and_encryption() -> None:
    text = with_settings(FILE, {"application.port": 8081, "environment.costCenter": "2026-01-01"})
    assert '  dwcp-v3:registryUsername: "012345678901"' in text
    assert 'costCenter: "2026-01-01"' in text
    assert parsed(text)["config"][APPLICATION] == {"port": 8081}
    assert parsed(text)["encryptedkey"] == "NEW"


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        ("config: [", "is not valid YAML", "correct the file"),
        ("a: b", "has no `config:` section", "under `config:`"),
        (
            "config:\n  dwcp-v3:redis: {}\n  dwcp-v3:redis: {}\n",
            "dwcp-v3:redis occurs twice, on lines 2 and 3",
            "keep one of the two",
        ),
        (
            "config:\n  a: {costCenter: 2026-01-01}\n",
            r"a\.costCenter is 2026-01-01, which",
            'quotes: "2026-01-01"',
        ),
        (
            "config:\n  a: {days: [2026-01-01 10:00:00]}\n",
            r"a\.days\.0 is 2026-01-01 10:00:00",
            "in quotes",
        ),
    ],
)
def test_an_invalid_file_is_reported_with_the_fix(text: str, problem: str, fix: str) -> None:
    with pytest.raises(StackFileError, match=problem) as error:
        parsed(text)
    assert fix in error.value.fix


def test_a_missing_file_is_reported() -> None:
    with pytest.raises(StackFileError, match=r"Pulumi.nowhere.yaml cannot be read"):
        of_checkout("nowhere")


def test_a_file_in_another_encoding_is_reported(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.local.yaml").write_bytes("config: {a: \xe9}".encode("latin-1"))
    with pytest.raises(DeliveryError, match=r"Pulumi.local.yaml is not UTF-8: byte 12 is 0xe9"):
        of_checkout("local", tmp_path)


def test_prometheus_runs_in_the_cluster_if_the_sandboxs_pods_are_containers() -> None:
    """A deployment would otherwise undo what `make up PODS=real` has applied, and nothing would be scraped."""
    texts = [of_checkout("local", variables=variables) for variables in ({"DWCP_PODS": "real"}, {})]
    assert [_outside_cluster(text) for text in texts] == [False, True]


def _outside_cluster(text: str) -> bool:
    return parsed(text)["config"]["dwcp-v3:monitoring"]["outsideCluster"]
