"""The official kubernetes provider in the real engine: Pulumi CLI and SDK, a test program, a real API server."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from kubernetes_driver import Cluster

from embedded_cloud.cloud import Cloud

NAMESPACE = "engine"
PASSWORD = "never-in-plain-sight"

PROGRAM = """
import json
from pathlib import Path

from pulumi import ResourceOptions
from pulumi_kubernetes import Provider
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import ConfigMap, Namespace, Secret
from pulumi_kubernetes.helm.v3 import Release

wish = json.loads(Path("wish.json").read_text())
provider = Provider("cluster", enable_config_map_mutable=True)
namespace = Namespace("engine", metadata={"name": "engine"}, opts=ResourceOptions(provider=provider))
inside = {"namespace": namespace.metadata.name}


def options(*ignored):
    return ResourceOptions(provider=provider, ignore_changes=list(ignored))


Secret("keys", metadata=inside, string_data={"password": wish["password"]}, opts=options())
data = {"percentage": "0", "level": wish["level"]}
ConfigMap("flags", metadata={**inside, "name": "flags"}, data=data, opts=options("data.percentage"))
labels = {"app": "web", **wish["labels"]}
Deployment(
    "web",
    metadata={**inside, "name": "web", "annotations": {"pulumi.com/timeoutSeconds": str(wish["seconds"])}},
    spec={
        "replicas": 2,
        "selector": {"match_labels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"node_selector": wish["nodes"], "containers": [{"name": "web", "image": "web:1"}]},
        },
    },
    opts=options("spec.replicas"),
)
if wish["chart"]:
    Release("chart", chart="oci://example.com/chart", version=wish["chart"], name="chart", namespace="engine", opts=options())
"""

WISH = {"password": PASSWORD, "level": "info", "labels": {}, "nodes": {}, "seconds": 60, "chart": ""}


@dataclass(frozen=True)
class Stack:
    """A stack of the program above, with its state in a folder."""

    folder: Path
    cloud: Cloud
    kubeconfig: bool = True

    def wish(self, **changes: Any) -> None:
        (self.folder / "wish.json").write_text(json.dumps(WISH | changes))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = self.cloud.engine.process_environment() | {
            "PULUMI_BACKEND_URL": f"file://{self.folder}",
            "PULUMI_CONFIG_PASSPHRASE": "secret",
            "PULUMI_STACK": "test",
        }
        if not self.kubeconfig:
            del environment["KUBECONFIG"]
        return subprocess.Popen(
            [self.cloud.engine.bin / "pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, fails: bool = False) -> str:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=120)
        assert bool(process.returncode) == fails, output
        return output

    def up(self, *arguments: str, fails: bool = False) -> str:
        return self.run("up", "--yes", "--skip-preview", *arguments, fails=fails)

    def resources(self) -> dict[str, dict[str, Any]]:
        deployment = json.loads(self.run("stack", "export"))["deployment"]
        return {each["urn"].rpartition("::")[2]: each for each in deployment.get("resources", []) if each.get("custom")}


@pytest.fixture(scope="module")
def stack(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("engine"), cloud)
    (stack.folder / "Pulumi.yaml").write_text("name: engine\nruntime: python\n")
    (stack.folder / "__main__.py").write_text(PROGRAM)
    stack.wish()
    stack.run("stack", "init", "test")
    stack.run("preview")
    stack.up()
    yield stack
    stack.run("destroy", "--yes", "--skip-preview")


@pytest.fixture(scope="module")
def cluster(cloud: Cloud) -> Cluster:
    return Cluster(cloud.control_plane.kubeconfig)


FLAGS = f"/api/v1/namespaces/{NAMESPACE}/configmaps/flags"
WEB = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web"


def test_nothing_changes_without_a_change(stack: Stack) -> None:
    stack.up("--expect-no-changes")
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")


def test_a_secret_is_nowhere_in_plain_text(stack: Stack, cluster: Cluster) -> None:
    name = stack.resources()["keys"]["id"].rpartition("/")[2]
    live = cluster.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}")
    assert live is not None
    exported = json.dumps(stack.resources())
    assert PASSWORD not in exported
    assert live["data"]["password"] not in exported


def test_drift_is_shown_exactly_and_repaired_and_ignored_paths_stay_with_their_owners(stack: Stack, cluster: Cluster) -> None:
    cluster.patch(FLAGS, {"data": {"percentage": "50"}}, manager="dwcp")
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    cluster.patch(FLAGS, {"data": {"level": "debug"}})
    shown = stack.run("refresh", "--yes", "--skip-preview", "--diff")
    assert '~ level: "info" => "debug"' in shown
    assert "percentage" not in shown
    assert "1 updated" in shown
    stack.up()
    live = cluster.get(FLAGS)
    assert live is not None
    assert live["data"] == {"percentage": "50", "level": "info"}
    stack.up("--expect-no-changes")


def test_replicas_stay_with_the_autoscaler(stack: Stack, cluster: Cluster) -> None:
    cluster.patch(f"{WEB}/scale", {"spec": {"replicas": 3}}, manager="kube-controller-manager")
    stack.wish(seconds=61)
    stack.up()
    live = cluster.get(WEB)
    assert live is not None
    assert live["spec"]["replicas"] == 3
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")


def test_what_is_not_ready_stays_in_the_state_and_the_next_up_goes_on(stack: Stack) -> None:
    stack.wish()
    stack.up()  # a rerun finds what the first run left
    stack.wish(nodes={"planet": "mars"}, seconds=1)
    said = stack.up(fails=True)
    assert "'web' timed out waiting to be Ready" in said
    assert "Minimum number of Pods" in stack.resources()["web"]["initErrors"][1]
    stack.wish()
    stack.up()
    assert "initErrors" not in stack.resources()["web"]


def test_a_chart_is_kept_in_the_state_and_says_so(stack: Stack) -> None:
    stack.wish(chart="1.0.0")
    stack.up()
    state = stack.resources()["chart"]
    assert state["outputs"]["sandboxRecorded"] == "the embedded cloud cannot fetch charts"
    stack.up("--expect-no-changes")
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    stack.wish(chart="1.0.1")
    assert "1 updated" in stack.up()
    stack.wish()
    assert "1 deleted" in stack.up()


def test_a_change_that_cannot_be_made_in_place_replaces(stack: Stack, cluster: Cluster) -> None:
    before = cluster.get(WEB)
    stack.wish(labels={"track": "stable"})
    assert "1 to replace" in stack.run("preview")
    stack.up()
    after = cluster.get(WEB)
    assert before is not None
    assert after is not None
    assert before["metadata"]["uid"] != after["metadata"]["uid"]
    assert after["spec"]["selector"]["matchLabels"] == {"app": "web", "track": "stable"}


OBJECTS = """
import json
from pathlib import Path

from pulumi import ResourceOptions
from pulumi_kubernetes import Provider
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import ConfigMap, PersistentVolumeClaim, Secret, Service
from pulumi_kubernetes.scheduling.v1 import PriorityClass

KINDS = {each.__name__: each for each in (ConfigMap, Deployment, PersistentVolumeClaim, PriorityClass, Secret, Service)}
wish = json.loads(Path("wish.json").read_text())
cluster = Provider("cluster", **wish["provider"])
for name, each in wish["objects"].items():
    kind = KINDS[each.pop("kind")]
    metadata = {"name": name, "namespace": "default", "annotations": each.pop("annotations", {})}
    kind(name, metadata=metadata, **each, opts=ResourceOptions(provider=cluster))
"""


@dataclass(frozen=True)
class Objects(Stack):
    """A stack whose program declares the wished objects in the namespace `default`."""

    def wish(self, **changes: Any) -> None:
        provider = changes.pop("provider", {})
        (self.folder / "wish.json").write_text(json.dumps({"objects": changes, "provider": provider}))


@pytest.fixture
def objects(cloud: Cloud, tmp_path: Path) -> Iterator[Objects]:
    stack = Objects(tmp_path, cloud)
    (tmp_path / "Pulumi.yaml").write_text("name: objects\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(OBJECTS)
    stack.wish()
    stack.run("stack", "init", "test")
    yield stack
    stack.run("destroy", "--yes", "--skip-preview")


def managers(live: dict[str, Any] | None) -> list[tuple[str, str]]:
    assert live is not None
    return [(each["manager"], each["operation"]) for each in live["metadata"]["managedFields"]]


def uid(live: dict[str, Any] | None) -> str:
    assert live is not None
    return live["metadata"]["uid"]


LEVEL = "/api/v1/namespaces/default/configmaps/level"


def test_creation_takes_no_field_from_another_owner_and_each_object_has_a_manager_of_its_own(
    objects: Objects, cluster: Cluster
) -> None:
    foreign = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "level"}, "data": {"level": "foreign"}}
    cluster.post("/api/v1/namespaces/default/configmaps", foreign)
    objects.wish(level={"kind": "ConfigMap", "data": {"level": "info"}}, provider={"enable_config_map_mutable": True})
    assert 'conflict with "OpenAPI-Generator" using v1: .data.level' in objects.up(fails=True)
    assert (cluster.get(LEVEL) or {})["data"] == {"level": "foreign"}
    cluster.delete(LEVEL)
    objects.up()
    first = managers(cluster.get(LEVEL))
    objects.wish(level={"kind": "ConfigMap", "data": {"level": "debug"}}, provider={"enable_config_map_mutable": True})
    objects.up()
    [(manager, operation)] = managers(cluster.get(LEVEL))
    assert re.fullmatch(r"pulumi-kubernetes-[0-9a-f]{8}", manager)
    assert operation == "Apply"
    assert first == [(manager, operation)]


def deployment(replicas: int, version: int = 1) -> dict[str, Any]:
    labels = {"app": "scaled"}
    containers = [{"name": "main", "image": f"scaled:{version}"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    return {"kind": "Deployment", "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}}


def test_a_field_that_another_owner_scales_is_a_conflict_unless_the_program_ignores_it(objects: Objects, cluster: Cluster) -> None:
    objects.wish(scaled=deployment(1))
    objects.up()
    scale = "/apis/apps/v1/namespaces/default/deployments/scaled/scale"
    cluster.patch(scale, {"spec": {"replicas": 2}}, manager="kubectl")
    objects.wish(scaled=deployment(1, version=2))
    assert "conflict" in objects.up("--refresh", fails=True)
    assert (cluster.get(scale) or {})["spec"]["replicas"] == 2


def claim(*sizes: str) -> list[dict[str, Any]]:
    return [{"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}} for size in sizes]


@pytest.mark.parametrize(
    ("kind", "before", "after", "path"),
    [
        ("PersistentVolumeClaim", *claim("1Gi", "2Gi"), "/api/v1/namespaces/default/persistentvolumeclaims/kept"),
        ("PriorityClass", {"value": 1000}, {"value": 2000}, "/apis/scheduling.k8s.io/v1/priorityclasses/kept"),
    ],
)
def test_a_change_that_the_api_refuses_is_an_error_and_replaces_nothing(
    objects: Objects, cluster: Cluster, kind: str, before: dict[str, Any], after: dict[str, Any], path: str
) -> None:
    unawaited = {"kind": kind, "annotations": {"pulumi.com/skipAwait": "true"}}  # no pod uses the claim
    objects.wish(kept={**unawaited, **before})
    objects.up()
    first = uid(cluster.get(path))
    objects.wish(kept={**unawaited, **after})
    assert re.search(r"(?i)forbidden|immutable", objects.up(fails=True))
    assert uid(cluster.get(path)) == first


def test_a_service_without_pods_is_ready_and_an_unknown_field_is_created(objects: Objects, cluster: Cluster) -> None:
    spec = {"selector": {"app": "none"}, "ports": [{"port": 80}], "surprise": "x"}
    objects.wish(lonely={"kind": "Service", "spec": spec})
    objects.up()
    live = cluster.get("/api/v1/namespaces/default/services/lonely")
    assert live is not None
    assert "surprise" not in live["spec"]


def test_manifests_are_rendered_to_a_folder_with_unencrypted_secrets_and_a_warning(objects: Objects) -> None:
    rendered = objects.folder / "rendered"
    secret = {"kind": "Secret", "string_data": {"password": PASSWORD}}
    offline = replace(objects, kubeconfig=False)
    offline.wish(keys=secret, provider={"render_yaml_to_directory": str(rendered)})
    said = offline.up()
    assert "plaintext" in said
    [file] = rendered.rglob("*keys*.yaml")
    assert base64.b64encode(PASSWORD.encode()).decode() in file.read_text(), "base64 is not an encryption"
    offline.run("destroy", "--yes", "--skip-preview")
