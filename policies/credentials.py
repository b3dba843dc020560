"""Finds credentials in a text by their format and by their name, and masks them.

The formats are those of `detect-secrets`, and a few that it does not have. Its verification, which sends the credential to its
service, is never used.
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
"""Formats that the last release of the detector does not have, or defines more narrowly."""

LEFT_OUT = (
    "IPPublicDetector",  # an address is not a credential
    "TelegramBotTokenDetector",  # matches the end of an ARN; MORE_SHAPES has a narrower pattern
    # They search for a key next to IBM's names: slow on long texts, and the search by name finds it too.
    *("IbmCloudIamDetector", "IbmCosHmacDetector", "CloudantDetector", "SoftlayerDetector"),
)
"""Detectors that are not used. Those that guess by entropy or by a keyword are not regular expressions, and are not used either."""

SUSPICIOUS = re.compile(
    r"(?<![A-Za-z0-9+])(?=[A-Za-z+]*[0-9])[A-Za-z0-9+]{16,}|A(KIA|SIA|BIA|CCA|3T)[A-Z0-9]{12}"
    r"|://[^\s/]*@|PRIVATE KEY|xox[abeoprs]-|eyJ|hooks\.slack"
)
"""A cheap test before the detectors: every format contains a long run of letters and digits, or one of these words."""

LONGEST_DECODED = 64 * 1024
"""The maximal length of a base64 text that is decoded."""

SECRET_NOUNS = ("password", "passwd", "passphrase", "secret", "token", "apikey", "credential")
KEY_OWNERS = ("api", "access", "secret", "private", "signing", "encryption", "auth", "master", "account", "license", "ssh")
"""Words before ``key`` that make it a secret: a public key, a primary key or a cache key is not a secret."""

DIGEST_WORDS = frozenset({"checksum", "digest", "hash", "sha256", "version", "hashed", "encrypted", "sealed"})
"""Words of names whose value describes a secret without revealing it."""

HARMLESS = re.compile(
    r"true|false|null|none|required|optional|enabled|disabled|\d+|[./~][\w./-]*|\$[({_].*|\{\{.*|<.*>|\*+|\[secret\]", re.IGNORECASE
)
"""Values that are not a secret whatever their name: a switch, a number, a path, a reference, a mask."""

ASSIGNMENT = re.compile(r"""["']?(?P<name>[A-Za-z_][\w./-]*)["']?[ \t]*(?:=|:)[ \t]*["']?(?P<value>[^\s"',;}\]]+)""")
"""``NAME=value``, ``--name=value``, ``name: value`` and ``"name": "value"``."""


def kinds_in(text: str) -> Sequence[str]:
    """The kinds of credentials that a text contains, directly or in base64."""
    return () if text in UNKNOWNS or SUSPICIOUS.search(text) is None else _kinds_in(text)


@lru_cache(maxsize=4096)
def _kinds_in(text: str) -> Sequence[str]:
    """Cached, because the same texts are checked in both worlds, at base and at head."""
    return tuple(dict.fromkeys(kind for each in (text, _decoded(text)) if each for kind in _shapes(each)))


def named_secret(name: str, value: Any) -> bool:
    """Whether a value is a secret by its name.

    The last word of a name is decisive: ``TOKEN_TTL`` is a time, ``PASSWORD_POLICY`` a policy, ``DB_PASSWORD`` a password.
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
"""A cheap test before the search for names: every name of a secret contains one of these."""


def assigned(text: str) -> Iterator[tuple[str, str]]:
    """The names and values in a text such as a file, an argument or an annotation, if a name can be a secret's."""
    if NOUNS.search(text) is None:
        return
    for found in ASSIGNMENT.finditer(text):
        yield found["name"], found["value"]


def in_arguments(arguments: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Index and name of each argument that is a secret by name: ``--password=x``, ``--requirepass x``, ``PASSWORD=x``."""
    for index, argument in enumerate(arguments):
        for name, value in assigned(argument):
            if named_secret(name, value):
                yield index, name
        if argument.startswith("-") and "=" not in argument and index + 1 < len(arguments):
            following = arguments[index + 1]
            if not following.startswith("-") and named_secret(argument.lstrip("-"), following):
                yield index + 1, argument


def masked(value: Any, name: str = "") -> Any:
    """``value`` for printing, with a mask instead of each credential; ``name`` is the key of the value."""
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
    """A text with a mask instead of each line that contains a credential, or only of the value if its name reveals it."""
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
    """Load the detectors, so that the first check does not wait for that."""
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
    """The decoded text of a base64 text, or an empty text."""
    if not 16 <= len(text) <= LONGEST_DECODED or re.fullmatch(r"[A-Za-z0-9+/\s]+=*\s*", text) is None:
        return ""
    try:
        return base64.b64decode(text, validate=False).decode(errors="ignore")
    except (binascii.Error, ValueError):
        return ""
