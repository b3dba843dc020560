"""Finds and masks credentials in strings.

A credential is found by its format, by the name of the value, or by its place, such as the argument after ``redis-cli -a``.

The formats are those of `detect-secrets`, and a few additional ones. `detect-secrets` can also verify a credential by a request to
the service that issued it. This module never does that.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate
from typing import Any, cast

from program.graph import Path
from program.protocol import MASK, UNKNOWNS

MORE_SHAPES = {
    "GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{22,}\b"),
    "Google API key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "OpenAI key": re.compile(r"\bsk-(?:proj|ant|svcacct)-[A-Za-z0-9_-]{20,}"),
    "password hash": re.compile(
        r"\$\$?(?:2[abxy]\$\$?\d\d\$\$?[./A-Za-z0-9]{53}|apr1\$\$?[./A-Za-z0-9]{1,8}\$\$?[./A-Za-z0-9]{22}"
        r"|[1567y]\$\$?[./A-Za-z0-9=$]{1,40}\$\$?[./A-Za-z0-9]{22,})|\{S?SHA(?:256|384|512)?\}[A-Za-z0-9+/]{27,}={0,2}"
    ),
    "npm token": re.compile(r"\bnpm_[A-Za-z0-9]{36}\b"),
    "Slack token": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    "Telegram bot token": re.compile(r"(?<![\d:])\d{8,10}:[0-9A-Za-z_-]{35}\b"),
    "Vault token": re.compile(r"\bhvs\.[A-Za-z0-9_-]{24,}"),
    "password in a URL": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:(?P<value>[^\s/@\"']+)@"),
}
"""Formats for which `detect-secrets` has no pattern, or a pattern that is too narrow or too wide."""

LEFT_OUT = (
    "BasicAuthDetector",  # reports placeholders as passwords; MORE_SHAPES has a narrower pattern
    "IPPublicDetector",  # an address is not a credential
    "TelegramBotTokenDetector",  # matches the end of an ARN; MORE_SHAPES has a narrower pattern
    # These detectors search for a key next to names of IBM products, which is slow on long strings. The search by name finds
    # these keys too.
    *("IbmCloudIamDetector", "IbmCosHmacDetector", "CloudantDetector", "SoftlayerDetector"),
)
"""Regular expression detectors of `detect-secrets` that this module does not use. The module uses no detectors of other kinds
(entropy, keywords)."""

SUSPICIOUS = re.compile(
    r"(?<![A-Za-z0-9+])(?=[A-Za-z+]*[0-9])[A-Za-z0-9+]{16,}|A(KIA|SIA|BIA|CCA|3T)[A-Z0-9]{12}"
    r"|://[^\s/]*@|PRIVATE KEY|xox[abeoprs]-|eyJ|hooks\.slack|\$(apr1|2[abxy]|[1567y])\$|\{S?SHA"
)
"""A fast test before the detectors: every format contains a long run of letters and digits, or another part of this pattern."""

LONGEST_DECODED = 64 * 1024
"""The maximum length of a base64 string that is decoded."""

SECRET_NOUNS = ("password", "passwd", "passphrase", "secret", "token", "apikey", "credential")
SHORT_NOUNS = ("pass", "pwd", "pw")
KEY_KINDS = ("api", "access", "secret", "private", "signing", "encryption", "auth", "master", "account", "license", "ssh")
"""Words before ``key`` in the name of a secret. Other keys are not secrets: a public key, a primary key or a cache key."""

QUALIFIERS = frozenset(
    {"base", "base64", "b64", "hex", "raw", "plain", "text", "value", "literal", "string", "current", "new", "old", "primary"}
    | {"secondary", "default", "prod", "production", "stage", "staging", "dev", "development", "test"}
)
"""Words that can follow the noun in the name of a secret: ``PASSWORD_PROD``, ``SECRET_KEY_BASE``."""
DIGEST_WORDS = frozenset({"checksum", "digest", "hash", "sha256", "version", "hashed", "encrypted", "sealed", "existing"})
"""If a name contains one of these words, its value describes a secret but does not reveal it."""
SWITCHES = frozenset(
    {"max", "min", "num", "allow", "enable", "disable", "require", "use", "has", "is", "with"}
    | {"forgot", "reset", "change", "show", "hide"}
)
"""If a name begins with one of these words, its value is a limit, a switch or a text about a secret, but not a secret."""

HARMLESS = re.compile(
    r"true|false|yes|no|on|off|null|none|required|optional|enabled|disabled|expired|missing|invalid|revoked|unknown"
    r"|\d{1,5}[kKmM]?|[.~]{0,2}/[a-z._/-]*|[.~]{0,2}(/[a-z.][\w.-]*){2,}/?|[.~]{0,2}/[\w-]+\.[a-z]{1,5}|\*+|\[secret\]",
    re.IGNORECASE,
)
"""Values that are never a secret, whatever the name of the value: a switch, a state, a small number, a path, a mask."""

REFERENCE = re.compile(
    r"arn:.*|(vault|op|ssm|secretsmanager|awssm|gcpsm|azurekv|keyvault|sops|env|file|secret|ref\+\w+):.*"
    r"|\$\([^)]*\)?|\$\{\{.*|\$\{[^}]*\}?|\$\w+(\{[^}]*\}?)?|`.*|\{\{.*|\{[\w.-]*\}?|%\(?\w*\)?s|%\w+%|<[^>]*>?"
)
"""Values that name the place of a secret, or the variable that contains it."""


ASSIGNMENT = re.compile(r"""["']?(?P<name>[A-Za-z_][\w./-]*)["']?[ \t]*(?:=|:)[ \t]*["']?(?P<value>[^\s"',;}\]]+)""")
"""An assignment in a string: ``NAME=value``, ``--name=value``, ``name: value`` or ``"name": "value"``."""


def kinds_in(text: str) -> Sequence[str]:
    """The kinds of credentials whose format occurs in a string."""
    return () if text in UNKNOWNS or SUSPICIOUS.search(text) is None else tuple(dict.fromkeys(_shapes(text)))


def named_secret(name: str, value: Any) -> bool:
    """Whether the name of a value indicates a secret, and the value can be a secret.

    The last word of the name, without qualifiers such as ``PROD``, determines the meaning: ``TOKEN_TTL`` is a time,
    ``PASSWORD_POLICY`` a policy, ``DB_PASSWORD`` a password.
    """
    if NOUNS.search(name) is None or value is None or isinstance(value, bool | int | float):
        return False
    text = str(value).strip()
    words = _words(name)
    if not text or text in UNKNOWNS or not words or DIGEST_WORDS & set(words) or words[0] in SWITCHES:
        return False
    return _names_secret(words, text) and not _is_harmless(words[-1], text)


def _names_secret(words: Sequence[str], text: str) -> bool:
    last = words[-1]
    if last in ("key", "keys"):
        return len(words) > 1 and words[-2] in KEY_KINDS
    if last == "authorization":
        return (found := SCHEME.match(text)) is not None and REFERENCE.fullmatch(found["value"]) is None
    if last == "auth":  # the value can also name a kind of authentication, such as `basic`
        return len(text) > 7 and re.search(r"\d", text) is not None and re.search(r"[A-Za-z]", text) is not None
    if last in ("bypass", "compass"):
        return False
    return any(last.removesuffix("s").endswith(noun) for noun in SECRET_NOUNS) or last.endswith(SHORT_NOUNS)


def _is_harmless(noun: str, text: str) -> bool:
    """Whether the value is not a secret. A value that only repeats the noun with a capital letter (``Password``) is a text of a
    user interface."""
    label = text.istitle() and text.lower() == noun
    return label or HARMLESS.fullmatch(text) is not None or REFERENCE.fullmatch(text) is not None


NOUNS = re.compile(r"pass|pwd|pw\b|pw_|secret|token|key|credential|auth", re.IGNORECASE)
"""A fast test before the search by name: every name of a secret contains one of these words."""

_SCHEME = r"(?:basic|bearer|token|digest|apikey)\s+(?P<value>[^\s\"']{6,})"
SCHEME = re.compile(_SCHEME, re.IGNORECASE)
"""The value of the header ``Authorization``."""

PLACES = tuple(
    (what, re.compile(pattern, re.IGNORECASE))
    for what, pattern in (
        ("Authorization", rf"\bauthorization[\"']?\s*[:=]\s*[\"']?{_SCHEME}"),
        ("requirepass", r"(?:^|\s)(?:--)?(?:requirepass|masterauth)[ \t]+[\"']?(?P<value>[^\s\"']+)"),
        ("password in netrc", r"\b(?:machine|login)\s+\S+.*?\bpassword\s+[\"']?(?P<value>[^\s\"']+)"),
        ("password in pgpass", r"^[^\s:#]+:(?:\d+|\*):[^:\s]+:[^:\s]+:(?P<value>[^:\s]+)$"),
        ("redis-cli -a", r"\bredis-cli\b.*?\s(?:-a|--pass)[ =][\"']?(?P<value>[^\s\"']+)"),
        ("mysql -p", r"\b(?:mysql\w*|mariadb[\w-]*)\b.*?\s-p[\"']?(?P<value>[^\s\"'-][^\s\"']*)"),
        ("", r"(?:^|\s)--?(?P<name>[A-Za-z][\w-]*)[ \t]+[\"']?(?P<value>(?=\S*\d)[^\s\"'-][^\s\"']*)"),
        ("password in an ACL of Redis", r"^\s*user\s+\S+\s.*?[\s\"']>(?P<value>[^\s\"']+)"),
        ("curl -u", r"\bcurl\b.*?\s(?:-u|--user)[ =]?[\"']?[\w.@-]+:(?P<value>[^\s\"']+)"),
        ("sshpass -p", r"\bsshpass\s+-p\s*[\"']?(?P<value>[^\s\"']+)"),
        ("", r"<(?P<name>[\w.:-]+)>(?P<value>[^<\s]+)</"),
        ("", r"[?&](?P<name>[\w.-]+)=(?P<value>[^&\s\"'#]+)"),
        ("signature in a URL", r"[?&]sig(?:nature)?=(?P<value>[^&\s\"'#]{8,})"),
    )
)
"""Places of credentials in files, commands and URLs, except assignments. Each entry has a kind of credential and a pattern.

If the kind is empty, the pattern has a group ``name``, and the text in this group must be the name of a secret."""
PLACES_HINT = re.compile(
    r"authorization|requirepass|masterauth|\bpassword\s|:(?:\d+|\*):|redis-cli|mysql|mariadb|curl|sshpass|</|[?&]\w+="
    r"|(?:^|\s)--?[\w-]*(?:pass|pwd|pw|secret|token|key|credential|auth)\w*\s|user\s.*>",
    re.IGNORECASE,
)
"""A fast test before :data:`PLACES`."""

SELECTOR = re.compile(r"\w\{[^{}\n]*\}")
"""The labels of a metric in PromQL, which are not assignments: ``errors_total{token="refresh"}``."""


@dataclass(frozen=True)
class CredentialPlace:
    """A place in a value that contains a credential."""

    path: Path
    what: str
    """The name of the value, or the kind of the credential."""
    named: bool
    """Whether the credential was found by the name or the place of the value; otherwise it was found by its format."""
    unknown: bool = False
    """Whether the value or its name is not known yet; such a value is not masked."""


def masked(value: Any, name: str = "") -> Any:
    """``value`` for printing, with a mask in place of each credential; ``name`` is the key of the value."""
    return _masked(value, name, (), [])


def places(value: Any, name: str = "") -> list[CredentialPlace]:
    """The places in ``value`` that contain a credential.

    :func:`masked` does not mask three kinds of these places: unknown values whose name indicates a secret, values whose name is
    unknown, and references (``configMapKeyRef``) that read a secret from a ConfigMap.
    """
    found: list[CredentialPlace] = []
    _masked(value, name, (), found)
    return found


def name_at(path: Path) -> str:
    """The last key of a path, or the key before it if the last key is ``value``: ``DB_PASSWORD`` for ``env[DB_PASSWORD].value``."""
    keys = [each for each in path if isinstance(each, str)]
    return keys[-2] if len(keys) > 1 and keys[-1] == "value" else (keys or [""])[-1]


def _masked(value: Any, name: str, path: Path, found: list[CredentialPlace], before: Sequence[str] = ()) -> Any:
    """Return ``value`` with masks, and add the places to ``found``. ``before`` is the part of a command line before ``value``."""
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value)
        label, referred = _label(items), "valueFrom" in items
        given: Any = items["valueFrom"] if referred else None
        unknown = label in UNKNOWNS or given in (UNKNOWNS if isinstance(given, str) else ())
        if unknown and (label in UNKNOWNS or named_secret(label, "a value")):
            found.append(CredentialPlace(path, label, named=True, unknown=True))
        elif named_secret(label, "a value") and isinstance(given, dict) and "configMapKeyRef" in given:
            found.append(CredentialPlace((*path, "valueFrom", "configMapKeyRef"), label, named=True))
        names = {key: label or "value" if key == "value" else str(key) for key in items}
        if "remoteRef" in items:  # in an ExternalSecret, `secretKey` is a key of the Secret, not a secret
            names["secretKey"] = ""
        if "ec2SshKey" in items:  # a node group has the name of a key pair
            names["ec2SshKey"] = ""
        return {key: _masked(item, names[key], (*path, key), found, _command_before(key, items)) for key, item in items.items()}
    if isinstance(value, list):
        items = cast("list[Any]", value)
        hidden = dict[int, str]()
        if all(isinstance(each, str) for each in items):
            arguments = _in_arguments([*before, *items]).items()
            hidden = {index - len(before): argument for index, argument in arguments if index >= len(before)}
        found += [CredentialPlace((*path, index), argument, named=True) for index, argument in hidden.items()]
        return [
            MASK if index in hidden else _masked(item, name, (*path, index), found)
            for index, item in enumerate(cast("list[Any]", value))
        ]
    if not isinstance(value, str):
        return value
    if value in UNKNOWNS:
        if named_secret(name, "a value"):
            found.append(CredentialPlace(path, name, named=True, unknown=True))
        return value
    if named_secret(name, value):
        found += [CredentialPlace(path, name, named=True), *(CredentialPlace(path, kind, named=False) for kind in kinds_in(value))]
        return MASK
    text, inside = _in_text(value)
    found += [CredentialPlace(path, what, named=named) for what, named in inside]
    return text


def _command_before(key: Any, items: dict[Any, Any]) -> list[str]:
    """The beginning of the command line whose arguments are under ``key``, such as a pod's ``command`` before its ``args``."""
    lists = (cast("list[Any]", items[each]) for each in COMMANDS.get(key, ()) if each in items and isinstance(items[each], list))
    return [str(each) for each in next(lists, cast("list[Any]", []))]


COMMANDS = {"args": ("command",), "command": ("entrypoint", "entrypoints")}
"""For the key of a list of arguments, the keys of the list that precedes it in the command line: ``command`` before ``args`` in a
pod, ``entrypoint`` before ``command`` in a compose file, ``entrypoints`` before ``command`` in the Docker provider."""


def _label(items: dict[Any, Any]) -> str:
    """The name that an object gives its ``value``, as in a variable, a header or a tag; empty if the object has no value."""
    if "value" not in items and "valueFrom" not in items:
        return ""
    return next((items[key] for key in ("name", "key", "label") if key in items and isinstance(items[key], str)), "")


def _in_arguments(arguments: Sequence[str]) -> dict[int, str]:
    """The name of each argument with a credential, by index: ``--password=x``, ``--requirepass x``, ``PASSWORD=x``, ``-a x``."""
    found: dict[int, str] = {}
    for index, argument in enumerate(arguments):
        for _, name in _named(argument):
            found.setdefault(index, name)
        if argument.startswith("-") and "=" not in argument and index + 1 < len(arguments):
            following = arguments[index + 1]
            if not following.startswith("-") and named_secret(argument.lstrip("-"), following):
                found.setdefault(index + 1, argument)
    command, ends = " ".join(arguments), list(accumulate(len(each) + 1 for each in arguments))
    for (start, _), name in _in_places(command):
        found.setdefault(next(index for index, end in enumerate(ends) if start < end), name)
    return found


Span = tuple[int, int]


def _named(text: str) -> Iterator[tuple[Span, str]]:
    """Yield the span and the name of each value in a string (a file, an argument) whose name or place indicates a secret."""
    if NOUNS.search(text) is not None:
        selectors = [found.span() for found in SELECTOR.finditer(text)] if "{" in text else []
        for found in ASSIGNMENT.finditer(text):
            in_selector = any(start <= found.start() < end for start, end in selectors) and found["value"].isalpha()
            if not in_selector and named_secret(found["name"], found["value"]):
                yield found.span("value"), found["name"]
    yield from _in_places(text)


def _in_places(text: str) -> Iterator[tuple[Span, str]]:
    if PLACES_HINT.search(text) is None:
        return
    for what, pattern in PLACES:
        for found in pattern.finditer(text):
            if named_secret(found["name"], found["value"]) if not what else REFERENCE.fullmatch(found["value"]) is None:
                yield found.span("value"), what or found["name"]


@lru_cache(maxsize=4096)
def _in_text(text: str) -> tuple[str, Sequence[tuple[str, bool]]]:
    """A string in which credentials are masked, and the credentials that it contains.

    If a credential is found by its format, the whole line is masked; if it is found by its name or place, only the value is masked.
    A base64 string that contains a credential, and a text that contains a private key, are masked as a whole.
    The result is cached, because the same strings are checked twice: with known and with unknown outputs.
    """
    decoded = _decoded(text)
    if decoded and (inside := _in_text(decoded)[1]):
        return MASK, inside
    if "\n" in text and not ("PRIVATE KEY" in text and kinds_in(text)):
        lines = [_in_text(line) for line in text.split("\n")]
        return "\n".join(line for line, _ in lines), tuple(dict.fromkeys(each for _, inside in lines for each in inside))
    if kinds := kinds_in(text):
        return MASK, tuple((kind, False) for kind in kinds)
    found = sorted(_named(text))
    masked_text, rest = "", 0
    for (start, end), _ in found:
        if start >= rest:
            masked_text, rest = f"{masked_text}{text[rest:start]}{MASK}", end
    return masked_text + text[rest:], tuple((name, True) for _, name in found)


def load() -> None:
    """Load the detectors, so that the first check does not wait for them."""
    _detectors()


def _shapes(text: str) -> Iterator[str]:
    for kind, pattern in MORE_SHAPES.items():
        found = pattern.search(text)
        if found and not (pattern.groups and REFERENCE.fullmatch(found["value"])):
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
    """The words of a name, without qualifiers and numbers at the end: ``["db", "password"]`` for ``DB_PASSWORD_PROD``."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    words = [each.lower() for each in re.split(r"[^A-Za-z0-9]+", spaced) if each]
    while len(words) > 1 and (words[-1] in QUALIFIERS or re.fullmatch(r"v?\d+", words[-1])):
        words.pop()
    return words


def _decoded(text: str) -> str:
    """The decoded content of a base64 string; empty if ``text`` is too short or long, or is not the base64 form of a text."""
    if not 16 <= len(text) <= LONGEST_DECODED or BASE64.fullmatch(text) is None:
        return ""
    try:
        return base64.b64decode(text, validate=False).decode()
    except (binascii.Error, ValueError):
        return ""


BASE64 = re.compile(r"[A-Za-z0-9+/\s]+=*\s*")
