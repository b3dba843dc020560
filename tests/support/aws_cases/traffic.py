"""Cases of the types for load balancers, certificates and DNS."""

from __future__ import annotations

from uuid import uuid4

from aws_cases.world import Case, Client, Properties, World, ids, tags

TAGS = {"Name": "x"}
MORE = {"Name": "y", "tier": "z"}


def elb_tags(world: World, id: str) -> dict[str, str]:
    return tags(world.boto("elbv2").describe_tags(ResourceArns=[id])["TagDescriptions"][0]["Tags"])


def attributes(listed: list[dict[str, str]]) -> dict[str, str]:
    return {item["Key"]: item["Value"] for item in listed}


def balancer(world: World, id: str) -> Properties:
    elb = world.boto("elbv2")
    [found] = elb.describe_load_balancers(LoadBalancerArns=[id])["LoadBalancers"]
    set_ = attributes(elb.describe_load_balancer_attributes(LoadBalancerArn=id)["Attributes"])
    return {
        "name": found["LoadBalancerName"],
        "internal": found["Scheme"] == "internal",
        "loadBalancerType": found["Type"],
        "ipAddressType": found["IpAddressType"],
        "securityGroups": found["SecurityGroups"],
        "subnets": [zone["SubnetId"] for zone in found["AvailabilityZones"]],
        "idleTimeout": int(set_["idle_timeout.timeout_seconds"]),
        "enableDeletionProtection": set_["deletion_protection.enabled"] == "true",
        "dropInvalidHeaderFields": set_["routing.http.drop_invalid_header_fields.enabled"] == "true",
        "enableHttp2": set_["routing.http2.enabled"] == "true",
        "desyncMitigationMode": set_["routing.http.desync_mitigation_mode"],
        "preserveHostHeader": set_["routing.http.preserve_host_header.enabled"] == "true",
        "enableXffClientPort": set_["routing.http.xff_client_port.enabled"] == "true",
        "xffHeaderProcessingMode": set_["routing.http.xff_header_processing.mode"],
        "enableTlsVersionAndCipherSuiteHeaders": set_["routing.http.x_amzn_tls_version_and_cipher_suite.enabled"] == "true",
        "enableWafFailOpen": set_["waf.fail_open.enabled"] == "true",
        "clientKeepAlive": int(set_["client_keep_alive.seconds"]),
        "accessLogs": {
            "enabled": set_["access_logs.s3.enabled"] == "true",
            "bucket": set_["access_logs.s3.bucket"],
            "prefix": set_["access_logs.s3.prefix"],
        },
        "tags": elb_tags(world, id),
    }


def balancer_inputs(world: World) -> Properties:
    return {
        "name": f"balancer-{uuid4().hex[:8]}",
        **{"internal": True, "loadBalancerType": "application", "ipAddressType": "ipv4"},
        **{"securityGroups": [world.group()], "subnets": [world.subnet("a"), world.subnet("b")]},
        **{"idleTimeout": 30, "enableDeletionProtection": False, "dropInvalidHeaderFields": True, "enableHttp2": False},
        **{"desyncMitigationMode": "strictest", "preserveHostHeader": True, "enableXffClientPort": True},
        **{"xffHeaderProcessingMode": "remove", "enableTlsVersionAndCipherSuiteHeaders": True, "enableWafFailOpen": True},
        **{"clientKeepAlive": 1800, "accessLogs": {"enabled": True, "bucket": world.log_bucket(), "prefix": "alb"}, "tags": TAGS},
    }


def balancer_updates(world: World) -> Properties:
    return {
        **{"securityGroups": [world.group("other")], "subnets": [world.subnet("b"), world.subnet("c")], "idleTimeout": 90},
        **{"ipAddressType": "dualstack"},
        **{"enableDeletionProtection": True, "dropInvalidHeaderFields": False, "enableHttp2": True},
        **{"desyncMitigationMode": "monitor", "preserveHostHeader": False, "enableXffClientPort": False},
        **{"xffHeaderProcessingMode": "preserve", "enableTlsVersionAndCipherSuiteHeaders": False, "enableWafFailOpen": False},
        **{"clientKeepAlive": 600, "accessLogs": {"enabled": False, "bucket": world.bucket(), "prefix": "b"}, "tags": MORE},
    }


def balancer_drift(world: World, id: str) -> Properties:
    change = [{"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "false"}]
    world.boto("elbv2").modify_load_balancer_attributes(LoadBalancerArn=id, Attributes=change)
    return {"dropInvalidHeaderFields": False}


def target_group(world: World, id: str) -> Properties:
    elb = world.boto("elbv2")
    [found] = elb.describe_target_groups(TargetGroupArns=[id])["TargetGroups"]
    set_ = attributes(elb.describe_target_group_attributes(TargetGroupArn=id)["Attributes"])
    return {
        "name": found["TargetGroupName"],
        **{"port": found["Port"], "protocol": found["Protocol"], "protocolVersion": found["ProtocolVersion"]},
        **{"targetType": found["TargetType"], "vpcId": found["VpcId"]},
        "healthCheck": {
            **{"enabled": found["HealthCheckEnabled"], "protocol": found["HealthCheckProtocol"], "port": found["HealthCheckPort"]},
            **{"path": found["HealthCheckPath"], "interval": found["HealthCheckIntervalSeconds"]},
            **{"timeout": found["HealthCheckTimeoutSeconds"], "matcher": found["Matcher"]["HttpCode"]},
            **{"healthyThreshold": found["HealthyThresholdCount"], "unhealthyThreshold": found["UnhealthyThresholdCount"]},
        },
        "deregistrationDelay": int(set_["deregistration_delay.timeout_seconds"]),
        "slowStart": int(set_["slow_start.duration_seconds"]),
        "loadBalancingAlgorithmType": set_["load_balancing.algorithm.type"],
        "loadBalancingCrossZoneEnabled": set_["load_balancing.cross_zone.enabled"],
        "stickiness": {
            **{"enabled": set_["stickiness.enabled"] == "true", "type": set_["stickiness.type"]},
            "cookieDuration": int(set_["stickiness.lb_cookie.duration_seconds"]),
        },
        "tags": elb_tags(world, id),
    }


CHECK = {
    **{"enabled": True, "protocol": "HTTP", "port": "8080", "path": "/health", "interval": 15, "timeout": 5, "matcher": "200"},
    **{"healthyThreshold": 2, "unhealthyThreshold": 3},
}


def target_group_inputs(world: World) -> Properties:
    return {
        "name": f"targets-{len(world.boto('elbv2').describe_target_groups()['TargetGroups'])}",
        **{"port": 8080, "protocol": "HTTP", "protocolVersion": "HTTP1", "targetType": "ip", "vpcId": world.vpc()},
        **{
            "healthCheck": CHECK,
            "deregistrationDelay": 30,
            "slowStart": 60,
            "loadBalancingAlgorithmType": "least_outstanding_requests",
        },
        "loadBalancingCrossZoneEnabled": "true",
        **{"stickiness": {"enabled": True, "type": "lb_cookie", "cookieDuration": 600}, "tags": TAGS},
    }


def target_group_drift(world: World, id: str) -> Properties:
    world.boto("elbv2").modify_target_group(TargetGroupArn=id, HealthCheckPath="/other")
    return {"healthCheck": {**CHECK, "path": "/other"}}


def listener(world: World, id: str) -> Properties:
    [found] = world.boto("elbv2").describe_listeners(ListenerArns=[id])["Listeners"]
    [action] = found["DefaultActions"]
    answer = action["FixedResponseConfig"]
    return {
        **{"loadBalancerArn": found["LoadBalancerArn"], "port": found["Port"], "protocol": found["Protocol"]},
        **{"sslPolicy": found["SslPolicy"], "certificateArn": found["Certificates"][0]["CertificateArn"]},
        "defaultActions": [{"type": action["Type"], "fixedResponse": fixed(answer["StatusCode"], answer["MessageBody"])}],
        "tags": elb_tags(world, id),
    }


def fixed(status: str, body: str) -> Properties:
    return {"contentType": "text/plain", "statusCode": status, "messageBody": body}


def listener_inputs(world: World) -> Properties:
    subnets = [world.subnet("a"), world.subnet("b")]
    return {
        "loadBalancerArn": world.make("aws:lb/loadBalancer:LoadBalancer", subnets=subnets).id,
        **{"port": 443, "protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
        **{"certificateArn": world.certificate(), "tags": TAGS},
        "defaultActions": [{"type": "fixed-response", "fixedResponse": fixed("404", "none")}],
    }


def listener_updates(world: World) -> Properties:
    return {
        **{
            "port": 8443,
            "sslPolicy": "ELBSecurityPolicy-TLS13-1-3-2021-06",
            "certificateArn": world.certificate("other certificate"),
        },
        **{"defaultActions": [{"type": "fixed-response", "fixedResponse": fixed("503", "later")}], "tags": MORE},
    }


def listener_drift(world: World, id: str) -> Properties:
    world.boto("elbv2").modify_listener(ListenerArn=id, SslPolicy="ELBSecurityPolicy-2016-08")
    return {"sslPolicy": "ELBSecurityPolicy-2016-08"}


def rule(world: World, id: str) -> Properties:
    elb = world.boto("elbv2")
    [found] = elb.describe_rules(RuleArns=[id])["Rules"]
    [action], [condition] = found["Actions"], found["Conditions"]
    groups = [{"arn": each["TargetGroupArn"], "weight": each["Weight"]} for each in action["ForwardConfig"]["TargetGroups"]]
    listed = elb.describe_rules(ListenerArn=world.listener())["Rules"]
    return {
        "listenerArn": world.listener() if id in {each["RuleArn"] for each in listed} else None,
        "priority": int(found["Priority"]),
        "actions": [{"type": action["Type"], "forward": {"targetGroups": groups}}],
        "conditions": [{"hostHeader": {"values": condition["HostHeaderConfig"]["Values"]}}],
        "tags": elb_tags(world, id),
    }


def weighted(world: World, stable: int) -> list[Properties]:
    targets = [
        {"arn": world.target_group("stable"), "weight": stable},
        {"arn": world.target_group("canary"), "weight": 100 - stable},
    ]
    return [{"type": "forward", "forward": {"targetGroups": targets}}]


def rule_inputs(world: World) -> Properties:
    taken = len(world.boto("elbv2").describe_rules(ListenerArn=world.listener())["Rules"])
    hosts = [{"hostHeader": {"values": ["a.example.com"]}}]
    return {"listenerArn": world.listener(), "priority": taken, "actions": weighted(world, 100), "conditions": hosts, "tags": TAGS}


def rule_drift(world: World, id: str) -> Properties:
    """Change the weights, as a rollout does."""
    groups = [
        {"TargetGroupArn": world.target_group("stable"), "Weight": 90},
        {"TargetGroupArn": world.target_group("canary"), "Weight": 10},
    ]
    forward = {"TargetGroups": groups, "TargetGroupStickinessConfig": {"Enabled": False}}
    world.boto("elbv2").modify_rule(RuleArn=id, Actions=[{"Type": "forward", "ForwardConfig": forward}])
    [action] = weighted(world, 90)
    return {"actions": [{**action, "forward": {**action["forward"], "stickiness": {"enabled": False}}}]}


def certificate(world: World, id: str) -> Properties:
    acm = world.boto("acm")
    found = acm.describe_certificate(CertificateArn=id)["Certificate"]
    return {
        **{"domainName": found["DomainName"], "subjectAlternativeNames": found["SubjectAlternativeNames"]},
        **{"keyAlgorithm": found["KeyAlgorithm"], "validationMethod": found["DomainValidationOptions"][0]["ValidationMethod"]},
        "tags": tags(acm.list_tags_for_certificate(CertificateArn=id)["Tags"]),
    }


def certificate_drift(world: World, id: str) -> Properties:
    world.boto("acm").add_tags_to_certificate(CertificateArn=id, Tags=[{"Key": "by", "Value": "hand"}])
    return {"tags": {**TAGS, "by": "hand"}}


def validation(world: World, id: str) -> Properties:
    found = world.boto("acm").describe_certificate(CertificateArn=id)["Certificate"]
    assert found["Status"] == "ISSUED"
    return {"certificateArn": found["CertificateArn"]}


def delete_certificate(world: World, id: str) -> Properties:
    world.boto("acm").delete_certificate(CertificateArn=id)
    return {}


def record(world: World, id: str) -> Properties:
    zone, name = id.split("_")[0], id.split("_")[1]
    listed = world.boto("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    [found] = [each for each in listed if each["Name"] == f"{name}."]
    return {
        **{"zoneId": zone, "name": found["Name"].rstrip("."), "type": found["Type"], "ttl": found["TTL"]},
        **{"records": [each["Value"] for each in found["ResourceRecords"]], "aliases": []},
    }


def record_inputs(world: World) -> Properties:
    zone = world.zone()
    taken = len(world.boto("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"])
    common = {"zoneId": zone, "name": f"r{taken}.example.com", "type": "CNAME", "allowOverwrite": True}
    return {**common, "ttl": 60, "records": ["a.example.com"], "aliases": []}


def record_drift(world: World, id: str) -> Properties:
    zone, name = id.split("_")[0], id.split("_")[1]
    changed = {"Name": name, "Type": "CNAME", "TTL": 61, "ResourceRecords": [{"Value": "b.example.com"}]}
    change = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": changed}]}
    world.boto("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=change)
    return {"ttl": 61, "records": ["b.example.com"]}


def load_balancers(boto: Client) -> list[str]:
    return ids(boto("elbv2").describe_load_balancers()["LoadBalancers"], "LoadBalancerArn")


def listeners(boto: Client) -> list[str]:
    elbv2 = boto("elbv2")
    return [
        id for arn in load_balancers(boto) for id in ids(elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"], "ListenerArn")
    ]


def listener_rules(boto: Client) -> list[str]:
    """The ARNs of the rules, without the default rules of listeners."""
    rules = [rule for arn in listeners(boto) for rule in boto("elbv2").describe_rules(ListenerArn=arn)["Rules"]]
    return ids([rule for rule in rules if not rule["IsDefault"]], "RuleArn")


def records(boto: Client) -> list[str]:
    """The records, without the records that Route 53 creates with a zone."""
    route53 = boto("route53")
    found = [
        (zone["Id"].rpartition("/")[2], record["Name"].rstrip("."), record["Type"])
        for zone in route53.list_hosted_zones()["HostedZones"]
        for record in route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    ]
    return ["_".join(record) for record in found if record[2] not in ("NS", "SOA")]


CASES = (
    Case(
        token="aws:lb/loadBalancer:LoadBalancer",
        listed=load_balancers,
        inputs=balancer_inputs,
        described=balancer,
        updates=balancer_updates,
        drift=balancer_drift,
    ),
    Case(
        token="aws:lb/targetGroup:TargetGroup",
        listed=lambda boto: ids(boto("elbv2").describe_target_groups()["TargetGroups"], "TargetGroupArn"),
        inputs=target_group_inputs,
        described=target_group,
        updates=lambda _: {
            **{"healthCheck": {**CHECK, "path": "/ready", "interval": 20}, "deregistrationDelay": 60, "slowStart": 0, "tags": MORE},
            **{"loadBalancingAlgorithmType": "round_robin", "loadBalancingCrossZoneEnabled": "false"},
            "stickiness": {"enabled": False, "type": "lb_cookie", "cookieDuration": 900},
        },
        drift=target_group_drift,
    ),
    Case(
        token="aws:lb/listener:Listener",
        listed=listeners,
        inputs=listener_inputs,
        described=listener,
        updates=listener_updates,
        drift=listener_drift,
    ),
    Case(
        token="aws:lb/listenerRule:ListenerRule",
        listed=listener_rules,
        inputs=rule_inputs,
        described=rule,
        updates=lambda world: {
            **{"actions": weighted(world, 50), "conditions": [{"hostHeader": {"values": ["b.example.com"]}}]},
            **{"priority": 4000, "tags": MORE},
        },
        drift=rule_drift,
    ),
    Case(
        token="aws:acm/certificate:Certificate",
        listed=lambda boto: ids(boto("acm").list_certificates()["CertificateSummaryList"], "CertificateArn"),
        inputs=lambda _: {
            **{"domainName": "a.example.com", "subjectAlternativeNames": ["a.example.com", "b.example.com"]},
            **{"validationMethod": "DNS", "keyAlgorithm": "RSA_2048", "tags": TAGS},
        },
        described=certificate,
        updates=lambda _: {"tags": MORE},
        drift=certificate_drift,
    ),
    Case(
        token="aws:acm/certificateValidation:CertificateValidation",
        inputs=lambda world: {
            "certificateArn": world.make("aws:acm/certificate:Certificate", domainName="c.example.com", validationMethod="DNS").id,
            "validationRecordFqdns": ["_x.example.com"],
        },
        described=validation,
        drift=delete_certificate,
        stays=True,
    ),
    Case(
        token="aws:route53/record:Record",
        listed=records,
        inputs=record_inputs,
        described=record,
        updates=lambda _: {"ttl": 120, "records": ["c.example.com"]},
        drift=record_drift,
    ),
)
