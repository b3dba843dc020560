"""The internal entry point."""

from __future__ import annotations

import pytest
from manifests import ALTERNATIVES, CHANGED, Manifests, evaluate


@pytest.fixture(params=["local", "production"])
def objects(request: pytest.FixtureRequest) -> Manifests:
    return evaluate(request.param, ingress={"enabled": True})


def test_the_host_routes_to_the_stable_service_over_tls(objects: Manifests) -> None:
    spec = objects.one("Ingress", "dwcp-v3")["spec"]
    [rule] = spec["rules"]
    [path] = rule["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/", "Prefix")
    assert path["backend"]["service"] == {"name": "dwcp-v3", "port": {"number": 80}}
    assert spec["tls"] == [{"hosts": [rule["host"]], "secretName": "dwcp-v3-tls"}]


def test_settings_reach_the_ingress() -> None:
    objects = evaluate("staging", **CHANGED)
    ingress = objects.one("Ingress", "dwcp-v3")
    [rule] = objects.one("NetworkPolicy", "dwcp-v3-ingress")["spec"]["ingress"]
    assert ingress["spec"]["ingressClassName"] == "traefik"
    assert ingress["spec"]["rules"][0]["host"] == "dwcp.corp.example.com"
    assert ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "corp-ca"
    assert ingress["spec"]["tls"][0]["secretName"] == "dwcp-v3-tls"
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "edge"}}}]
    assert objects.graph.exports["ingress"]["url"] == "https://dwcp.corp.example.com"


@pytest.mark.parametrize(("stack", "awaited"), [("local", False), ("production", True)])
def test_the_address_is_awaited_where_a_controller_sets_it(stack: str, awaited: bool) -> None:
    annotations = evaluate(stack, ingress={"enabled": True}).one("Ingress", "dwcp-v3")["metadata"].get("annotations", {})
    assert ("pulumi.com/skipAwait" not in annotations) is awaited


def test_a_disabled_ingress_leaves_no_entry_point() -> None:
    objects = evaluate("staging", **ALTERNATIVES)
    assert objects.all("Ingress") == []
    assert "dwcp-v3-ingress" not in objects.names("NetworkPolicy")
    assert objects.graph.exports["ingress"] == {"url": None}
