"""What the policies say about a graph, and what they make of the difference between two."""

from __future__ import annotations

from delivery.graph import Graph
from delivery.preview.model import Verdict
from policies.network import INGRESS_RULE, open_to_the_world


def verdicts(base: Graph | None, head: Graph) -> tuple[Verdict, ...]:
    """The findings at head, and which of them the base has too."""
    known = set(_findings(base)) if base is not None else set[tuple[str, str, str]]()
    return tuple(
        Verdict(policy=policy, level="mandatory", name=name, message=message, new=(policy, name, message) not in known)
        for policy, name, message in _findings(head)
    )


def _findings(graph: Graph) -> list[tuple[str, str, str]]:
    return [
        ("only-web-ports-open-to-the-world", each.name, message)
        for each in graph.of(INGRESS_RULE)
        for message in open_to_the_world(each.inputs)
    ]
