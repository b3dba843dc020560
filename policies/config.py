"""The levels, limits and waivers with which the rules run, by environment.

Limits are in ``limits.py``, waivers in ``waivers.yaml``. A ``--policy-pack-config`` file can replace levels and limits for one run.
``make generate`` writes such a file for each environment, ``policies/config/ENVIRONMENT.json``, from the values in this package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from policies.errors import PolicyError
from policies.limits import Limits, limits_of
from policies.rule import Environment, Level, Rule
from policies.waivers import Waiver

LEVEL_KEY = "enforcementLevel"
ALL = "all"
"""The key in a pack config whose level applies to every policy that has no level of its own in the file."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The configuration of one run of the rules. ``levels`` and ``parameters`` contain the values of a pack config, by rule."""

    environment: Environment
    today: date
    limits: Limits
    waivers: tuple[Waiver, ...] = ()
    deployed: bool = False
    """Whether the resources are deployed. A check of deployed resources is never deferred: an unknown value counts as failed."""
    levels: Mapping[str, Level] = field(default_factory=dict[str, Level])
    parameters: Mapping[str, Limits] = field(default_factory=dict[str, Limits])

    def level(self, rule: Rule) -> Level:
        """The level of ``rule`` in this run."""
        return self.levels.get(rule.name) or self.levels.get(ALL) or rule.level(self.environment)

    def limits_for(self, rule: str) -> Limits:
        """The limits with which ``rule`` is evaluated."""
        return self.parameters.get(rule, self.limits)


def config_of(environment: Environment, *, today: date | None = None, waivers: Sequence[Waiver] = ()) -> Config:
    """The configuration of an environment, as of ``today``."""
    day = today or date.today()
    limits = limits_of(environment, day)
    return Config(environment=environment, today=day, limits=limits, waivers=tuple(waivers))


def with_pack_config(config: Config, content: Mapping[str, Any], rules: Sequence[Rule]) -> Config:
    """``config`` with the values of a ``--policy-pack-config`` file, which can set the level and the parameters of each rule.

    Raises :class:`~policies.errors.PolicyError` if an entry is not valid. The error names the rule and the wrong key or value.
    """
    by_name = {rule.name: rule for rule in rules}
    levels: dict[str, Level] = {}
    parameters: dict[str, Limits] = {}
    for name, entry in content.items():
        if name != ALL and name not in by_name:
            raise PolicyError(
                f"the pack config names a rule {name!r} that does not exist{closest(name, by_name)}", "correct or remove the entry"
            )
        values: Mapping[str, Any] = cast("Mapping[str, Any]", entry) if isinstance(entry, Mapping) else {LEVEL_KEY: entry}
        if LEVEL_KEY in values:
            levels[name] = _level(name, values[LEVEL_KEY])
        given = {key: value for key, value in values.items() if key != LEVEL_KEY}
        if given:
            parameters[name] = _limits(config.limits, name, given, by_name[name].parameters if name in by_name else ())
    return replace(config, levels=levels, parameters=parameters)


def read_pack_config(file: Path) -> dict[str, Any]:
    """The content of a ``--policy-pack-config`` file. Raises ``PolicyError`` if the file cannot be read or is not a JSON object."""
    try:
        content: Any = json.loads(file.read_text())
    except OSError as error:
        raise PolicyError(f"the pack config {file} cannot be read: {error.strerror}", "give the path of a JSON file") from error
    except ValueError as error:
        raise PolicyError(f"the pack config {file} is not valid JSON: {error}", "fix the file") from error
    if not isinstance(content, dict):
        raise PolicyError(f"the pack config {file} is not a JSON object", 'write {"RULE": "advisory"}')
    return cast("dict[str, Any]", content)


def pack_config(environment: Environment, rules: Sequence[Rule]) -> dict[str, Any]:
    """The configuration of an environment as a pack config, with all levels and parameters."""
    limits = config_of(environment).limits.model_dump(mode="json", by_alias=True)
    return {
        rule.name: {LEVEL_KEY: rule.level(environment), **{to_camel(each): limits[to_camel(each)] for each in rule.parameters}}
        for rule in rules
    }


@cache
def parameter_schema() -> dict[str, dict[str, Any]]:
    """The JSON schema of each parameter by its camelCase name; the engine validates a pack config with it.

    The schema has no defaults: the engine would send a default as if the user had set it, and the default would then replace the
    environment's value.
    """
    schema = Limits.model_json_schema(by_alias=True)
    return {
        key: {part: value for part, value in each.items() if part not in ("title", "default")}
        for key, each in schema["properties"].items()
    }


def closest(name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    """The end of a sentence that suggests the most similar known name; empty if no name is similar."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _level(rule: str, value: object) -> Level:
    if value not in get_args(Level):
        raise PolicyError(
            f"the pack config gives {rule} the level {value!r}",
            f"choose from {', '.join(get_args(Level))}; this pack cannot remediate",
        )
    return cast(Level, value)


def _limits(limits: Limits, rule: str, given: Mapping[str, Any], parameters: Sequence[str]) -> Limits:
    known = {to_camel(each): each for each in parameters}
    for key in given:
        if key not in known:
            fix = f"choose from {', '.join(known)}" if known else "the rule has no parameters: remove the entry"
            raise PolicyError(f"the rule {rule} has no parameter {key!r}, which the pack config sets{closest(key, known)}", fix)
    try:
        return Limits.model_validate({**limits.model_dump(by_alias=True), **given})
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        raise PolicyError(
            f"the pack config gives {rule}.{key} the value {given.get(key)!r}: {first['msg']}", "correct the value"
        ) from error
