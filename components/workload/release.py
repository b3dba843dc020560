"""Which image the stable track runs: the one thing that a deployment changes and git does not."""

from __future__ import annotations

from typing import Any, cast

import pulumi
from pydantic.alias_generators import to_camel

OUTPUT = ("application", "image")
"""Where ``__main__.py`` exports it."""


def stable_image(first: str, release: str | None) -> pulumi.Output[str]:
    """The image to run: ``release`` where this ``up`` is one, else what the stack says it runs, else the ``first`` one.

    So a ``pulumi up`` from git, which knows of no release, never takes a deployed one back.
    """
    own = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    outputs = pulumi.StackReference("last-release", own).outputs

    def last_or_first(outputs: dict[str, Any] | None) -> str:
        component = (outputs or {}).get(OUTPUT[0])
        last = cast("dict[str, Any]", component).get(to_camel(OUTPUT[1])) if isinstance(component, dict) else None
        return release or str(last or first)

    return outputs.apply(last_or_first)
