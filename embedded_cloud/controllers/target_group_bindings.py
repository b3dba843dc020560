"""A substitute for the part of the AWS Load Balancer Controller that registers pod IPs in target groups: TargetGroupBindings."""

from __future__ import annotations

import urllib.error

from botocore.client import BaseClient

from embedded_cloud.api_server import ApiServer, Manifest

GROUP, VERSION, PLURAL = "elbv2.k8s.aws", "v1beta1", "targetgroupbindings"


IMMUTABLE = {"rule": "self == oldSelf", "message": "targetGroupARN is immutable"}
"""The rule that the controller's webhook enforces: https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/2764."""


def definition() -> Manifest:
    """The CRD, with the fields of the controller's CRD that a binding with target type ``ip`` needs."""
    text = {"type": "string"}
    service = {
        "type": "object",
        "required": ["name", "port"],
        "properties": {"name": text, "port": {"x-kubernetes-int-or-string": True}},
    }
    spec = {
        "type": "object",
        "required": ["targetGroupARN", "serviceRef"],
        "properties": {
            "targetGroupARN": {**text, "minLength": 1, "x-kubernetes-validations": [IMMUTABLE]},
            "targetType": {**text, "enum": ["ip", "instance"]},
            "serviceRef": service,
            "ipAddressType": {**text, "enum": ["ipv4", "ipv6"]},
            "vpcID": text,
            "networking": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    status = {"type": "object", "properties": {"observedGeneration": {"type": "integer"}}}
    schema = {"type": "object", "properties": {"spec": spec, "status": status}}
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": "TargetGroupBinding", "plural": PLURAL, "singular": "targetgroupbinding"},
            "versions": [version],
        },
    }


def reconcile(api: ApiServer, elbv2: BaseClient) -> None:
    """Make the targets of every bound target group equal to the ready endpoints of the binding's Service."""
    for binding in api.items(f"/apis/{GROUP}/{VERSION}/{PLURAL}"):
        group, namespace = binding["spec"]["targetGroupARN"], binding["metadata"]["namespace"]
        wanted = _endpoints(api, namespace, binding["spec"]["serviceRef"])
        described = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        not_registered = {"draining", "unused"}  # a target that is not registered has the state `unused`
        held = {
            (health["Target"]["Id"], health["Target"].get("Port", 0))
            for health in described
            if health.get("TargetHealth", {}).get("State") not in not_registered
        }
        if joining := wanted - held:
            elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": ip, "Port": port} for ip, port in sorted(joining)])
        if leaving := held - wanted:
            elbv2.deregister_targets(TargetGroupArn=group, Targets=[{"Id": ip, "Port": port} for ip, port in sorted(leaving)])


def _endpoints(api: ApiServer, namespace: str, service: Manifest) -> set[tuple[str, int]]:
    """The address and the port of each ready endpoint of a Service; empty if the Service or its port does not exist.

    ``service`` is a binding's ``serviceRef``: the name of the Service, and the name or the number of one of its ports.
    """
    try:
        ports = api.get(f"/api/v1/namespaces/{namespace}/services/{service['name']}")["spec"]["ports"]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return set()
        raise  # the endpoints are not known, so the targets stay registered
    port = next((each for each in ports if service["port"] in (each.get("name"), each["port"])), None)
    if port is None:
        return set()
    selector = f"kubernetes.io%2Fservice-name%3D{service['name']}"
    slices = api.items(f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector={selector}")
    return {
        (address, target["port"])
        for each in slices
        for target in each.get("ports") or []
        if target.get("name", "") == port.get("name", "")
        for endpoint in each.get("endpoints") or []
        if endpoint.get("conditions", {}).get("ready")
        for address in endpoint["addresses"]
    }
