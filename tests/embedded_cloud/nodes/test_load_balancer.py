"""HAProxy as the account's load balancer: from moto's ELBv2 into HAProxy's configuration, and what it measures back into moto."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest

from embedded_cloud import waiting
from embedded_cloud.nodes.cluster import RunningNodes
from embedded_cloud.nodes.load_balancer import (
    HAProxy,
    Listener,
    ListenerRule,
    ProxySettings,
    TargetGroup,
    Wanted,
    configuration,
    read,
    report,
)
from embedded_cloud.processes import free_ports

HOST = "dwcp.example.com"
STABLE = ("10.0.9.2", 8080)


@pytest.fixture(scope="module")
def elbv2(moto: str) -> Any:
    access = {"endpoint_url": moto, "region_name": "us-east-1", "aws_access_key_id": "-", "aws_secret_access_key": "-"}
    ec2, elbv2 = (boto3.client(name, **access) for name in ("ec2", "elbv2"))
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    ec2.attach_internet_gateway(InternetGatewayId=ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"], VpcId=vpc)
    zones = {"us-east-1a": "10.77.0.0/24", "us-east-1b": "10.77.1.0/24"}
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"] for zone, cidr in zones.items()
    ]
    balancer = elbv2.create_load_balancer(Name="tried", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    groups = [
        elbv2.create_target_group(
            Name=f"tried-{track}", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip", HealthCheckPath="/health"
        )["TargetGroups"][0]["TargetGroupArn"]
        for track in ("stable", "canary")
    ]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "not found"}}
    listener = elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[fixed])["Listeners"][0]
    parts = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip(groups, (90, 10), strict=True)]
    elbv2.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=100,
        Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": [HOST]}}],
        Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": parts}}],
    )
    elbv2.register_targets(TargetGroupArn=groups[0], Targets=[{"Id": STABLE[0], "Port": STABLE[1]}])
    return elbv2


@pytest.fixture
def settings(tmp_path: Path, moto: str) -> ProxySettings:
    return ProxySettings(folder=tmp_path, files={80: 5}, ports={443: 4430}, by_group=6, aws=moto)


def test_a_rules_weights_are_ends_on_a_dice_of_a_thousand(elbv2: Any) -> None:
    wanted = read(elbv2)
    assert {key: value for key, value in wanted.weights.items() if "tried" in key} == {
        "80.0.tried-stable": 900,
        "80.0.tried-canary": 1000,
    }


def test_weights_and_targets_are_no_part_of_what_is_loaded_again(elbv2: Any, settings: ProxySettings) -> None:
    before = read(elbv2)
    text = configuration(before, settings)
    before.weights = dict.fromkeys(before.weights, 0)
    before.targets.clear()
    assert configuration(before, settings) == text


FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
REDIRECT = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
OTHER_PORT = 8081


def frontend(elbv2: Any, settings: ProxySettings, default: dict[str, Any], *conditions: dict[str, Any]) -> tuple[str, Wanted]:
    """HAProxy's configuration of one more listener with this default action, and with a rule if there are conditions."""
    [balancer] = elbv2.describe_load_balancers(Names=["tried"])["LoadBalancers"]
    made = elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=OTHER_PORT, DefaultActions=[default]
    )
    [listener] = made["Listeners"]
    try:
        if conditions:
            actions = [{"Type": "forward", "TargetGroupArn": group(elbv2)}]
            elbv2.create_rule(ListenerArn=listener["ListenerArn"], Priority=1, Conditions=list(conditions), Actions=actions)
        wanted = read(elbv2)
    finally:
        elbv2.delete_listener(ListenerArn=listener["ListenerArn"])
    text = configuration(wanted, replace(settings, files={80: 5, OTHER_PORT: 7}))
    check(text, settings)
    sections = {each.split()[0]: each for each in text.split("frontend ")[1:]}
    assert f"-i {HOST} " in sections["listener-80"], "the other listeners stay"
    return sections[f"listener-{OTHER_PORT}"], wanted


def group(elbv2: Any) -> str:
    return elbv2.describe_target_groups(Names=["tried-stable"])["TargetGroups"][0]["TargetGroupArn"]


def check(text: str, settings: ProxySettings) -> None:
    """HAProxy's own check of a configuration, if HAProxy is installed."""
    if shutil.which("haproxy"):
        settings.weights.write_text("80.0.tried-stable 900\n")
        settings.config.write_text(re.sub(r"fd@\d", "unix@/unused.sock", text))
        done = subprocess.run(["haproxy", "-c", "-f", settings.config], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("weighted", [False, True])
def test_a_default_action_forwards_to_its_group(elbv2: Any, settings: ProxySettings, weighted: bool) -> None:
    arn = group(elbv2)
    to = {"ForwardConfig": {"TargetGroups": [{"TargetGroupArn": arn, "Weight": 1}]}} if weighted else {"TargetGroupArn": arn}
    host = {"Field": "host-header", "HostHeaderConfig": {"Values": ["other.example.com"]}}
    text, wanted = frontend(elbv2, settings, {"Type": "forward", **to}, host)
    assert "set-var(txn.rule) int(1) if !{ var(txn.rule) -m found }" in text
    assert [end for key, end in wanted.weights.items() if key.startswith(f"{OTHER_PORT}.")] == [1000, 1000]


@pytest.mark.parametrize("kept", [{}, {"Host": "#{host}", "Path": "/#{path}", "Query": "#{query}"}])
def test_a_redirect_to_https_keeps_the_rest_of_the_address(elbv2: Any, settings: ProxySettings, kept: dict[str, str]) -> None:
    text, _ = frontend(elbv2, settings, {"Type": "redirect", "RedirectConfig": {**REDIRECT, **kept}})
    assert "redirect location https://%[hdr(host),field(1,:)]:4430%[capture.req.uri] code 301 if" in text


def test_a_fixed_response_can_have_no_body(elbv2: Any, settings: ProxySettings) -> None:
    text, _ = frontend(elbv2, settings, FIXED)
    assert "http-request return status 404 if" in text


@pytest.mark.parametrize(
    ("default", "conditions", "named"),
    [
        (
            {"Type": "redirect", "RedirectConfig": {**REDIRECT, "Port": "#{port}"}},
            [],
            "redirect to HTTPS://#{host}:#{port}/#{path}",
        ),
        ({"Type": "redirect", "RedirectConfig": {**REDIRECT, "Path": "/new"}}, [], "redirect to HTTPS://#{host}:443/new?#{query}"),
        (FIXED, [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}}], "path-pattern"),
        (FIXED, [{"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}}], "*.example.com"),
    ],
)
def test_what_is_not_supported_is_named_in_the_answers_of_its_listener(
    elbv2: Any, settings: ProxySettings, default: dict[str, Any], conditions: list[dict[str, Any]], named: str
) -> None:
    text, _ = frontend(elbv2, settings, default, *conditions)
    [answer] = [line for line in text.splitlines() if "return status" in line]
    assert "status 501" in answer
    assert named in answer
    assert "use_backend" not in text


def test_the_hosts_of_all_rules_are_found(settings: ProxySettings) -> None:
    rules = (ListenerRule(("a.example.com", "b.example.com"), ()), ListenerRule(("c.example.com",), ()), ListenerRule((), ()))
    listener = Listener(80, False, (("Type", "fixed-response"),), rules)
    settings.config.write_text(configuration(Wanted(listeners=[listener]), settings))
    nodes = cast("Any", SimpleNamespace(network=SimpleNamespace(folder=settings.folder)))
    assert RunningNodes.hosts(nodes) == ["a.example.com", "b.example.com", "c.example.com"]


def test_what_is_measured_of_a_target_is_what_the_account_says(elbv2: Any, settings: ProxySettings) -> None:
    groups = elbv2.describe_target_groups(Names=["tried-stable"])["TargetGroups"]
    arn = groups[0]["TargetGroupArn"]
    for state in ("initial", "unhealthy", "healthy"):
        report(settings, arn, {STABLE: state})
        [described] = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        assert described["TargetHealth"]["State"] == state
    report(settings, arn, {})
    [described] = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert described["TargetHealth"]["State"] == "initial"


class Sick(BaseHTTPRequestHandler):
    """A target that answers requests and fails its health checks."""

    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/health" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="needs Debian's haproxy")
def test_a_group_without_a_healthy_target_gets_requests_all_the_same_until_its_targets_drain(settings: ProxySettings) -> None:
    """As with an ALB: a machine too busy to answer health checks in time would otherwise lose every request."""
    [port] = free_ports(1)
    check = {"path": "/health", "matcher": "200", "interval": "1", "timeout": "1", "rise": "2", "fall": "1"}
    group = TargetGroup("arn", "tried-stable", tuple(check.items()))
    text = configuration(Wanted(groups={"arn": group}), settings)
    settings.weights.touch()
    settings.config.write_text(text.replace("fd@6", f"127.0.0.1:{port}"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Sick) as target:
        threading.Thread(target=target.serve_forever, daemon=True).start()
        process = subprocess.Popen(["haproxy", "-db", "-f", settings.config])
        haproxy = HAProxy(settings, process.pid)
        try:
            until(lambda: settings.socket.exists() and bool(list(haproxy.servers())))
            wanted = {("127.0.0.1", target.server_port): "initial"}
            until(lambda: set(haproxy.direct(wanted, 0, list(haproxy.servers())).values()) == {"initial"})
            until(lambda: status(port) == 200)
            assert set(haproxy.direct(wanted, 0, list(haproxy.servers())).values()) == {"initial"}
            haproxy.direct({}, 0, list(haproxy.servers()))
            until(lambda: status(port) == 503)
        finally:
            process.kill()
            process.wait()
            target.shutdown()


def until(answers: Callable[[], bool]) -> None:
    for _ in waiting.looks(30):
        if answers():
            return
    raise AssertionError("it did not happen within 30 s")


def status(port: int) -> int:
    command = [
        "curl",
        "--silent",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        f"http://127.0.0.1:{port}/tracks/stable/",
    ]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
