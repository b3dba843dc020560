"""What holds for the program as a whole, in every stack and in previews."""

import pytest
from recording import ROOT, run_platform

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
    assert not missing
    assert len(exports["network"]["publicSubnetIds"]) == 3
    assert exports["loadBalancer"]["stableTargetGroupArn"] != exports["loadBalancer"]["canaryTargetGroupArn"]


def test_logical_names_are_unique() -> None:
    graph = run_platform("production")
    assert len(graph.names()) == len(graph.resources)


def test_the_composition_root_stays_a_table_of_contents() -> None:
    assert len((ROOT / "__main__.py").read_text().splitlines()) < 60
