"""A claim's volume is a folder in the zone of the node that its pod was scheduled to; in any zone if it does not wait for a pod."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from embedded_cloud.api_server import ApiServer
from embedded_cloud.controllers import volumes

CLAIM: dict[str, Any] = {
    "metadata": {
        "name": "data",
        "namespace": "shop",
        "uid": "1-2-3",
        "annotations": {volumes.PROVISIONER: "ebs.csi.aws.com", volumes.SELECTED_NODE: "node-b"},
    },
    "spec": {"storageClassName": "gp3", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    "status": {"phase": "Pending"},
}


class Recording:
    """An API server with one claim, which remembers what is created."""

    def __init__(self, claim: dict[str, Any], mode: str) -> None:
        self.claim = claim
        self.mode = mode
        self.created: list[dict[str, Any]] = []

    def items(self, path: str) -> list[dict[str, Any]]:
        gp3 = {"metadata": {"name": "gp3"}, "provisioner": "ebs.csi.aws.com", "volumeBindingMode": self.mode}
        node = {"metadata": {"name": "node-b", "labels": {volumes.ZONE: "us-east-1b"}}}
        found = {"storageclasses": [gp3], "persistentvolumeclaims": [self.claim], "nodes": [node]}
        return found.get(path.rpartition("/")[2], [])

    def create(self, path: str, manifest: dict[str, Any]) -> None:
        self.created.append(manifest)


def made(folders: Path | None, claim: dict[str, Any] = CLAIM, mode: str = "WaitForFirstConsumer") -> dict[str, Any]:
    api = Recording(claim, mode)
    volumes.reconcile(cast(ApiServer, api), folders)
    [volume] = api.created
    return volume["spec"]


def test_a_volume_is_a_folder_that_the_nodes_of_one_zone_see(tmp_path: Path) -> None:
    spec = made(tmp_path / "volumes")
    assert Path(spec["local"]["path"]).is_dir()
    [term] = spec["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": volumes.ZONE, "operator": "In", "values": ["us-east-1b"]}]
    assert "csi" not in spec


def test_a_volume_that_does_not_wait_for_a_pod_is_in_a_zone_of_the_nodes(tmp_path: Path) -> None:
    claim = {**CLAIM, "metadata": {**CLAIM["metadata"], "annotations": {volumes.PROVISIONER: "ebs.csi.aws.com"}}}
    [term] = made(tmp_path / "volumes", claim, "Immediate")["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["values"] == ["us-east-1b"]


def test_with_simulated_pods_it_is_a_record() -> None:
    assert made(None)["csi"]["driver"] == "ebs.csi.aws.com"
