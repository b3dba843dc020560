"""The base class of all components."""

from __future__ import annotations

import inspect
from typing import Any, get_origin

import pulumi
from pydantic.alias_generators import to_camel


class Component(pulumi.ComponentResource):
    """The base class of a component. Its outputs are the attributes that its class annotates with ``pulumi.Output[...]``.

    A subclass creates its children with ``ResourceOptions(parent=self)``, sets every annotated attribute, and calls
    :meth:`publish` as the last statement of its ``__init__``.
    """

    outputs: dict[str, pulumi.Output[Any]]
    """The published outputs by camelCase name; :func:`export` exports them."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"dwcp:platform:{type(self).__name__}", name, None, opts)

    def publish(self) -> None:
        """Register the annotated outputs. Raises ``AttributeError`` for an annotated attribute that was never set."""
        names = [
            name for name, hint in inspect.get_annotations(type(self), eval_str=True).items() if get_origin(hint) is pulumi.Output
        ]
        self.outputs = {to_camel(name): getattr(self, name) for name in names}
        self.register_outputs(self.outputs)


def export(**components: Component) -> None:
    """Export each component's outputs as one stack output. The output's name is the keyword in camelCase."""
    for name, component in components.items():
        pulumi.export(to_camel(name), component.outputs)
