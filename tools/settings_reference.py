"""Pulumi.yaml and docs/settings.md: what the settings' models say about themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticUndefined

from components.settings.groups import Group
from components.settings.rules import Settings
from contract import PROJECT

PROJECT_FILE = Path("Pulumi.yaml")
REFERENCE_FILE = Path("docs/settings.md")

PROJECT_HEADER = """\
# Made by `make generate` from the models in components/settings: edit those.
# A stack's group replaces the default below as a whole; the program then fills in the fields that the stack leaves out.
# Secrets are no part of this schema, or the engine's own "missing configuration" would hide our list of all mistakes.
"""

REFERENCE_HEADER = f"""\
# Settings

Made by `make generate` from `components/settings`; edit the models there, not this file.

A stack file (`Pulumi.<stack>.yaml`) holds only what differs from the defaults. Set one value with

    pulumi config set -s staging --path '{PROJECT}:network.nat' single

All mistakes are reported at once, each with its key, its value and a correction, before anything is changed.

## Secrets

| key | what it is |
|---|---|
| `redisPassword` | password of Redis |
| `apiKeys.NAME` | one key per API that the service calls |
| `registryToken` | token that pulls the application's image |
| `grafanaPassword` | password of Grafana's user `admin`; not in operator mode |
| `alertReceivers.NAME` | `slack`: its webhook's address; `pagerduty`: the integration key; `webhook`: any address |
| `registryUsername` | the account of that token; not a secret |

They are set by `pulumi config set -s staging --secret --path '{PROJECT}:redisPassword'`, which asks for the value. Staging and
production refuse a secret in plain text; those of `local` protect nothing.
"""


def groups() -> Iterator[tuple[str, type[Group]]]:
    """Every settings group by its config key."""
    for name, field in Settings.model_fields.items():
        yield to_camel(name), cast(type[Group], field.annotation)


def project_file() -> str:
    """``Pulumi.yaml``: the project and the typed schema of its configuration."""
    config: dict[str, Any] = {}
    for key, model in groups():
        config[key] = {"type": "object", "description": inspect.getdoc(model)}
        if not any(field.is_required() for field in model.model_fields.values()):
            config[key]["default"] = model().model_dump(mode="json", by_alias=True)
    project = {
        "name": PROJECT,
        "description": "The DWCP v3 platform.",
        "runtime": {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}},
        "config": config,
    }
    return PROJECT_HEADER + yaml.safe_dump(project, sort_keys=False, width=120)


def reference() -> str:
    """``docs/settings.md``: every setting with its default, what it may be and what it does."""
    sections = [REFERENCE_HEADER]
    for key, model in groups():
        rows = "\n".join(_rows(model))
        sections.append(
            f"## {key}\n\n{inspect.getdoc(model)}\n\n| setting | default | may be | what it is |\n|---|---|---|---|\n{rows}\n"
        )
    return "\n".join(sections)


def _rows(model: type[Group]) -> Iterator[str]:
    schema = model.model_json_schema(by_alias=True)["properties"]
    for name, field in model.model_fields.items():
        alias = to_camel(name)
        default = (
            "required"
            if field.default is PydanticUndefined
            else f"`{yaml.safe_dump(schema[alias]['default'], default_flow_style=True)}`"
        )
        default = default.replace("\n...", "").replace("\n", "")
        yield f"| `{alias}` | {default} | {_allowed(schema[alias])} | {field.description} |"


def _allowed(schema: dict[str, Any]) -> str:
    """What a value may be, from its JSON schema, where pydantic calls the bounds of validated integers ``ge`` and ``le``."""
    match schema:
        case {"anyOf": [value, {"type": "null"}]}:
            return f"{_allowed(value)}, or null"
        case {"enum": options}:
            return ", ".join(f"`{option}`" for option in options)
        case {"type": "array", "items": items}:
            return f"list of {_allowed(items)}"
        case {"type": "integer", "ge": low, "le": high}:
            return f"{low} to {high}"
        case {"type": "integer", "ge": low}:
            return f"{low} or more"
        case {"type": "number"}:
            return "number"
        case {"type": "boolean"}:
            return "true, false"
        case {"format": "ipv4network"}:
            return "IPv4 network"
        case _:
            return "text"


def files() -> dict[Path, str]:
    """The project file and the page of settings, by their paths in the checkout."""
    return {PROJECT_FILE: project_file(), REFERENCE_FILE: reference()}
