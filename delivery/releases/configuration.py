"""The stack file of an update that goes back or promotes: what runs now, not what some checkout or some earlier day says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from delivery.clients.environment import Environment
from delivery.clients.pulumi import Engine
from delivery.releases.settings import Leaves, leaves_of, with_leaves
from delivery.releases.stack_file import ENCRYPTION, StackFileError, committed, parsed, quoted, written
from delivery.state.checkpoint import Checkpoint, States
from delivery.state.history import encryption, last_config
from program.checkout import CHECKOUT


def present(
    environment: Environment, states: States, decrypts: Callable[[str], bool] | None = None, *, checkout: Path = CHECKOUT
) -> str:
    """The stack file that the stack's last update ran with, whoever ran it.

    Its credentials are encrypted by a key that is still there: where the key was changed since, the checkout's, which were
    encrypted anew with it, stand in their place. Raises ``StackFileError`` where none can be decrypted.
    """
    file = parsed(committed(environment.name, checkout))
    noted = last_config(states)
    if noted is None:
        return written(file)
    readable = decrypts or Engine(environment).decrypts
    for candidate in _candidates(file, noted, states.read()):
        text = written(candidate)
        if not _has_ciphertext(candidate["config"]) or readable(text):
            return text
    raise StackFileError(
        f"no key decrypts the credentials of {environment.name}: neither the state's nor that of Pulumi.{environment.name}.yaml",
        f"check that your role may use the key: pulumi config --show-secrets -s {environment.name}",
    )


def settings_now(states: States) -> Leaves:
    """The settings that the stack's last update ran with."""
    return leaves_of(last_config(states) or {})


def with_settings(text: str, leaves: Mapping[str, Any]) -> str:
    """The stack file ``text`` with ``leaves`` as its settings, its own credentials and encryption."""
    content = parsed(text)
    content["config"] = quoted(with_leaves(content["config"], leaves))
    return written(content)


def _candidates(file: dict[str, Any], noted: Mapping[str, Any], state: Checkpoint) -> Iterator[dict[str, Any]]:
    """What may be meant, the most faithful first: each a stack file whose ciphertexts and key may belong together."""
    now, own = encryption(state), {key: file[key] for key in ENCRYPTION if key in file}
    for keys in (now or own, own):
        yield {"config": quoted(dict(noted)), **keys}
    yield {"config": quoted(with_leaves(file["config"], leaves_of(noted))), **own}


def _has_ciphertext(value: Any) -> bool:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return "secure" in items or any(_has_ciphertext(item) for item in items.values())
    return isinstance(value, list) and any(_has_ciphertext(item) for item in cast("list[Any]", value))
