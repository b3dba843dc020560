"""The workflows under ``.github/workflows`` and their jobs, as typed objects."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from delivery.errors import DeliveryError, UsageError

FOLDER = Path(".github/workflows")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job of a workflow, with the values that it inherits from the workflow."""

    name: str
    workflow: str
    """The workflow's file name without extension."""
    content: Mapping[str, Any]
    env: Mapping[str, Any]
    """Environment variables of the workflow. A variable of the job overrides the workflow's variable."""
    run_defaults: Mapping[str, Any]
    """Defaults of the workflow's ``run:`` steps."""

    @property
    def defaults(self) -> dict[str, Any]:
        """Defaults of the job's ``run:`` steps. A default of the job overrides the workflow's default."""
        return {**self.run_defaults, **_run_defaults(self.content)}

    @property
    def shell(self) -> str | None:
        """The shell of steps without ``shell:``; ``None`` means GitHub's default."""
        return self.defaults.get("shell")

    @property
    def called_workflow(self) -> str:
        """The workflow of this repository that the job calls; empty for a job with steps."""
        return Path(str(self.content["uses"])).stem if "uses" in self.content else ""

    @property
    def environment(self) -> str:
        """The job's GitHub environment; empty without one."""
        found: Any = self.content.get("environment", "")
        return str(cast("dict[str, Any]", found)["name"] if isinstance(found, dict) else found)

    @property
    def title(self) -> str:
        """The name that GitHub displays."""
        return str(self.content.get("name", self.name))

    @property
    def needs(self) -> tuple[str, ...]:
        """The jobs that must finish first."""
        needs = self.content.get("needs", ())
        return (needs,) if isinstance(needs, str) else tuple(cast("list[str]", needs))

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The job's steps."""
        return cast("list[dict[str, Any]]", self.content.get("steps", []))

    def variants(self) -> list[dict[str, Any]]:
        """All combinations of the job's matrix, and its ``include`` entries; without a matrix, one empty combination.

        On GitHub, an ``include`` entry can extend another combination; here it is always a combination of its own. ``exclude`` is
        not supported.
        """
        matrix = cast("dict[str, Any]", cast("dict[str, Any]", self.content.get("strategy", {})).get("matrix", {}))
        keys = [key for key in matrix if key not in ("include", "exclude")]
        combined = [dict(zip(keys, values, strict=True)) for values in itertools.product(*(matrix[key] for key in keys))]
        return [*combined, *matrix.get("include", [])] if keys else matrix.get("include", [{}])


def load(root: Path) -> dict[str, dict[str, Any]]:
    """Every workflow by its file name without extension."""
    return {file.stem: _read(file) for file in sorted((root / FOLDER).glob("*.yml"))}


def _read(file: Path) -> dict[str, Any]:
    try:
        content: Any = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise DeliveryError(f"{file.name} is not valid YAML: {error}", "fix the file") from error
    if not isinstance(content, dict) or "jobs" not in content:
        raise DeliveryError(f"{file.name} is not a workflow: it has no jobs", "fix the file")
    return cast("dict[str, Any]", content)


def jobs(root: Path) -> Iterator[Job]:
    """Every job of every workflow."""
    for workflow, content in load(root).items():
        for name, job in content["jobs"].items():
            yield Job(name=name, workflow=workflow, content=job, env=content.get("env", {}), run_defaults=_run_defaults(content))


def _run_defaults(content: Mapping[str, Any]) -> dict[str, Any]:
    return cast("dict[str, Any]", content.get("defaults", {})).get("run", {})


def find(root: Path, name: str) -> Job:
    """The job called ``name``. If several workflows have a job with the same name, ``name`` must have the form ``WORKFLOW/JOB``.

    Raises ``UsageError`` if no job or more than one job has the name.
    """
    workflow, _, short = name.rpartition("/")
    known = list(jobs(root))
    found = [each for each in known if each.name == short and workflow in ("", each.workflow)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{each.workflow}/{each.name}" for each in found)
        raise UsageError(f"{len(found)} workflows have a job {name!r}", f"choose from {names}")
    raise UsageError(f"no workflow has a job {name!r}", f"choose from {', '.join(each.name for each in known)}")
