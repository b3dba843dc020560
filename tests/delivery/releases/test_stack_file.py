"""The stack file that the engine gets: the release in it, nothing of the checkout changed, old keys left behind."""

from __future__ import annotations

import pytest
import yaml

from delivery.releases.stack_file import StackFileError, committed, digest, parsed, with_encryption_of, with_release

FILE = "config:\n  dwcp-v3:application: {replicas: 2}\nsecretsprovider: awskms://new\nencryptedkey: NEW\n"
APPLICATION = "dwcp-v3:application"


def test_the_release_is_added_to_the_applications_settings() -> None:
    assert parsed(with_release(FILE, "app:v1"))["config"][APPLICATION] == {"replicas": 2, "release": "app:v1"}


def test_without_one_the_stack_decides() -> None:
    assert parsed(with_release(with_release(FILE, "app:v1"), None)) == yaml.safe_load(FILE)
    assert parsed(with_release(with_release("config: {}", "app:v1"), None)) == {"config": {}}


def test_an_old_configuration_keeps_the_present_key() -> None:
    old = FILE.replace("new", "old").replace("NEW", "OLD").replace("replicas: 2", "replicas: 5")
    mixed = parsed(with_encryption_of(old, FILE))
    assert (mixed["secretsprovider"], mixed["encryptedkey"]) == ("awskms://new", "NEW")
    assert mixed["config"][APPLICATION] == {"replicas": 5}


def test_the_digest_is_of_what_is_configured() -> None:
    assert digest(FILE) == digest(with_release(FILE, "app:v1")) == digest(FILE.replace("NEW", "OLD"))
    assert digest(FILE) != digest(FILE.replace("replicas: 2", "replicas: 3"))


@pytest.mark.parametrize(("text", "problem"), [("config: [", "is not valid YAML"), ("a: b", "has no `config:` section")])
def test_a_broken_file_is_named(text: str, problem: str) -> None:
    with pytest.raises(StackFileError, match=problem):
        parsed(text)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(StackFileError, match=r"Pulumi.nowhere.yaml cannot be read"):
        committed("nowhere")
