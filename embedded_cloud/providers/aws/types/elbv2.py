"""The load balancer, its target groups, listeners and rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from embedded_cloud.providers.aws._values import (
    Properties,
    attribute_text,
    attribute_value,
    camel,
    first,
    flatten,
    given,
    pascal,
    pick,
    tag_dict,
    tag_list,
    unflatten,
)
from embedded_cloud.providers.aws.resource import TAGS, AwsResource, Tagging
from embedded_cloud.providers.modelled import names, properties


class ElbResource(AwsResource):
    """The common base of ELB's resources: the ARN is the id, and tags are set by ARN."""

    service = "elbv2"
    tagging = Tagging(resource="ResourceArns", add="add_tags", remove="remove_tags")

    def tagged(self, id: str) -> list[str]:
        return [id]

    def tags(self, id: str) -> dict[str, str]:
        """The live tags."""
        return tag_dict(self.api.describe_tags(ResourceArns=[id])["TagDescriptions"][0]["Tags"])


def with_tags(inputs: Properties) -> Properties:
    """The tags of a new resource, as a parameter of the call that creates it."""
    return {"Tags": tag_list(inputs["tagsAll"])} if inputs.get("tagsAll") else {}


def _attribute_list(inputs: Properties, attributes: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": attribute_text(inputs[name])} for name, key in attributes.items() if inputs.get(name) is not None]


def _attributes(described: list[dict[str, str]], attributes: Mapping[str, str], defaults: Mapping[str, Any]) -> Properties:
    values = {item["Key"]: item["Value"] for item in described}
    return {name: attribute_value(values[key], defaults[name]) for name, key in attributes.items() if key in values}


class LoadBalancer(ElbResource):
    """An application load balancer. Each update sets all attributes in one call, including those that have not changed."""

    token = "aws:lb/loadBalancer:LoadBalancer"
    attributes = properties(
        idleTimeout="idle_timeout.timeout_seconds",
        enableDeletionProtection="deletion_protection.enabled",
        dropInvalidHeaderFields="routing.http.drop_invalid_header_fields.enabled",
        enableHttp2="routing.http2.enabled",
        desyncMitigationMode="routing.http.desync_mitigation_mode",
        preserveHostHeader="routing.http.preserve_host_header.enabled",
        enableXffClientPort="routing.http.xff_client_port.enabled",
        xffHeaderProcessingMode="routing.http.xff_header_processing.mode",
        enableTlsVersionAndCipherSuiteHeaders="routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        enableWafFailOpen="waf.fail_open.enabled",
        clientKeepAlive="client_keep_alive.seconds",
    )
    logs = properties(enabled="access_logs.s3.enabled", bucket="access_logs.s3.bucket", prefix="access_logs.s3.prefix")
    replace_on = names("name internal loadBalancerType")
    set_by_update = frozenset(attributes) | names("accessLogs")
    updatable = TAGS | set_by_update | names("securityGroups subnets ipAddressType")
    defaults = properties(
        internal=False,
        loadBalancerType="application",
        ipAddressType="ipv4",
        idleTimeout=60,
        enableDeletionProtection=False,
        dropInvalidHeaderFields=False,
        enableHttp2=True,
        desyncMitigationMode="defensive",
        preserveHostHeader=False,
        enableXffClientPort=False,
        xffHeaderProcessingMode="append",
        enableTlsVersionAndCipherSuiteHeaders=False,
        enableWafFailOpen=False,
        clientKeepAlive=3600,
    )
    auto_name = "name"
    name_limit = 32

    def create(self, inputs: Properties) -> str:
        made = self.api.create_load_balancer(
            Scheme="internal" if inputs["internal"] else "internet-facing",
            Type=inputs["loadBalancerType"],
            **given(inputs, "name", "securityGroups", "subnets", "ipAddressType"),
            **with_tags(inputs),
        )
        return made["LoadBalancers"][0]["LoadBalancerArn"]

    def read(self, id: str) -> Properties | None:
        balancer = first(self.api.describe_load_balancers(LoadBalancerArns=[id])["LoadBalancers"])
        described = self.api.describe_load_balancer_attributes(LoadBalancerArn=id)["Attributes"]
        logs = unflatten({item["Key"]: item["Value"] for item in described}, self.logs)
        return {
            "name": balancer["LoadBalancerName"],
            "internal": balancer["Scheme"] == "internal",
            "loadBalancerType": balancer["Type"],
            **pick(balancer, "securityGroups", "ipAddressType", "vpcId"),
            "subnets": sorted(zone["SubnetId"] for zone in balancer["AvailabilityZones"]),
            **_attributes(described, self.attributes, self.defaults),
            "accessLogs": {**logs, "enabled": logs.get("enabled") == "true"},
            "arn": id,
            "arnSuffix": id.split(":loadbalancer/", 1)[1],
            "dnsName": balancer["DNSName"],
            "zoneId": balancer["CanonicalHostedZoneId"],
            "tagsAll": self.tags(id),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        # A load balancer without these inputs keeps its groups and subnets, as with the official provider.
        if "securityGroups" in new and new["securityGroups"] != old.get("securityGroups"):
            self.api.set_security_groups(LoadBalancerArn=id, SecurityGroups=new["securityGroups"])
        if "subnets" in new and new["subnets"] != old.get("subnets"):
            self.api.set_subnets(LoadBalancerArn=id, Subnets=new["subnets"])
        if new["ipAddressType"] != old.get("ipAddressType"):
            self.api.set_ip_address_type(LoadBalancerArn=id, IpAddressType=new["ipAddressType"])
        attributes = _attribute_list(new, self.attributes)
        logs = flatten(new.get("accessLogs", {"enabled": False}), self.logs)
        attributes += [{"Key": key, "Value": attribute_text(value)} for key, value in logs.items()]
        self.api.modify_load_balancer_attributes(LoadBalancerArn=id, Attributes=attributes)

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_load_balancer(LoadBalancerArn=id)


class TargetGroup(ElbResource):
    """A target group, with its health check."""

    token = "aws:lb/targetGroup:TargetGroup"
    health = properties(
        enabled="HealthCheckEnabled",
        protocol="HealthCheckProtocol",
        port="HealthCheckPort",
        path="HealthCheckPath",
        interval="HealthCheckIntervalSeconds",
        timeout="HealthCheckTimeoutSeconds",
        healthyThreshold="HealthyThresholdCount",
        unhealthyThreshold="UnhealthyThresholdCount",
    )
    attributes = properties(
        deregistrationDelay="deregistration_delay.timeout_seconds",
        slowStart="slow_start.duration_seconds",
        loadBalancingAlgorithmType="load_balancing.algorithm.type",
        loadBalancingCrossZoneEnabled="load_balancing.cross_zone.enabled",
    )
    stickiness = properties(
        enabled="stickiness.enabled", type="stickiness.type", cookieDuration="stickiness.lb_cookie.duration_seconds"
    )
    replace_on = names("name port protocol protocolVersion targetType vpcId")
    set_by_update = frozenset(attributes) | names("stickiness")
    updatable = TAGS | set_by_update | names("healthCheck")
    defaults = properties(
        protocolVersion="HTTP1",
        deregistrationDelay=300,
        slowStart=0,
        loadBalancingAlgorithmType="round_robin",
        loadBalancingCrossZoneEnabled="use_load_balancer_configuration",
    )
    auto_name = "name"
    name_limit = 32

    def create(self, inputs: Properties) -> str:
        parameters = given(inputs, "name", "port", "protocol", "protocolVersion", "targetType", "vpcId")
        made = self.api.create_target_group(**parameters, **self._health_check(inputs), **with_tags(inputs))
        return made["TargetGroups"][0]["TargetGroupArn"]

    def _health_check(self, inputs: Properties) -> Properties:
        check = inputs.get("healthCheck", {})
        matcher = {"Matcher": {"HttpCode": str(check["matcher"])}} if check.get("matcher") else {}
        known = {key: value for key, value in check.items() if key != "matcher"}
        return {**flatten(known, self.health), **matcher}

    def read(self, id: str) -> Properties | None:
        group = first(self.api.describe_target_groups(TargetGroupArns=[id])["TargetGroups"])
        described = self.api.describe_target_group_attributes(TargetGroupArn=id)["Attributes"]
        sticky = unflatten({item["Key"]: item["Value"] for item in described}, self.stickiness)
        if "cookieDuration" in sticky:
            sticky["cookieDuration"] = int(sticky["cookieDuration"])
        return {
            "name": group["TargetGroupName"],
            **pick(group, "port", "protocol", "protocolVersion", "targetType", "vpcId", "ipAddressType"),
            "healthCheck": {**unflatten(group, self.health), "matcher": group.get("Matcher", {}).get("HttpCode")},
            **_attributes(described, self.attributes, self.defaults),
            "stickiness": {**sticky, "enabled": sticky.get("enabled") == "true"},
            "arn": id,
            "arnSuffix": id.rsplit(":", 1)[1],
            "tagsAll": self.tags(id),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        if new.get("healthCheck") != old.get("healthCheck"):
            self.api.modify_target_group(TargetGroupArn=id, **self._health_check(new))
        attributes = _attribute_list(new, self.attributes)
        sticky = flatten(new.get("stickiness"), self.stickiness)
        attributes += [{"Key": key, "Value": attribute_text(value)} for key, value in sticky.items()]
        self.api.modify_target_group_attributes(TargetGroupArn=id, Attributes=attributes)

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_target_group(TargetGroupArn=id)


class Listener(ElbResource):
    """A listener: a port of the load balancer, with the default action for requests that no rule matches."""

    token = "aws:lb/listener:Listener"
    replace_on = names("loadBalancerArn")
    updatable = TAGS | names("port protocol sslPolicy certificateArn defaultActions")

    def create(self, inputs: Properties) -> str:
        made = self.api.create_listener(LoadBalancerArn=inputs["loadBalancerArn"], **self._parameters(inputs), **with_tags(inputs))
        return made["Listeners"][0]["ListenerArn"]

    def _parameters(self, inputs: Properties) -> Properties:
        parameters = given(inputs, "port", "protocol", "sslPolicy")
        if certificate := inputs.get("certificateArn"):
            parameters["Certificates"] = [{"CertificateArn": certificate}]
        return {**parameters, "DefaultActions": [_to_action(action) for action in inputs["defaultActions"]]}

    def read(self, id: str) -> Properties | None:
        listener = first(self.api.describe_listeners(ListenerArns=[id])["Listeners"])
        certificates = listener.get("Certificates")
        return {
            **pick(listener, "loadBalancerArn", "port", "protocol"),
            # moto reports an SSL policy for plain HTTP, too
            "sslPolicy": listener.get("SslPolicy") if listener["Protocol"] == "HTTPS" else None,
            "certificateArn": certificates[0]["CertificateArn"] if certificates else None,
            "defaultActions": [_from_action(action) for action in listener["DefaultActions"]],
            "arn": id,
            "tagsAll": self.tags(id),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self.api.modify_listener(ListenerArn=id, **self._parameters(new))

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_listener(ListenerArn=id)


class ListenerRule(ElbResource):
    """A listener rule: conditions, and the actions for requests that meet these conditions."""

    token = "aws:lb/listenerRule:ListenerRule"
    replace_on = names("listenerArn")
    updatable = TAGS | names("priority actions conditions")

    def create(self, inputs: Properties) -> str:
        made = self.api.create_rule(
            ListenerArn=inputs["listenerArn"], Priority=inputs["priority"], **self._parameters(inputs), **with_tags(inputs)
        )
        return made["Rules"][0]["RuleArn"]

    def _parameters(self, inputs: Properties) -> Properties:
        conditions = [_to_condition(each) for each in inputs["conditions"]]
        return {"Actions": [_to_action(action) for action in inputs["actions"]], "Conditions": conditions}

    def read(self, id: str) -> Properties | None:
        rule = first(self.api.describe_rules(RuleArns=[id])["Rules"])
        balancer, listener, _ = id.replace(":listener-rule/", ":listener/").rsplit("/", 2)
        return {
            "listenerArn": f"{balancer}/{listener}",
            "priority": int(rule["Priority"]),
            "actions": [_from_action(action) for action in rule["Actions"]],
            "conditions": [_from_condition(condition) for condition in rule["Conditions"]],
            "arn": id,
            "tagsAll": self.tags(id),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        present = int(first(self.api.describe_rules(RuleArns=[id])["Rules"])["Priority"])
        if new.get("priority", present) != present:  # a rule without the input keeps its priority
            self.api.set_rule_priorities(RulePriorities=[{"RuleArn": id, "Priority": new["priority"]}])
        self.api.modify_rule(RuleArn=id, **self._parameters(new))

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_rule(RuleArn=id)


BLOCKS = properties(redirect="RedirectConfig", fixedResponse="FixedResponseConfig", forward="ForwardConfig")
"""The nested blocks of an action, with their names in the API."""

CONDITIONS = properties(pathPattern="PathPatternConfig", hostHeader="HostHeaderConfig", httpRequestMethod="HttpRequestMethodConfig")


def _to_action(action: Properties) -> Properties:
    made = {"Type": action["type"], **pascal(flatten({key: action[key] for key in BLOCKS if key in action}, BLOCKS))}
    if group := action.get("targetGroupArn"):
        made["TargetGroupArn"] = group
    if forward := action.get("forward"):
        groups = [{"TargetGroupArn": group["arn"], "Weight": group.get("weight", 1)} for group in forward["targetGroups"]]
        forwarding: Properties = {"TargetGroups": groups}
        made["ForwardConfig"] = forwarding
        if sticky := forward.get("stickiness"):
            duration = {"DurationSeconds": sticky["duration"]} if sticky.get("duration") else {}
            forwarding["TargetGroupStickinessConfig"] = {"Enabled": bool(sticky.get("enabled")), **duration}
    return made


def _from_action(action: dict[str, Any]) -> Properties:
    described: Properties = camel(unflatten(action, BLOCKS)) | pick(action, "type", "targetGroupArn")
    if forward := action.get("ForwardConfig"):
        sticky = forward.get("TargetGroupStickinessConfig", {})
        duration = {"duration": sticky["DurationSeconds"]} if sticky.get("DurationSeconds") else {}
        described["forward"] = {
            "targetGroups": [{"arn": group["TargetGroupArn"], "weight": group["Weight"]} for group in forward["TargetGroups"]],
            "stickiness": {"enabled": sticky.get("Enabled", False), **duration},
        }
    return described


def _to_condition(condition: Properties) -> Properties:
    [kind] = condition
    field = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in kind)
    return {"Field": field, **pascal(flatten(condition, CONDITIONS))}


def _from_condition(condition: dict[str, Any]) -> Properties:
    return camel(unflatten(condition, CONDITIONS))
