"""The error messages for wrong settings: the path, the value, the problem and the fix."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import IPv4Network
from typing import Any, cast, get_args

import pulumi
from pydantic import ValidationError
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from components.errors import ComponentsError
from components.settings.groups import Group
from contract import PROJECT

LONGEST_SHOWN_VALUE = 80

PROBLEMS = {
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "needs at least {min_length} in the list",
    "too_long": "takes at most {max_length} in the list",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "string_type": "must be text, in quotes if it looks like a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "missing": "is missing",
}
"""Messages for the author of a stack file, by the type of the pydantic error. Other types keep the message of pydantic."""
KEY = "[key]"
"""With this last part, the place of an error is the key of a map, and not its value."""


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One wrong setting. ``path`` omits the project's name. ``value`` is empty if the value is missing or must not be printed."""

    path: str
    problem: str
    fix: str
    value: str = ""

    def __str__(self) -> str:
        """The mistake as three lines for a terminal."""
        shown = f" = {self.value}" if self.value else ""
        return f"{PROJECT}:{self.path}{shown}\n    {self.problem}\n    fix: {self.fix}"


class SettingsError(ComponentsError):
    """The configuration of the stack is wrong; ``mistakes`` contains all mistakes."""

    def __init__(self, stack: str, mistakes: list[Mistake]) -> None:
        """Create the error with one message for all ``mistakes`` in the file of ``stack``."""
        self.mistakes = tuple(mistakes)
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        listed = "\n  ".join(str(mistake).replace("\n", "\n  ") for mistake in mistakes)
        super().__init__(f"{count} in the configuration of stack {stack} (Pulumi.{stack}.yaml):\n  {listed}")


def set_command(path: str, example: str) -> str:
    """The text of a fix: the command that sets ``path`` to ``example``, or for a structure or null the edit of the stack file."""
    if example.startswith(("[", "{")) or example == "null":
        parent, _, field = path.rpartition(".")
        edit = f"`{example}` as {PROJECT}:{path}" if field.endswith("]") else f"`{field}: {example}` under {PROJECT}:{parent}"
        return f"write {edit} in the stack file"
    quoted = f"'{example}'" if re.search(r"[^\w.:/-]", example) else example
    return f"{config_command('set', path)} {quoted}"


def config_command(verb: str, path: str) -> str:
    """The Pulumi CLI's command for one setting. The command contains the stack's name, because another stack can be selected."""
    return f"pulumi config {verb} -s {pulumi.get_stack()} --path '{PROJECT}:{path}'"


def remove_command(key: str) -> str:
    """The Pulumi CLI's command that removes a whole key of this stack.

    The command has no ``--path``. A key can have a dot in its name, because ``pulumi config set network.nat`` creates such a key.
    With ``--path``, the command would remove the field ``nat`` of the group ``network`` instead.
    """
    return f"pulumi config rm -s {pulumi.get_stack()} '{PROJECT}:{key}'"


def closest(key: str, known: Iterable[str]) -> str:
    """The end of a sentence that suggests the most similar known key; empty if no key is similar."""
    by_lower = {name.lower(): name for name in known}
    matches = get_close_matches(key.replace("_", "").lower(), by_lower, n=1)
    return f"; did you mean {by_lower[matches[0]]}?" if matches else ""


def conflict(group: str, field: str, problem: str, example: str, value: object) -> Mistake:
    """The mistake for a field whose value is valid, but conflicts with another field."""
    path = ".".join((group, *map(to_camel, field.split("."))))
    return Mistake(path=path, problem=problem, fix=set_command(path, example), value="" if value is None else _shown(value))


def explain(model: type[Group], group: str, error: ValidationError) -> list[Mistake]:
    """Every mistake that pydantic found in one group of the stack file."""
    mistakes: list[Mistake] = []
    details = error.errors()
    unknown_keys = {detail["loc"][:2] for detail in details if KEY in detail["loc"]}
    for detail in details:
        if detail["loc"][:2] in unknown_keys and KEY not in detail["loc"]:
            # The fix for an unknown key of a map removes the key with its value.
            continue
        if detail["type"] == "too_short" and any(other["loc"][:-1] == detail["loc"] for other in details):
            # Pydantic counts only the valid entries, and reports each entry that is not valid as a separate error.
            continue
        if detail["type"] == "conflicts":
            found = cast(list[tuple[str, str, str, object]], detail.get("ctx", {})["conflicts"])
            mistakes += [conflict(group, *parts) for parts in found]
        else:
            mistakes.append(_field_mistake(model, group, detail))
    return mistakes


def _field_mistake(model: type[Group], group: str, detail: ErrorDetails) -> Mistake:
    fields = {to_camel(name): field for name, field in model.model_fields.items()}
    first, *within = detail["loc"]
    path = group + "".join(_step(part) for part in detail["loc"] if part != KEY)
    if detail["type"] == "extra_forbidden":
        known = cast("dict[str, object]", _valid(fields[str(first)], within[:-1])) if within else fields
        # The value is not printed, because it can be a password under a misspelled key.
        problem = f"is not a setting{closest(str(detail['loc'][-1]), known)}"
        return Mistake(path=path, problem=problem, fix=config_command("rm", path))
    problem, example = _problem(detail, fields[str(first)])
    if KEY in detail["loc"]:
        return Mistake(path=path, problem=f"{problem}{closest(detail['input'], _options(detail))}", fix=config_command("rm", path))
    return Mistake(
        path=path,
        problem=problem,
        fix=set_command(path, example),
        value="" if detail["type"] == "missing" else _shown(detail["input"]),
    )


def _problem(detail: ErrorDetails, field: FieldInfo) -> tuple[str, str]:
    """The problem, and a valid value: the example of the type, the nearest allowed value, or a part of the field's example."""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "refused":
            return context["problem"], context["example"]
        case "literal_error":
            options = _options(detail)
            return f"must be one of {', '.join(options)}", _nearest(str(detail["input"]), options)
        case "greater_than_equal":
            example = str(context["ge"])
        case "less_than_equal":
            example = str(context["le"])
        case _:
            example = _shown(_valid(field, detail["loc"][1:]), yaml=True)
    problem = PROBLEMS.get(detail["type"])
    return (problem.format(**context) if problem else detail["msg"]), example


def _options(detail: ErrorDetails) -> list[str]:
    return [text or number for text, number in re.findall(r"'([^']+)'|(\d+)", detail.get("ctx", {})["expected"])]


def _step(part: int | str) -> str:
    """One step of a path. The Pulumi CLI needs quotes around a key that contains a dot or another special character."""
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if re.fullmatch(r"[\w-]+", part) else f'["{part}"]'


def _valid(field: FieldInfo, within: Sequence[int | str]) -> object:
    """A valid value for the entry ``within`` a field: a part of the field's example, or of its default if it has no example."""
    if field.is_required():
        return _nearest(pulumi.get_stack(), get_args(field.annotation))
    value: Any = field.examples[0] if field.examples else field.default
    for key in within:
        value = value[min(key, len(value) - 1)] if isinstance(key, int) else value[key]
    return value


def _nearest(text: str, options: Sequence[str]) -> str:
    """The stack's own name if it is an option, as in ``environment.name``; otherwise the option most similar to ``text``."""
    stack = pulumi.get_stack()
    return stack if stack in options else get_close_matches(text, options, n=1, cutoff=0)[0]


def _shown(value: object, *, yaml: bool = False) -> str:
    """A value as text. Without ``yaml``, an object becomes "an object", because a stack file's object can contain a secret."""
    if isinstance(value, list | tuple):
        items = cast(list[object], value)
        return "[" + ", ".join(_shown(item, yaml=yaml) for item in items) + "]"
    if isinstance(value, dict):
        fields = cast(dict[str, object], value)
        return "{" + ", ".join(f"{key}: {_shown(item, yaml=yaml)}" for key, item in fields.items()) + "}" if yaml else "an object"
    as_is = isinstance(value, IPv4Network) or (yaml and isinstance(value, str))
    text = str(value) if as_is else json.dumps(value)
    return text if len(text) <= LONGEST_SHOWN_VALUE else f"{text[:LONGEST_SHOWN_VALUE]}..."
