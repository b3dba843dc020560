"""The evaluation of the program without engine and cloud, in this checkout and in another one."""

import os
import re
import shutil
from pathlib import Path

import pytest
from recording import ROOT, run_platform

from program.evaluation import EvaluationError, evaluate, evaluate_here, stack_config
from program.graph import UNKNOWN, Graph, unknown_paths

PROGRAM = """
import contract
import pulumi
from pulumi_aws import Provider, ec2

print("output of the program is not part of the result")
zone = pulumi.Config("dwcp-v3").require_object("network")["zone"]
secret = pulumi.Config("dwcp-v3").require_secret("redisPassword")
provider = Provider("aws", region=contract.REGION)
ec2.Vpc("vpc", tags={"zone": zone, "secret": secret}, opts=pulumi.ResourceOptions(provider=provider, protect=True))
options = pulumi.ResourceOptions(
    import_="subnet-1",
    replacement_trigger={"round": 2},
    delete_before_replace=True,
    version="7.1.0",
    plugin_download_url="https://plugins.example.com",
    custom_timeouts=pulumi.CustomTimeouts(delete="1h"),
)
ec2.Eip("address", opts=options)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of another program, whose modules have the same names as in this one."""
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "contract.py").write_text('PROJECT = "dwcp-v3"\nREGION = "of that version"\n')
    (tmp_path / "Pulumi.yaml").write_text("name: dwcp-v3\nruntime: python\n")
    (tmp_path / "Pulumi.first.yaml").write_text(
        "config:\n  dwcp-v3:network: {zone: a}\n  dwcp-v3:redisPassword: {secure: v1:abc}\n"
    )
    (tmp_path / "Pulumi.second.yaml").write_text("config:\n  network: {}\n")
    return tmp_path


def graph(result: Graph | EvaluationError) -> Graph:
    assert isinstance(result, Graph), result
    return result


def message(result: Graph | EvaluationError) -> str:
    assert isinstance(result, EvaluationError), result
    return str(result)


def test_urns_are_those_of_the_engine() -> None:
    urns = {each.urn for each in run_platform("local").resources}
    assert "urn:pulumi:local::dwcp-v3::dwcp:platform:Network$aws:ec2/subnet:Subnet::dwcp-v3-private-b" in urns
    assert len(urns) == len(run_platform("local").resources)


def test_options_and_dependencies_are_recorded() -> None:
    platform = run_platform("production")
    subnet = next(each for each in platform.of("Subnet") if each.name == "dwcp-v3-private-b")
    [vpc], [rule] = platform.of("Vpc"), platform.of("ListenerRule")
    assert vpc.urn in subnet.dependencies
    assert subnet.property_dependencies is not None
    assert subnet.property_dependencies["vpcId"] == (vpc.urn,)
    assert rule.ignore_changes == ("actions",)


def test_a_preview_reports_the_paths_of_unknown_values() -> None:
    [subnet] = [each for each in run_platform("staging", preview=True).of("Subnet") if each.name == "dwcp-v3-public-a"]
    assert ("vpcId",) in set(unknown_paths(subnet.inputs))
    assert subnet.inputs["cidrBlock"] != UNKNOWN


def test_a_graph_is_unchanged_after_a_round_trip_through_json() -> None:
    platform = run_platform("local")
    assert Graph.from_json(platform.to_json()).resources == platform.resources


def test_another_checkout_is_evaluated_with_its_own_modules(checkout: Path) -> None:
    """The package ``program`` imports this checkout's contract; the evaluated program must import its own."""
    results = evaluate(["first", "second", "third"], checkout)
    [vpc] = graph(results["first"]).of("Vpc")
    assert vpc.protect
    assert graph(results["first"]).of("pulumi:providers:aws")[0].inputs["region"] == "of that version"
    [address] = graph(results["first"]).of("Eip")
    assert (address.import_id, address.replacement_trigger, address.delete_before_replace) == ("subnet-1", {"round": 2}, True)
    assert (address.plugin, address.timeouts) == ("7.1.0 https://plugins.example.com", "delete 1h")
    assert vpc.inputs["tags"]["zone"] == "a"
    assert vpc.secret_paths == (("tags", "secret"),)
    assert "abc" not in str(vpc.inputs)
    assert message(results["second"]).startswith("the program raised KeyError: 'zone' (__main__.py:")
    assert "there is no stack 'third'" in message(results["third"])
    assert "first, second" in message(results["third"])


def test_a_changed_secret_has_another_placeholder(checkout: Path) -> None:
    before = stack_config(checkout, "first")["dwcp-v3:redisPassword"]
    (checkout / "Pulumi.first.yaml").write_text("config:\n  dwcp-v3:redisPassword: {secure: v1:xyz}\n")
    assert stack_config(checkout, "first")["dwcp-v3:redisPassword"] != before


def test_the_graph_does_not_depend_on_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somewhere/else")
    platform = evaluate_here("local")
    [provider] = [each for each in platform.resources if each.type == "pulumi:providers:kubernetes" and each.name == "kubernetes"]
    assert "kubeconfig" not in provider.inputs
    assert os.environ["KUBECONFIG"] == "/somewhere/else"


def test_a_version_with_fewer_secrets_is_evaluated(tmp_path: Path) -> None:
    shutil.copy(ROOT / "__main__.py", tmp_path)
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    local = (ROOT / "Pulumi.local.yaml").read_text().replace("Receivers: [webhook]", "Receivers: []")
    without_receivers = re.sub(r"  dwcp-v3:alertReceivers:\n.*\n", "", local)
    assert without_receivers != local
    (tmp_path / "Pulumi.local.yaml").write_text(without_receivers)
    shutil.copytree(ROOT / "components", tmp_path / "components", ignore=shutil.ignore_patterns("__pycache__"))
    loading = tmp_path / "components/settings/_loading.py"
    text = loading.read_text()
    changed = text.replace("GRAFANA_PASSWORD, ALERT_RECEIVERS)", "GRAFANA_PASSWORD)")
    assert changed != text
    loading.write_text(changed)
    assert graph(evaluate(["local"], tmp_path)["local"]).of("Vpc")


def test_invalid_settings_are_reported_with_their_key(tmp_path: Path) -> None:
    shutil.copy(ROOT / "__main__.py", tmp_path)
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    shutil.copytree(ROOT / "components", tmp_path / "components", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "Pulumi.local.yaml").write_text("config:\n  dwcp-v3:environment: {name: local}\n  dwcp-v3:network: {nat: none}\n")
    assert "dwcp-v3:network.nat" in message(evaluate(["local"], tmp_path)["local"])


@pytest.mark.parametrize(("content", "problem"), [("config: [", "is not valid YAML"), ("a: 1", "has no `config:` section")])
def test_an_invalid_stack_file_is_reported(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "Pulumi.local.yaml").write_text(content)
    with pytest.raises(EvaluationError, match=f"Pulumi.local.yaml {problem}"):
        stack_config(tmp_path, "local")
