"""Reads ``Pulumi.yaml`` and stack files as the engine does, or raises one error that names the file and the key."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import yaml

from contract import PROJECT
from program.checkout import program_of, stacks_of
from program.errors import EvaluationError
from program.protocol import mapped

PROJECT_FILE = "Pulumi.yaml"
ENGINE_NAMESPACE = "pulumi"
BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "UTF-8 with a byte order mark", codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}
PACKAGE = re.compile(r"^pulumi[-_]([a-z0-9]+)", re.MULTILINE)
PACKAGE_FILES = ("requirements.txt", "pyproject.toml")


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The configuration of a stack by full key (``NAMESPACE:NAME``), and the keys that hold secrets."""

    values: Mapping[str, Any]
    secrets: frozenset[str]
    """Full keys of values that are encrypted at every leaf, and of secrets that are not set. Their ``values`` are placeholders."""
    read_as_secrets: frozenset[str] = frozenset()
    """Full keys that the program reads as secrets. A stack file may set them in plain text; the stack file of ``local`` does so."""


def read_yaml(file: Path) -> Any:
    """The content of a YAML file, as plain JSON values.

    Raises :class:`EvaluationError` if the file cannot be read, is not UTF-8 or not valid YAML, or is ambiguous
    (:func:`require_unambiguous`).
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise EvaluationError(f"{file.name} cannot be read: {error.strerror}", "add the file, or make it readable") from error
    for mark, name in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            raise EvaluationError(f"{file.name} is encoded as {name}", "save it as UTF-8 without a byte order mark")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise EvaluationError(f"{file.name} is not UTF-8: byte {error.start} on line {line}", "save it as UTF-8") from error
    require_unambiguous(text, file.name)
    return yaml.load(text, yaml.CSafeLoader)


def require_unambiguous(text: str, name: str) -> None:
    """Raise :class:`EvaluationError` if YAML 1.1, YAML 1.2 and the engine do not all read the same values in ``text``.

    PyYAML reads YAML 1.1, ruamel.yaml reads YAML 1.2, and the engine (go-yaml) reads a mixture of both. The error is also raised
    for text that is not valid YAML, a duplicate key, and a key that is not a string. The message contains the file's ``name``.
    """
    try:
        tree = cast("yaml.Node | None", cast(Any, yaml).compose(text, yaml.CSafeLoader))
        for problem, fix in _mistakes(tree, ()) if tree is not None else ():
            raise EvaluationError(f"{name}: {problem}", fix)
        yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise EvaluationError(f"{name} is not valid YAML: {error}", "correct the file") from error
    except RecursionError as error:
        raise EvaluationError(f"{name} has an alias inside its own anchor", "write the value without the alias") from error


STRING = "tag:yaml.org,2002:str"
SAME = re.compile(
    r"~|null|Null|NULL||true|True|TRUE|false|False|FALSE|[-+]?(0|[1-9][0-9]*)|([-+]?[0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?"
)
"""Values without quotes that every reader resolves to the same null, boolean or number."""
NUMBER = re.compile(r"[-+]?0[oObBxX][0-9A-Fa-f_]+|[-+]?(\.[0-9][0-9_]*|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?")
"""Values without quotes that YAML 1.2 or the engine (go-yaml) resolves to a number, although YAML 1.1 may read a string."""


def _mistakes(node: yaml.Node, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    where = ".".join(path) or "the file"
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            line = key.start_mark.line + 1
            if key.tag not in (STRING, "tag:yaml.org,2002:merge") or _is_ambiguous(key):
                yield f"the key {name!r} in {where} (line {line}) is not a string", f"write it in quotes: {name!r}"
            if name in seen:
                full = ".".join((*path, name))
                yield f"the key {full} occurs twice, on lines {seen[name]} and {line}", "keep one of the two"
            seen[name] = line
            yield from _mistakes(value, (*path, name))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(cast("list[yaml.Node]", node.value)):
            yield from _mistakes(item, (*path, str(index)))
    elif node.tag == "tag:yaml.org,2002:timestamp":
        yield f"{where} is {node.value}, which YAML reads as a date", f'write it in quotes: "{node.value}"'
    elif _is_ambiguous(node):
        otherwise = ", or write true or false" if node.tag == "tag:yaml.org,2002:bool" else ""
        yield (
            f"{where} is {node.value} without quotes, which YAML 1.1 and YAML 1.2 read differently",
            f'write it in quotes: "{node.value}"{otherwise}',
        )


def _is_ambiguous(node: yaml.Node) -> bool:
    """Whether readers of different versions of YAML resolve a value without quotes to different types or numbers."""
    if not isinstance(node, yaml.ScalarNode) or node.style or SAME.fullmatch(str(node.value)):
        return False
    return node.tag != STRING or NUMBER.fullmatch(str(node.value)) is not None


def project_name(folder: Path) -> str:
    """The name of the project in a program's folder. Every URN and the stack's path in the backend contain this name."""
    return str(_project(folder)["name"])


def _project(folder: Path) -> dict[str, Any]:
    content = read_yaml(folder / PROJECT_FILE)
    name = cast("dict[str, Any]", content).get("name") if isinstance(content, dict) else None
    if not isinstance(name, str) or not name:
        raise EvaluationError(f"{PROJECT_FILE} names no project", f"write the project's name, for example `name: {PROJECT}`")
    return cast("dict[str, Any]", content)


def stack_configuration(
    checkout: Path, stack: str, placeholders: Mapping[str, Any], stack_file: Path | None = None
) -> Configuration:
    """The configuration in ``stack_file``, or else in the checkout's file, with the project's defaults.

    Encrypted values, and secrets that are not set, are placeholders. Secrets in plain text are kept.

    The placeholder of an encrypted value contains a digest of its ciphertext. So the graph changes when a secret changes, and does
    not reveal the secret. A secret of the platform that the stack file does not set gets the value from ``placeholders``.
    """
    folder = program_of(checkout, stack)
    file = stack_file or folder / f"Pulumi.{stack}.yaml"
    if not file.exists():
        known = ", ".join(sorted(stacks_of(checkout)))
        raise EvaluationError(f"there is no stack {stack!r}: {file.name} cannot be read", f"choose from {known}")
    content = read_yaml(file)
    found = cast("dict[str, Any]", content).get("config") if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise EvaluationError(f"{file.name} has no `config:` section", "write the stack's settings under `config:`")
    project = _project(folder)
    if folder != checkout:  # only the platform's program reads these secrets; another program refuses them as unknown keys
        placeholders = {}
    given = {_full(key): value for key, value in cast("dict[str, Any]", found).items()}
    _refuse_unknown_namespaces(file.name, [str(key) for key in cast("dict[str, Any]", found)], checkout, project["name"])
    config = {_full(key): value for key, value in placeholders.items()}
    config |= _defaults(project, given)
    config |= {key: _without_ciphertext(value) for key, value in given.items()}
    secret = {key for key, value in given.items() if _is_encrypted(value)}
    named = frozenset(_full(key) for key in placeholders)
    return Configuration(values=config, secrets=frozenset(secret | named - given.keys()), read_as_secrets=named)


def with_other_secrets(configuration: Configuration) -> Configuration:
    """The configuration with other placeholders for its secrets.

    A value that is equal in the graphs of both configurations does not depend on a secret.
    """

    def other(value: Any) -> Any:
        return mapped(value, lambda each: f"other-{each}" if isinstance(each, str) else each, lambda each: isinstance(each, list))

    changed = configuration.secrets | configuration.read_as_secrets
    values = {key: other(value) if key in changed else value for key, value in configuration.values.items()}
    return Configuration(values=values, secrets=configuration.secrets, read_as_secrets=configuration.read_as_secrets)


def _full(key: str) -> str:
    return key if ":" in key else f"{PROJECT}:{key}"


def _defaults(project: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The project's values for every stack, and its defaults for the keys that the stack does not set."""
    declared = project.get("config")
    found: dict[str, Any] = {}
    for key, entry in (cast("dict[str, Any]", declared) if isinstance(declared, dict) else {}).items():
        if not isinstance(entry, dict):
            found[_full(key)] = entry
            continue
        fields = cast("dict[str, Any]", entry)
        value = fields.get("value", fields.get("default"))
        if value is not None and _full(key) not in given:
            found[_full(key)] = _without_ciphertext(value)
    return found


def _refuse_unknown_namespaces(file: str, keys: list[str], checkout: Path, project: str) -> None:
    """Raise ``EvaluationError`` for a key with an unknown namespace, because no program reads it and a default would apply."""
    texts = [(checkout / each).read_text() for each in PACKAGE_FILES if (checkout / each).exists()]
    packages = {name for text in texts for name in PACKAGE.findall(text)}
    known = {project, PROJECT, ENGINE_NAMESPACE, "aws", "kubernetes", "docker", *packages}
    for key in keys:
        namespace, colon, name = key.partition(":")
        if colon and namespace not in known:
            near = get_close_matches(namespace, sorted(known), n=1)
            meant = f"did you mean {near[0]}:{name}?" if near else f"write {PROJECT}:{name}, or remove it"
            raise EvaluationError(f"{file} sets {key}, but neither the project nor a provider is called {namespace}", meant)


def _is_encrypted(value: Any) -> bool:
    """Whether every leaf of a value is encrypted."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return _is_secure(fields) or (bool(fields) and all(map(_is_encrypted, fields.values())))
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return bool(items) and all(map(_is_encrypted, items))


def _without_ciphertext(value: Any) -> Any:
    def placeholder(each: Any) -> Any:
        return f"placeholder-{hashlib.sha256(str(each['secure']).encode()).hexdigest()[:12]}" if _is_secure(each) else each

    return mapped(value, placeholder, _is_secure)


def _is_secure(value: Any) -> bool:
    return isinstance(value, dict) and cast("dict[str, Any]", value).keys() == {"secure"}
