"""Credentials in a text: by their shape, by the name that they are given, and masked.

The shapes are those of `detect-secrets`, and a few that it does not know. What it calls verification, a request to the service that
the credential belongs to, is never used.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, cast

from program.protocol import MASK, UNKNOWNS

MORE_SHAPES = {
    "GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{22,}\b"),
    "Google API key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "OpenAI key": re.compile(r"\bsk-(?:proj|ant|svcacct)-[A-Za-z0-9_-]{20,}"),
    "npm token": re.compile(r"\bnpm_[A-Za-z0-9]{36}\b"),
    "Slack token": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    "Telegram bot token": re.compile(r"(?<![\d:])\d{8,10}:[0-9A-Za-z_-]{35}\b"),
    "Vault token": re.compile(r"\bhvs\.[A-Za-z0-9_-]{24,}"),
    "password in a URL": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:(?!\$)[^\s/@\"'$]+@"),
}
"""Shapes that the detector's last release is too old for, or that it reads more narrowly."""

LEFT_OUT = (
    "IPPublicDetector",  # an address is no credential
    "TelegramBotTokenDetector",  # takes the end of an ARN for one; MORE_SHAPES has a narrower one
    # They look for a key beside IBM's names: slow on long texts, and found by its name anyway.
    *("IbmCloudIamDetector", "IbmCosHmacDetector", "CloudantDetector", "SoftlayerDetector"),
)
"""Detectors that are not used. Those that guess, by entropy or by a keyword, are no regular expressions and left out too."""

SUSPICIOUS = re.compile(
    r"(?<![A-Za-z0-9+])(?=[A-Za-z+]*[0-9])[A-Za-z0-9+]{16,}|A(KIA|SIA|BIA|CCA|3T)[A-Z0-9]{12}"
    r"|://[^\s/]*@|PRIVATE KEY|xox[abeoprs]-|eyJ|hooks\.slack"
)
"""What every shape has somewhere: a long run of letters and digits, or one of these words. It spares most texts the detectors."""

LONGEST_DECODED = 64 * 1024
"""Characters of a base64 text that is looked into."""

SECRET_NOUNS = ("password", "passwd", "passphrase", "secret", "token", "apikey", "credential")
KEY_OWNERS = ("api", "access", "secret", "private", "signing", "encryption", "auth", "master", "account", "license", "ssh")
"""What a key belongs to when it is a secret: a public key, a primary key or a cache key is none."""

DIGEST_WORDS = frozenset({"checksum", "digest", "hash", "sha256", "version", "hashed", "encrypted", "sealed"})
"""Words of names whose value says something about a secret without giving it away."""

HARMLESS = re.compile(
    r"true|false|null|none|required|optional|enabled|disabled|\d+|[./~][\w./-]*|\$[({_].*|\{\{.*|<.*>|\*+|\[secret\]", re.IGNORECASE
)
"""Values that are no secret whatever their name: a switch, a number, a path, a reference, a mask."""

ASSIGNMENT = re.compile(r"""["']?(?P<name>[A-Za-z_][\w./-]*)["']?[ \t]*(?:=|:)[ \t]*["']?(?P<value>[^\s"',;}\]]+)""")
"""``NAME=value``, ``--name=value``, ``name: value`` and ``"name": "value"``."""


def kinds_in(text: str) -> Sequence[str]:
    """What kinds of credentials a text holds, itself or in base64."""
    return () if text in UNKNOWNS or SUSPICIOUS.search(text) is None else _kinds_in(text)


@lru_cache(maxsize=4096)
def _kinds_in(text: str) -> Sequence[str]:
    """The same texts are looked at in both worlds, at base and at head."""
    return tuple(dict.fromkeys(kind for each in (text, _decoded(text)) if each for kind in _shapes(each)))


def named_secret(name: str, value: Any) -> bool:
    """Whether a value is a secret because its name says so.

    The last word of a name is what it names: ``TOKEN_TTL`` is a time, ``PASSWORD_POLICY`` a policy, ``DB_PASSWORD`` a password.
    """
    if value is None or isinstance(value, bool | int | float):
        return False
    text = str(value).strip()
    if not text or text in UNKNOWNS or HARMLESS.fullmatch(text):
        return False
    words = _words(name) if NOUNS.search(name) else []
    if not words or DIGEST_WORDS & set(words):
        return False
    last = words[-1]
    if last in ("key", "keys"):
        return len(words) > 1 and words[-2] in KEY_OWNERS
    if last in ("bypass", "compass"):
        return False
    return any(last.removesuffix("s").endswith(noun) for noun in SECRET_NOUNS if len(noun) > 4) or last.endswith(("pass", "pwd"))


NOUNS = re.compile(r"pass|pwd|secret|token|key|credential", re.IGNORECASE)
"""What is in every name of a secret: it spares most texts the search for names."""


def assigned(text: str) -> Iterator[tuple[str, str]]:
    """The names and values in a text such as a file, an argument or an annotation, where one may be a secret's."""
    if NOUNS.search(text) is None:
        return
    for found in ASSIGNMENT.finditer(text):
        yield found["name"], found["value"]


def in_arguments(arguments: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Which arguments of a command are secrets by name, each with it: ``--password=x``, ``--requirepass x``, ``PASSWORD=x``."""
    for index, argument in enumerate(arguments):
        for name, value in assigned(argument):
            if named_secret(name, value):
                yield index, name
        if argument.startswith("-") and "=" not in argument and index + 1 < len(arguments):
            following = arguments[index + 1]
            if not following.startswith("-") and named_secret(argument.lstrip("-"), following):
                yield index + 1, argument


def masked(value: Any, name: str = "") -> Any:
    """``value`` as it may be shown, with a mask in place of each credential; ``name`` is the key that it stands under."""
    if isinstance(value, dict):
        return {key: masked(item, str(key)) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list):
        items = cast("list[Any]", value)
        hidden = {index for index, _ in in_arguments(items)} if all(isinstance(each, str) for each in items) else set[int]()
        return [MASK if index in hidden else masked(item, name) for index, item in enumerate(items)]
    if not isinstance(value, str):
        return value
    if named_secret(name, value):
        return MASK
    return masked_text(value)


def masked_text(text: str) -> str:
    """A text, of which each line that holds a credential is masked, or its value where it is one of a name."""
    if "\n" in text:
        if "PRIVATE KEY" in text and kinds_in(text):
            return MASK
        return "\n".join(masked_text(line) for line in text.split("\n"))
    if kinds_in(text):
        return MASK
    if ("=" not in text and ":" not in text) or NOUNS.search(text) is None:
        return text
    return ASSIGNMENT.sub(
        lambda found: found[0].replace(found["value"], MASK) if named_secret(found["name"], found["value"]) else found[0], text
    )


def load() -> None:
    """Load the detectors, which takes a while the first time."""
    _detectors()


def _shapes(text: str) -> Iterator[str]:
    for kind, pattern in MORE_SHAPES.items():
        if pattern.search(text):
            yield kind
    for kind, patterns in _detectors():
        if any(pattern.search(text) for pattern in patterns):
            yield kind


@cache
def _detectors() -> list[tuple[str, Sequence[re.Pattern[str]]]]:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class  # loads every detector
    from detect_secrets.plugins.base import RegexBasedDetector

    classes = cast("Iterable[type[Any]]", get_mapping_from_secret_type_to_class().values())
    used = [each for each in classes if issubclass(each, RegexBasedDetector) and each.__name__ not in LEFT_OUT]
    return [(str(each.secret_type), cast("list[re.Pattern[str]]", list(cast(Any, each()).denylist))) for each in used]


def _words(name: str) -> list[str]:
    """``["db", "password"]`` of ``dbPassword``, ``DB_PASSWORD`` and ``spring.db-password``; a number at the end is dropped."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    words = [each.lower() for each in re.split(r"[^A-Za-z0-9]+", spaced) if each]
    while words and re.fullmatch(r"v?\d+", words[-1]):
        words.pop()
    return words


def _decoded(text: str) -> str:
    """What a base64 text says, or nothing."""
    if not 16 <= len(text) <= LONGEST_DECODED or re.fullmatch(r"[A-Za-z0-9+/\s]+=*\s*", text) is None:
        return ""
    try:
        return base64.b64decode(text, validate=False).decode(errors="ignore")
    except (binascii.Error, ValueError):
        return ""
