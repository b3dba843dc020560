"""The command line options of a rollout, completed by the settings of the environment."""

from __future__ import annotations

import json
import math
import os
import shlex
from typing import Any, cast, get_args

from pydantic import TypeAdapter, ValidationError

from components.settings import ApplicationSettings, RolloutSettings
from components.settings.types import ImageReference, repository
from delivery.clients.environment import Environment
from delivery.errors import UsageError
from delivery.rollout.plan import Frozen, Strategy

SETTINGS_VARIABLE = "DWCP_ROLLOUT"
"""Environment variable with settings of the group ``rollout`` for one run, as a JSON object.

Tests and rehearsals shorten the waits with this variable.
"""


class RolloutRequest(Frozen):
    """The options of one rollout. ``None`` means the value of the setting, or of the open rollout."""

    image: str | None = None
    """``None`` means the image of the open rollout or of the staged release."""
    strategy: Strategy | None = None
    percentage: int | None = None
    """The last percentage. Below 100, the rollout holds there.

    ``None`` means all steps, or, if the open rollout has not reached its percentage, the percentage of the open rollout.
    """
    waits: tuple[float, ...] | None = None
    """Seconds of analysis: one number for all steps, or one for each step of the settings, also for those above ``percentage``."""
    error_threshold_percent: float | None = None

    def check(self, settings: RolloutSettings) -> None:
        """Raise ``UsageError`` for a value that is not valid."""
        for wrong, problem, fix in (
            (
                self.percentage is not None and not 0 <= self.percentage <= 100,
                f"--percentage {self.percentage} is not between 0 and 100",
                "for example --percentage 50",
            ),
            (
                not all(0 <= wait < math.inf for wait in self.waits or ()),
                f"--wait-time {_listed(self.waits or ())} is not a number of seconds that is 0 or larger",
                "for example --wait-time 300",
            ),
            (
                self.waits is not None and len(self.waits) not in (1, len(settings.steps)),
                f"--wait-time {_listed(self.waits or ())} has {len(self.waits or ())} numbers for {len(settings.steps)} steps",
                "give one number, or one for each step of the setting rollout.steps",
            ),
            (
                self.error_threshold_percent is not None and not 0 < self.error_threshold_percent < 100,
                f"--error-threshold {self.error_threshold_percent} is not a percentage above 0 and below 100",
                "for example --error-threshold 5",
            ),
        ):
            if wrong:
                raise UsageError(problem, fix)

    def with_defaults(self, settings: RolloutSettings) -> RolloutRequest:
        """The options, completed by the settings. ``image`` and ``percentage`` stay ``None`` if they are not given."""
        given = {
            "strategy": self.strategy or settings.strategy,
            "waits": self.waits or (float(settings.wait_seconds),),
            "error_threshold_percent": self.error_threshold_percent or float(settings.error_threshold_percent),
        }
        return self.model_copy(update=given)

    def changed_from(self, earlier: RolloutRequest) -> list[str]:
        """The names of given options whose values differ from those in ``earlier``."""
        names = {"waits": "wait-time", "error_threshold_percent": "error-threshold"}
        given = self.model_dump(exclude_none=True)
        return [f"--{names.get(field, field)}" for field, value in given.items() if value != getattr(earlier, field)]

    def schedule(self, settings: RolloutSettings, above: int = 0) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """The settings' steps between ``above`` and ``percentage``, then ``percentage`` itself, and the wait of each step.

        Without ``percentage``, the last step in the settings is the limit. If ``percentage`` is not a step in the settings, it has
        the wait of the last step.
        """
        given = self.waits or (float(settings.wait_seconds),)
        waits = given * len(settings.steps) if len(given) == 1 else given
        target = settings.steps[-1] if self.percentage is None else self.percentage
        pairs = [(step, wait) for step, wait in zip(settings.steps, waits, strict=True) if above < step < target]
        last = dict(zip(settings.steps, waits, strict=True)).get(target, waits[-1])
        pairs.append((target, last))
        return tuple(step for step, _ in pairs), tuple(wait for _, wait in pairs)


def strategy_of(option: str | None) -> Strategy | None:
    """The value of ``--strategy``. Raises ``UsageError`` if it is not valid."""
    known = get_args(Strategy)
    if option is not None and option not in known:
        raise UsageError(f"--strategy {option} is not one of {', '.join(known)}", f"for example --strategy {known[0]}")
    return cast("Strategy | None", option)


def settings_of(environment: Environment) -> RolloutSettings:
    """The environment's settings, overridden by ``DWCP_ROLLOUT``. Raises ``UsageError`` if that variable is not valid."""
    settings = environment.settings("rollout", RolloutSettings)
    text = os.environ.get(SETTINGS_VARIABLE)
    if not text:
        return settings
    try:
        given: dict[str, Any] = json.loads(text)
        return RolloutSettings.model_validate({**settings.model_dump(by_alias=True), **given}, by_alias=True, by_name=False)
    except (TypeError, ValueError) as error:
        what = f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}" if isinstance(error, ValidationError) else str(error)
        raise UsageError(
            f"{SETTINGS_VARIABLE}={text} is not a JSON object of rollout settings: {what}",
            f"""for example {SETTINGS_VARIABLE}='{{"waitSeconds": 30}}'; docs/settings.md lists the settings""",
        ) from error


def image_of(environment: Environment, image: str | None, tag: str | None) -> str | None:
    """The image that ``--image`` or ``--tag`` names; ``None`` if neither is given.

    Raises ``UsageError`` if both are given, or the image is not valid or not in the stack's repository.
    """
    if image is not None and tag is not None:
        raise UsageError("--image and --tag both name a release", "give only one of them")
    configured = environment.settings("application", ApplicationSettings).image
    if tag is None and image is None:
        return None
    option, value, example = ("--image", image, configured) if tag is None else ("--tag", tag, configured.rpartition(":")[2])
    given, example = f"{option} {shlex.quote(str(value))}", f"for example {option} {example}"
    image = image or f"{repository(configured)}:{tag}"
    try:
        TypeAdapter[str](ImageReference).validate_python(image)
    except ValidationError as error:
        raise UsageError(f"{given} {error.errors()[0]['msg']}", example) from error
    if repository(image) != repository(configured):
        raise UsageError(f"{given} is not in {repository(configured)}, the only allowed repository", example)
    return image


def _listed(numbers: tuple[float, ...]) -> str:
    return ",".join(f"{number:g}" for number in numbers)
