"""The stack file for a rollback or a promotion. The file has the configuration of the stack's last update, not the checkout's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from delivery.clients.checkpoint import Checkpoint, States
from delivery.clients.environment import Environment
from delivery.clients.pulumi import Engine
from delivery.releases.settings import leaves_of, with_leaves
from delivery.releases.stack_file import ENCRYPTION, StackFileError, of_checkout, parsed, quoted, written
from delivery.state.history import Update, encryption
from program.checkout import CHECKOUT


def present_stack_file(
    environment: Environment,
    states: States,
    last: Update,
    decrypts: Callable[[str], bool] | None = None,
    *,
    checkout: Path = CHECKOUT,
) -> str:
    """The stack file with the configuration of the stack's last update; before the first update, the checkout's stack file.

    The file contains the credentials of the last update. If no key decrypts them, because the encryption key was changed since the
    update, the file contains the checkout's credentials. Raises ``StackFileError`` if no key decrypts the checkout's
    credentials either.
    """
    file = parsed(of_checkout(environment.name, checkout, environment.variables))
    if not last.config:
        return written(file)
    readable = decrypts or Engine(environment).decrypts
    for candidate in _candidates(file, last.config, states.read()):
        text = written(candidate)
        if not _has_ciphertext(candidate["config"]) or readable(text):
            return text
    raise StackFileError(
        f"no key decrypts the credentials of {environment.name}: neither the key of the state nor the key in the stack file",
        f"check that your role may use the key: pulumi config --show-secrets -s {environment.name}",
    )


def with_settings(text: str, leaves: Mapping[str, Any]) -> str:
    """The stack file ``text`` with its settings replaced by ``leaves``. Credentials and encryption stay the same."""
    content = parsed(text)
    content["config"] = quoted(with_leaves(content["config"], leaves))
    return written(content)


def _candidates(file: dict[str, Any], last: Mapping[str, Any], state: Checkpoint) -> Iterator[dict[str, Any]]:
    """The possible stack files, in order of preference. Each file combines ciphertexts with a key that possibly decrypts them."""
    of_state, of_file = encryption(state), {key: file[key] for key in ENCRYPTION if key in file}
    for keys in (of_state or of_file, of_file):
        yield {"config": quoted(dict(last)), **keys}
    yield {"config": quoted(with_leaves(file["config"], leaves_of(last))), **of_file}


def _has_ciphertext(value: Any) -> bool:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return "secure" in items or any(_has_ciphertext(item) for item in items.values())
    return isinstance(value, list) and any(_has_ciphertext(item) for item in cast("list[Any]", value))
