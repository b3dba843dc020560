"""The options of ``dwcp deploy``, and the checks of options and checkout. The checks change nothing."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from components.settings import ApplicationSettings
from components.settings.types import repository
from delivery.clients import git
from delivery.clients.environment import Environment
from delivery.clients.pulumi import executable
from delivery.confirmation import command_line
from delivery.errors import UsageError
from program.evaluation import CHECKOUT

TAG = re.compile(
    r"(?P<tag>v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z]+([.-][0-9A-Za-z]+)*)?|"
    r"sha-[0-9a-f]{7,40})(?P<digest>@sha256:[0-9a-f]{64})?"
)
"""Allowed tags: a release ``v3.0.0``, a pre-release ``v3.1.0-rc.1`` or a commit ``sha-1a2b3c4``.

Each can have a digest. The tag ``latest`` is not allowed, because its image can change.
"""
PRODUCTION_TAG = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+(@sha256:[0-9a-f]{64})?")
"""Tags that production accepts: only releases, with or without a digest."""
EXAMPLE = "v3.0.0"
DIRTY = "-dirty"


@dataclass(frozen=True, kw_only=True)
class DeployRequest:
    """The options of ``dwcp deploy``."""

    environment: str
    tag: str | None = None
    """``None`` deploys this checkout's program and settings with the image that runs now."""
    dry_run: bool = False
    skip_tests: bool = False
    no_rollback: bool = False
    yes: bool = False
    accept_loss: bool = False
    """Whether the deletion or replacement of resources with data is accepted."""
    wait_seconds: float = 0.0
    health_url: str | None = None
    tests: str | None = None
    plan: Path | None = None
    """A plan of ``dwcp preview --engine --save-plan``. The update is limited to this plan."""
    checkout: Path = field(default=CHECKOUT)


def image_of(environment: Environment, request: DeployRequest) -> str | None:
    """The image of the tag; ``None`` without a tag. Raises ``UsageError`` for a tag that is not allowed in the environment."""
    tag = request.tag
    if tag is None:
        return None
    configured = environment.settings("application", ApplicationSettings).image
    if not TAG.fullmatch(tag):
        raise UsageError(
            f"--tag {shlex.quote(tag)} is not an allowed tag; allowed are a release (v3.0.0), a pre-release (v3.1.0-rc.1) and a "
            "commit (sha-1a2b3c4), with or without @sha256:...",
            f"for example --tag {f'v{tag}' if TAG.fullmatch(f'v{tag}') else EXAMPLE}",
        )
    if environment.is_production and not PRODUCTION_TAG.fullmatch(tag):
        release = re.match(r"v[\d.]+", tag)
        raise UsageError(
            f"--tag {tag} is not a release, and production accepts only releases",
            f"for example --tag {release[0] if release else EXAMPLE}",
        )
    return f"{repository(configured)}:{tag}"


def commit_of(checkout: Path) -> str:
    """The checkout's commit, with ``-dirty`` at the end if files differ from the commit; empty outside git."""
    head = git.text(checkout, "rev-parse", "HEAD")
    return head + (DIRTY if head and changes_of(checkout) else "")


def changes_of(checkout: Path) -> list[str]:
    """The files of the work tree that differ from the commit, including new files."""
    return [line[3:] for line in git.text(checkout, "status", "--porcelain").splitlines()]


def require_plan(request: DeployRequest) -> None:
    """Raise ``UsageError`` if the plan cannot be read, or if a tag is given although the plan already contains the image."""
    if request.plan is None:
        return
    if request.tag is not None:
        raise UsageError("--plan was made for the image that runs now, and --tag names another image", "give only one of them")
    try:
        json.loads(request.plan.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--plan {request.plan} cannot be read: {error}",
            f"dwcp preview --engine --environment {request.environment} --save-plan plans",
        ) from error


def require_clean(environment: Environment, request: DeployRequest) -> None:
    """Raise ``UsageError`` if production would be deployed from uncommitted files, because such a deployment cannot be repeated."""
    if not environment.is_production:
        return
    if not git.text(request.checkout, "rev-parse", "HEAD"):
        raise UsageError(
            f"{request.checkout} is not a git work tree, and production is deployed from a commit", "clone the repository"
        )
    if changed := changes_of(request.checkout):
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise UsageError(
            f"the work tree differs from its commit in {', '.join(changed[:3])}{more}; production is deployed from a commit",
            f"git stash --include-untracked && {command_line()}",
        )


def require_tools(environment: Environment) -> None:
    """Raise ``UsageError`` if the Pulumi CLI is not on the PATH."""
    executable(environment.variables)
