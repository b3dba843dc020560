import json
from typing import Any

from recording import run_platform

from program.catalogue import Replaces, replaces


def test_http_is_redirected_and_https_has_a_certificate() -> None:
    graph = run_platform("production")
    http, https = graph.one("Listener", "dwcp-v3-http"), graph.one("Listener", "dwcp-v3-https")
    assert http["defaultActions"][0]["redirect"] == {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}
    assert https["certificateArn"] == "arn:aws:mock:us-east-1:123456789012:dwcp-v3"
    assert https["sslPolicy"].startswith("ELBSecurityPolicy-TLS13-")
    assert https["defaultActions"][0]["fixedResponse"]["statusCode"] == "404"


def test_a_configured_certificate_needs_no_hosted_zone() -> None:
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    graph = run_platform("local", loadBalancer={"certificateArn": arn, "hostedZone": None})
    assert graph.one("Listener", "dwcp-v3-https")["certificateArn"] == arn
    assert not graph.of("Certificate")
    assert not graph.of("Record")


def test_the_initial_weights_send_all_traffic_to_stable() -> None:
    rule = run_platform("local").one("ListenerRule", "dwcp-v3-tracks")
    weights = {each["arn"].rsplit(":", 1)[-1]: each["weight"] for each in rule["actions"][0]["forward"]["targetGroups"]}
    assert weights == {"dwcp-v3-stable": 100, "dwcp-v3-canary": 0}


def test_target_groups_contain_pods_and_check_their_health() -> None:
    groups = run_platform("local").of("TargetGroup")
    assert {group.name for group in groups} == {"dwcp-v3-stable", "dwcp-v3-canary"}
    for group in groups:
        assert (group.inputs["targetType"], group.inputs["port"], group.inputs["healthCheck"]["path"]) == ("ip", 8080, "/health")


def test_productions_load_balancer_is_protected_and_drops_invalid_headers() -> None:
    balancer = run_platform("production").one("aws:lb/loadBalancer:LoadBalancer")
    assert balancer["accessLogs"]["enabled"] is True
    assert balancer["enableDeletionProtection"] is True
    assert balancer["dropInvalidHeaderFields"] is True


def test_load_balancers_can_write_the_bucket_of_access_logs() -> None:
    graph = run_platform("local")
    encryption = graph.one("BucketServerSideEncryptionConfiguration", "dwcp-v3-access-logs")
    algorithm = encryption["rules"][0]["applyServerSideEncryptionByDefault"]["sseAlgorithm"]
    policy = json.loads(graph.one("BucketPolicy", "dwcp-v3-access-logs")["policy"])
    assert algorithm == "AES256"
    by_service = {str(each["Principal"]): each for each in policy["Statement"]}
    delivery = by_service["{'Service': 'logdelivery.elasticloadbalancing.amazonaws.com'}"]
    assert [each.partition("/")[2] for each in delivery["Resource"]] == ["AWSLogs/123456789012/*"]
    assert delivery["Condition"]["ArnLike"]["aws:SourceArn"] == "arn:aws:elasticloadbalancing:*:123456789012:loadbalancer/*"


CHANGES: dict[str, dict[str, Any]] = {
    "application": {"port": 8081, "metricsPort": 9095, "image": "ghcr.io/novacron/dwcp-v3:v9.9.9"},
    "loadBalancer": {"deregistrationDelaySeconds": 60, "idleTimeoutSeconds": 120},
    "network": {"interfaceEndpoints": ["sts"]},
    "environment": {"owner": "others"},
}
"""Changes of settings that a target group could depend on; `last_update` refuses those of the VPC."""


def test_no_setting_of_the_service_replaces_a_target_group() -> None:
    """A new group has no targets, and delivery owns the rule that sends traffic to the old one."""
    olds, news = run_platform("production"), run_platform("production", **CHANGES)
    for old, new in zip(olds.of("TargetGroup"), news.of("TargetGroup"), strict=True):
        changed = {key for key in old.inputs.keys() | new.inputs.keys() if old.inputs.get(key) != new.inputs.get(key)}
        assert "deregistrationDelay" in changed
        assert [key for key in changed if replaces(old.type, (key,)) is not Replaces.NO] == []


def test_a_changed_port_is_open_before_the_old_port_closes() -> None:
    """Rules of both ports exist until the end of the update, and the Service and the network policy follow each pod's own port."""
    olds, news = run_platform("production"), run_platform("production", application={"port": 8081})
    rules = [each for each in news.resources if each.name.endswith("load-balancer-to-application")]
    assert len(rules) == 2
    for rule in rules:
        assert (rule.inputs["fromPort"], set(rule.replace_on_changes)) == (8081, {"fromPort", "toPort"})
        assert not rule.delete_before_replace
    for type_ in ("kubernetes:core/v1:Service", "kubernetes:networking.k8s.io/v1:NetworkPolicy"):
        before = {each.name: each.inputs["spec"] for each in olds.of(type_) if each.name.startswith("dwcp-v3")}
        after = {each.name: each.inputs["spec"] for each in news.of(type_) if each.name.startswith("dwcp-v3")}
        assert {name for name in before if before[name] != after[name]} == set()
