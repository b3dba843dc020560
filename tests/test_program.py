"""Properties of the whole program, in every stack and in previews."""

import pytest
from recording import ROOT, run_platform

from components.protection import HOLDS_DATA

STACKS = ("local", "staging", "production")


@pytest.mark.parametrize("preview", [False, True], ids=["up", "preview"])
@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_and_invoke_has_an_explicit_provider(stack: str, preview: bool) -> None:
    graph = run_platform(stack, preview=preview)
    for each in graph.resources:
        if each.custom and not each.type.startswith("pulumi:"):
            assert each.provider, f"{each.type} {each.name} would use a default provider"
    assert all(invoke.provider for invoke in graph.invokes)


@pytest.mark.parametrize("stack", STACKS)
def test_every_component_exports_its_outputs(stack: str) -> None:
    exports = run_platform(stack).exports
    assert set(exports) == {
        *("network", "loadBalancer", "logs", "artifacts", "cluster", "alarms"),
        *("namespace", "redis", "application", "ingress", "monitoring", "image", "dockerStack"),
    }
    missing = [f"{component}.{name}" for component, outputs in exports.items() for name, value in outputs.items() if value is None]
    assert missing == ([] if stack == "local" else ["ingress.url"])
    assert len(exports["network"]["publicSubnetIds"]) == 3
    assert exports["loadBalancer"]["stableTargetGroupArn"] != exports["loadBalancer"]["canaryTargetGroupArn"]


@pytest.mark.parametrize("stack", STACKS)
def test_only_production_protects_resources_with_data(stack: str) -> None:
    """A certificate, an address or a network can be created again, but data cannot."""
    protected = {each.type for each in run_platform(stack).resources if each.protect}
    assert protected == (set(HOLDS_DATA) if stack == "production" else set())
    assert all(each.protect for each in run_platform("production").resources if each.type in HOLDS_DATA)


def test_logical_names_are_unique() -> None:
    graph = run_platform("production")
    assert len(graph.names()) == len(graph.resources)


def test_the_main_file_stays_short() -> None:
    assert len((ROOT / "__main__.py").read_text().splitlines()) < 60
