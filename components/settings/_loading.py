"""Loads ``Settings`` and ``Secrets`` from the stack's configuration, or raises one error that lists every mistake."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

import pulumi
from pulumi.runtime import config as engine
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from components.monitoring.alertmanager_config import WATCHDOG, Receiver
from components.settings._mistakes import (
    PROJECT,
    Mistake,
    SettingsError,
    closest,
    config_command,
    conflict,
    explain,
    remove_command,
    set_command,
)
from components.settings.groups import AccountSettings, DockerSettings, EnvironmentSettings, Group, MonitoringSettings
from components.settings.rules import Settings, conflicts_between
from contract import API_KEY_PREFIX

ALWAYS_NEEDED = ("redisPassword", "registryToken")
API_KEYS = "apiKeys"
GRAFANA_PASSWORD = "grafanaPassword"
ALERT_RECEIVERS = "alertReceivers"
SECRET_KEYS = (*ALWAYS_NEEDED, API_KEYS, GRAFANA_PASSWORD, ALERT_RECEIVERS)
"""Config keys that are read as secrets; ``apiKeys`` and ``alertReceivers`` are objects with one key per API or receiver."""
REGISTRY_USERNAME = "registryUsername"
CREDENTIALS = (*SECRET_KEYS, REGISTRY_USERNAME)
"""Keys that the record of a release in S3 does not contain, so that a rollback never restores an old credential."""
DEFAULT_REGISTRY = "docker.io"
"""The registry of an image whose name contains no host: https://docs.docker.com/reference/cli/docker/image/tag/"""


LONGEST_API_NAME = 253 - len(API_KEY_PREFIX)
"""Maximum length of an API's name. A key of a Kubernetes Secret has at most 253 characters.

Source: https://kubernetes.io/docs/concepts/configuration/secret/
"""
API_NAME = re.compile(rf"[-._a-zA-Z0-9]{{1,{LONGEST_API_NAME}}}")
API_NAMES = f"up to {LONGEST_API_NAME} ASCII letters, digits, '-', '_' and '.'"
DATE = re.compile(r"(?P<day>\d{4}-\d\d-\d\d) \d\d:\d\d:\d\d(\.\d+)? \S+ \S+")
"""The form in which the engine passes a YAML date of the stack file to the program."""


@dataclass(frozen=True, kw_only=True)
class RegistryCredentials:
    """The credentials for the registry of the application's image."""

    server: str
    """Host of the registry, taken from the image's name."""
    username: str
    token: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """The stack's secrets. They are not in the settings models, so that no dump, preview or error message contains them."""

    redis_password: pulumi.Output[str]
    api_keys: pulumi.Output[dict[str, str]]
    """The key of each API that the service calls, by the API's name; empty if the service calls no API."""
    registry: RegistryCredentials
    grafana_password: pulumi.Output[str] | None
    """``None`` if the stack has no Grafana."""
    alert_receivers: pulumi.Output[dict[str, str]] | None
    """Address or key of each receiver, by the receiver's name; ``None`` if the alerts have no receiver."""


def load() -> tuple[Settings, Secrets]:
    """The settings and secrets of the current stack.

    Raises ``SettingsError`` with all mistakes at once. The message never contains the value of a secret.
    """
    config = pulumi.Config(PROJECT)
    groups: dict[str, Group] = {}
    mistakes = list(_unknown_keys([*(to_camel(name) for name in Settings.model_fields), *SECRET_KEYS, REGISTRY_USERNAME]))
    for name, field in Settings.model_fields.items():
        found = _group(config, to_camel(name), cast(type[Group], field.annotation))
        if isinstance(found, Group):
            groups[name] = found
        else:
            mistakes += found
    for path, problem, example in conflicts_between(groups):
        group, field = path.split(".")
        mistakes.append(conflict(to_camel(group), field, problem, example, getattr(groups[group], field, None)))
    environment = groups.get("environment")
    if isinstance(environment, EnvironmentSettings):
        mistakes += _wrong_environment(environment)
    mistakes += _wrong_secrets(config, environment, groups.get("monitoring"), groups.get("docker"))
    if mistakes:
        raise SettingsError(pulumi.get_stack(), mistakes)
    settings = Settings.model_validate(groups)
    return settings, _secrets(config, settings)


def load_account() -> AccountSettings:
    """The settings of the account's own stack. Raises ``SettingsError`` with all mistakes at once."""
    known = ["account"]
    found = _group(pulumi.Config(PROJECT), "account", AccountSettings)
    mistakes = [*_unknown_keys(known), *([] if isinstance(found, Group) else found)]
    if mistakes or not isinstance(found, AccountSettings):
        raise SettingsError(pulumi.get_stack(), mistakes)
    return found


def _group(config: pulumi.Config, key: str, model: type[Group]) -> Group | list[Mistake]:
    """One group of the stack file, or its mistakes; a group that the stack file does not set has its default values."""
    if engine.is_config_secret(config.full_key(key)):
        problem = f"has an encrypted value, but only {', '.join(SECRET_KEYS)} are read as secrets"
        return [Mistake(path=key, problem=problem, fix=f"{remove_command(key)}, then set its fields in plain text")]
    text = config.get(key)
    try:
        content: Any = {} if text is None else json.loads(text)
    except json.JSONDecodeError:
        content = text
    if not isinstance(content, dict):
        fix = f"write its fields, indented, under {PROJECT}:{key} in the stack file; docs/settings.md lists the fields"
        return [Mistake(path=key, problem="must be an object of settings", fix=fix)]
    problem = "is text that YAML reads as a date"
    dates = [
        Mistake(path=path, problem=problem, fix=f"write it in quotes: {path.rpartition('.')[2]}: '{day}'")
        for path, day in _dates(key, content)
    ]
    try:
        found = model.model_validate(content, by_alias=True, by_name=False)
    except ValidationError as error:
        named = {each.path for each in dates}
        return dates + [each for each in explain(model, key, error) if each.path not in named]
    return dates or found


def _dates(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """The path and the day of each setting that YAML read as a date because the value has no quotes."""
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield from _dates(f"{path}.{key}", item)
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _dates(f"{path}[{index}]", item)
    elif isinstance(value, str) and (found := DATE.fullmatch(value)):
        yield path, found["day"]


def _unknown_keys(known: Sequence[str]) -> Iterator[Mistake]:
    """A mistake for each key that is not a setting. Without this check, a misspelled group would silently keep its defaults."""
    for full_key in engine.CONFIG.get():
        namespace, _, key = full_key.partition(":")
        if namespace == PROJECT and key not in known:
            yield Mistake(path=key, problem=_not_a_setting(key, known), fix=remove_command(key))


def _not_a_setting(key: str, known: Sequence[str]) -> str:
    group = key.partition(".")[0]
    if group != key and group in known:
        return f"is a key with a dot in its name, not a field of {group}: the key was set without --path"
    return f"is not a setting{closest(key, known)}"


def _wrong_environment(environment: EnvironmentSettings) -> Iterator[Mistake]:
    """A mistake if ``environment.name`` differs from the stack's name.

    The names of AWS resources contain the environment's name, so the resources of two stacks with the same environment would have
    the same names. The rules for the settings (``components/settings/rules.py``) depend on the environment too, so a stack with a
    wrong name would get the rules of another environment.
    """
    stack = pulumi.get_stack()
    environments = get_args(EnvironmentSettings.model_fields["name"].annotation)
    if environment.name == stack:
        return
    if stack in environments:
        yield conflict("environment", "name", f"is not the environment of stack {stack}", stack, environment.name)
    else:
        yield Mistake(
            path="environment.name",
            problem=f"is the environment of the stack {environment.name}, whose resources have the same names",
            fix=f"use the stack {environment.name}, or add the environment {stack} (docs/handbook/development.md)",
            value=environment.name,
        )


def _wrong_secrets(
    config: pulumi.Config, environment: Group | None, monitoring: Group | None, docker: Group | None
) -> Iterator[Mistake]:
    """A mistake for each missing, malformed or unencrypted secret, each wrong receiver, and a missing ``registryUsername``.

    No mistake contains a secret's value. The sandbox's secrets may be in plain text, because the sandbox contains no real data.
    """
    may_be_plain = isinstance(environment, EnvironmentSettings) and environment.name == "local"
    if not (config.get(REGISTRY_USERNAME) or "").strip():
        yield Mistake(
            path=REGISTRY_USERNAME,
            problem="is missing: the account that pulls the image",
            fix=set_command(REGISTRY_USERNAME, "novacron"),
        )
    needed = (*ALWAYS_NEEDED, *((GRAFANA_PASSWORD,) if _has_grafana(monitoring, docker) else ()))
    for key in SECRET_KEYS:
        fix = _how_to_set(f"{key}.NAME" if key in (API_KEYS, ALERT_RECEIVERS) else key)
        text = config.get(key)
        if not (text or "").strip():
            if key in needed:
                yield Mistake(path=key, problem="is missing", fix=fix)
        elif key not in (API_KEYS, ALERT_RECEIVERS) and _is_structure(text):
            yield Mistake(path=key, problem="must be a string, but is an object or a list", fix=fix)
        elif key == API_KEYS and (text or "").strip() == "{}":
            yield Mistake(path=key, problem="names no API; remove the key if the service calls none", fix=remove_command(key))
        elif key == API_KEYS and not _is_named_texts(text):
            yield Mistake(path=key, problem=f"must be an object with one string per API, under a name of {API_NAMES}", fix=fix)
        elif not may_be_plain and not engine.is_config_secret(config.full_key(key)):
            yield Mistake(path=key, problem="is in the stack file in plain text", fix=fix)
    if isinstance(monitoring, MonitoringSettings):
        yield from _wrong_receivers(config.get(ALERT_RECEIVERS), monitoring)


def _has_grafana(monitoring: Group | None, docker: Group | None) -> bool:
    """Whether the stack has Grafana, in the cluster or on the Docker host."""
    bundled = isinstance(monitoring, MonitoringSettings) and monitoring.mode == "bundled"
    return bundled or (isinstance(docker, DockerSettings) and docker.enabled)


def _wrong_receivers(text: str | None, monitoring: MonitoringSettings) -> Iterator[Mistake]:
    """A mistake for each unknown receiver, and for each receiver without a secret.

    Without this check, Alertmanager would report a missing secret only at the first alert.
    """
    if text and not _is_named_texts(text):
        fix = _how_to_set(f"{ALERT_RECEIVERS}.NAME")
        yield Mistake(path=ALERT_RECEIVERS, problem="must be an object with one string per receiver", fix=fix)
        return
    given: dict[str, str] = json.loads(text or "{}")
    known = (*get_args(Receiver), WATCHDOG)
    for receiver in sorted(given.keys() - set(known)):
        path = f"{ALERT_RECEIVERS}.{receiver}"
        yield Mistake(path=path, problem=f"is not a receiver{closest(receiver, known)}", fix=config_command("rm", path))
    named = {field: cast("tuple[str, ...]", getattr(monitoring, field)) for field in ("critical_receivers", "warning_receivers")}
    needed = [(receiver, f"{to_camel(field)} names {receiver}") for field, receivers in named.items() for receiver in receivers]
    for receiver, why in [*needed, *([(WATCHDOG, "watchdog is true")] if monitoring.watchdog else [])]:
        if receiver not in given:
            path = f"{ALERT_RECEIVERS}.{receiver}"
            yield Mistake(path=path, problem=f"is missing, but monitoring.{why}", fix=_how_to_set(path))


def _api_keys(config: pulumi.Config) -> pulumi.Output[dict[str, str]]:
    given = (config.get(API_KEYS) or "").strip()
    return config.require_secret_object(API_KEYS) if given else pulumi.Output.secret({})


def _how_to_set(path: str) -> str:
    return f"{config_command('set --secret', path)}, and enter the value at the prompt"


def _is_structure(text: str | None) -> bool:
    """Whether ``text`` is the JSON of an object or a list; the engine passes a structured value as JSON."""
    try:
        return isinstance(json.loads(text or ""), dict | list)
    except json.JSONDecodeError:
        return False


def _is_named_texts(text: str | None) -> bool:
    """Whether ``text`` is the JSON of an object with keys that a Kubernetes Secret accepts and with nonempty string values."""
    try:
        keys: Any = json.loads(text or "")
    except json.JSONDecodeError:
        return False
    return isinstance(keys, dict) and all(
        API_NAME.fullmatch(name) and isinstance(value, str) and value for name, value in cast(dict[str, Any], keys).items()
    )


def _secrets(config: pulumi.Config, settings: Settings) -> Secrets:
    host, slash, _ = settings.application.image.partition("/")
    monitoring = settings.monitoring
    return Secrets(
        redis_password=config.require_secret("redisPassword"),
        api_keys=_api_keys(config),
        registry=RegistryCredentials(
            server=host if slash and re.search(r"[.:]", host) else DEFAULT_REGISTRY,
            username=config.require(REGISTRY_USERNAME),
            token=config.require_secret("registryToken"),
        ),
        grafana_password=config.require_secret(GRAFANA_PASSWORD) if _has_grafana(monitoring, settings.docker) else None,
        alert_receivers=config.require_secret_object(ALERT_RECEIVERS) if monitoring.receivers else None,
    )
