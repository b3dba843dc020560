"""The image of the stable Deployment. Each release changes this image; the stack file contains only the first image."""

from __future__ import annotations

from typing import Any, cast

import pulumi
from pydantic.alias_generators import to_camel

OUTPUT = ("application", "image")
"""Path of the stack output in which ``__main__.py`` exports the image."""


def stable_image(first: str, release: str | None) -> pulumi.Output[str]:
    """The image to run: ``release`` if this ``pulumi up`` deploys one, else the image in the stack's outputs, else ``first``.

    A ``pulumi up`` without ``dwcp`` sets no ``release``, so it does not change the deployed image.
    """
    this_stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    outputs = pulumi.StackReference("last-release", this_stack).outputs

    def last_or_first(outputs: dict[str, Any] | None) -> str:
        component = (outputs or {}).get(OUTPUT[0])
        last = cast("dict[str, Any]", component).get(to_camel(OUTPUT[1])) if isinstance(component, dict) else None
        return release or str(last or first)

    return outputs.apply(last_or_first)
