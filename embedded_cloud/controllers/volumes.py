"""The substitute for the EBS CSI driver: creates, grows and deletes the PersistentVolumes of claims."""

from __future__ import annotations

import shutil
from pathlib import Path

from embedded_cloud.api_server import ApiServer, Manifest

PROVISIONER = "volume.kubernetes.io/storage-provisioner"
ZONE = "topology.kubernetes.io/zone"
SELECTED_NODE = "volume.kubernetes.io/selected-node"


def reconcile(api: ApiServer, folders: Path | None = None) -> None:
    """Create, grow and delete the volumes of claims. A volume whose reclaim policy is Delete is deleted after its claim.

    If the storage class waits for the first consumer, a claim gets its volume after the scheduler has chosen a node for the pod,
    in this node's zone. Otherwise, the volume is in the alphabetically first zone of the nodes. A volume is a folder in ``folders``
    that only pods in the volume's zone can mount. Without ``folders``, a volume is only an object in the API, and has no zone.
    """
    zones = {each["metadata"]["name"]: each["metadata"]["labels"].get(ZONE, "") for each in api.items("/api/v1/nodes")}
    classes = {each["metadata"]["name"]: each for each in api.items("/apis/storage.k8s.io/v1/storageclasses")}
    for claim in api.items("/api/v1/persistentvolumeclaims"):
        annotations = claim["metadata"].get("annotations", {})
        _grow(api, claim)
        storage_class = classes.get(claim["spec"].get("storageClassName", ""))
        if claim["status"].get("phase") != "Pending" or PROVISIONER not in annotations or storage_class is None:
            continue
        waits = storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"
        if not waits or SELECTED_NODE in annotations:
            volume = _volume(claim, storage_class)
            if folders:
                zone = zones.get(annotations.get(SELECTED_NODE)) or min(zones.values())
                volume["spec"] |= _folder(folders / volume["metadata"]["name"], zone)
                del volume["spec"]["csi"]
            api.create("/api/v1/persistentvolumes", volume)
    for volume in api.items("/api/v1/persistentvolumes"):
        released = volume["status"].get("phase") == "Released" and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
        if released and "deletionTimestamp" not in volume["metadata"]:
            api.request("DELETE", f"/api/v1/persistentvolumes/{volume['metadata']['name']}")
            if folders:
                shutil.rmtree(folders / volume["metadata"]["name"], ignore_errors=True)


def _folder(folder: Path, zone: str) -> Manifest:
    """Create ``folder``. Return the specification of a volume that is this folder and, like an EBS volume, belongs to one zone."""
    folder.mkdir(parents=True, exist_ok=True)
    term = {"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}
    return {"local": {"path": str(folder)}, "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}


def _grow(api: ApiServer, claim: Manifest) -> None:
    """Set a bound claim and its volume to the requested size; the API server rejects smaller sizes."""
    size = claim["spec"]["resources"]["requests"]["storage"]
    if claim["status"].get("phase") != "Bound" or claim["status"]["capacity"]["storage"] == size:
        return
    metadata, volume = claim["metadata"], claim["spec"]["volumeName"]
    status = f"/api/v1/namespaces/{metadata['namespace']}/persistentvolumeclaims/{metadata['name']}/status"
    for path, change in (
        (f"/api/v1/persistentvolumes/{volume}", {"spec": {"capacity": {"storage": size}}}),
        (status, {"status": {"capacity": {"storage": size}}}),
    ):
        api.request("PATCH", path, change, "application/merge-patch+json")


def _volume(claim: Manifest, storage_class: Manifest) -> Manifest:
    metadata = claim["metadata"]
    name = f"pvc-{metadata['uid']}"
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": storage_class["provisioner"]}},
        "spec": {
            "accessModes": claim["spec"]["accessModes"],
            "capacity": claim["spec"]["resources"]["requests"],
            "storageClassName": claim["spec"]["storageClassName"],
            "volumeMode": claim["spec"].get("volumeMode", "Filesystem"),
            "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "csi": {"driver": storage_class["provisioner"], "volumeHandle": name},
        },
    }
