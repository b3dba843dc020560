"""The engine's encoding of values for which its protocol has no type: unknown values, secrets, whole numbers.

Sources: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/rpc.go (unknown values) and
https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go (signatures).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The value that the engine sends for a string that is not known before ``pulumi up``."""

UNKNOWNS = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""The values that the engine sends for an unknown string, boolean, number, list, asset, archive and object."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that distinguishes an encoded special value (a secret, an asset, a resource, an output) from an ordinary object."""
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
"""The value of :data:`SIGNATURE` in a secret."""

MASK = "[secret]"
"""The string that is printed in place of a secret."""


def is_wrapped(value: Any) -> bool:
    """Whether ``value`` has a :data:`SIGNATURE`.

    Such a value is a secret, or another special value (an asset, a resource, an output), which can contain a secret.
    """
    return isinstance(value, dict) and SIGNATURE in value


def is_secret(value: Any) -> bool:
    """Whether ``value`` is a secret, encrypted or not."""
    return is_wrapped(value) and cast("dict[str, Any]", value)[SIGNATURE] == SECRET_SIGNATURE


def mapped(value: Any, leaf: Callable[[Any], Any], whole: Callable[[Any], bool] = lambda _: False) -> Any:
    """A copy of ``value`` in which the result of ``leaf`` replaces each value that is neither an object nor a list, at any depth.

    An object or a list for which ``whole`` is true is passed to ``leaf`` too.
    """
    if isinstance(value, dict) and not whole(cast("dict[str, Any]", value)):
        return {key: mapped(item, leaf, whole) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list) and not whole(cast("list[Any]", value)):
        return [mapped(item, leaf, whole) for item in cast("list[Any]", value)]
    return leaf(value)


def masked(value: Any, mark: str = MASK, hidden: Callable[[Any], bool] = is_wrapped) -> Any:
    """``value`` with ``mark`` in place of every value for which ``hidden`` returns true, at any depth."""
    return mapped(value, lambda each: mark if hidden(each) else each, hidden)


def with_whole_numbers(value: Any) -> Any:
    """``value`` with whole numbers as ``int``, at any depth, because the protocol sends every number as floating-point."""
    return mapped(value, lambda each: int(each) if isinstance(each, float) and each.is_integer() else each)
