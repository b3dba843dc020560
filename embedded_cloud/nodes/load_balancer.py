"""``python -m embedded_cloud.nodes.load_balancer SETTINGS PID``: configure HAProxy as the account's load balancer.

``PID`` is HAProxy's process. Listeners, rules and target groups become HAProxy's configuration. HAProxy is reloaded only when this
configuration changes. Weights and targets are set through HAProxy's socket, so that a change affects no open connection. The health
that HAProxy measures is reported to moto.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3

from embedded_cloud.front.endpoints import TARGETS

PERIOD_SECONDS = 0.5
Address = tuple[str, int]
SLOTS = [f"t{number}" for number in range(1, 41)]
"""The slots of a target group. A slot contains one target, so 40 is the maximum number of targets, including draining targets."""
ANYHOW = "anyhow-"
"""Each slot has a second server, whose name has this prefix. It has no health check, and gets requests only if no target of the
group is healthy. In this case, an ALB sends requests to all targets:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html."""
SHARES = 1000
ANSWER_SECONDS = 5
DRAINING = ("draining", "unused")
DEFAULT_ACTIONS = ("forward", "fixed-response", "redirect")
UNCHANGED = {"Protocol": "#{protocol}", "Host": "#{host}", "Port": "#{port}", "Path": "/#{path}", "Query": "#{query}"}
"""The parts of a redirect that keep the request's parts:
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html"""
DELAY = "deregistration_delay.timeout_seconds"
MAX_CONNECTIONS = 4000

TOP = """global
  maxconn {connections}
  stats socket {socket} mode 600 level admin
  server-state-file {state}
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout connect 10s
  timeout client {idle}s
  timeout http-keep-alive {idle}s
  timeout server {idle}s
  retries 0
  load-server-state-from-file global
"""
"""The sections ``global`` and ``defaults``. As in an ALB, there are no retries and no redispatch to another target."""


@dataclass(frozen=True)
class TargetGroup:
    """A target group, which is the HAProxy backend ``name``; the backend's servers are the slots for targets."""

    arn: str
    name: str
    check: tuple[tuple[str, str], ...]

    def backend(self, idle: str, held: Mapping[str, Address]) -> str:
        """The configuration of the backend. As in an ALB, idle connections stay open for ``idle`` seconds.

        ``held`` contains the targets by slot. A slot that is not in ``held`` is free.
        """
        check = dict(self.check)
        times = f"inter {check['interval']}s fastinter 1s rise {check['rise']} fall {check['fall']}"
        return (
            f"backend {self.name}\n  option allbackups\n  option httpchk GET {check['path']}\n"
            f"  http-check expect status {check['matcher']}\n"
            f"  timeout check {check['timeout']}s\n  http-reuse always\n"
            f"  default-server pool-purge-delay {idle}s {times}\n"
        ) + "".join(_servers(slot, held.get(slot)) for slot in SLOTS)


@dataclass(frozen=True)
class ListenerRule:
    """A listener's rule: the hosts that it matches (every host if empty), and the target groups to which it forwards."""

    hosts: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Listener:
    """A listener: its rules in order, and its default action, which applies to requests that no rule matches."""

    port: int
    tls: bool
    default: tuple[tuple[str, str], ...]
    rules: tuple[ListenerRule, ...]


@dataclass
class Wanted:
    """The wanted state of HAProxy. ``weights``, ``targets`` and ``delays`` change without a reload."""

    listeners: list[Listener] = field(default_factory=list[Listener])
    groups: dict[str, TargetGroup] = field(default_factory=dict[str, TargetGroup])
    idle: str = "60"
    weights: dict[str, int] = field(default_factory=dict[str, int])
    """Key of a rule's group in HAProxy's map -> end of the group's range of random numbers. Each request has a random number,
    and goes to the rule's first group with an end above this number."""
    targets: dict[str, dict[Address, str]] = field(default_factory=dict[str, dict[Address, str]])
    """ARN of the group -> address -> the target's state in moto. moto does not list draining targets."""
    delays: dict[str, float] = field(default_factory=dict[str, float])
    """ARN of the group -> draining time of a deregistered target, in seconds."""


def read(elbv2: Any) -> Wanted:
    """The wanted state, from the account's present load balancers and target groups."""
    wanted = Wanted()
    for described in elbv2.describe_target_groups()["TargetGroups"]:
        group = _group(described)
        wanted.groups[group.arn] = group
        attributes = elbv2.describe_target_group_attributes(TargetGroupArn=group.arn)["Attributes"]
        wanted.delays[group.arn] = float({each["Key"]: each["Value"] for each in attributes}[DELAY])
        health = elbv2.describe_target_health(TargetGroupArn=group.arn)["TargetHealthDescriptions"]
        wanted.targets[group.arn] = {
            (each["Target"]["Id"], each["Target"]["Port"]): each["TargetHealth"]["State"] for each in health
        }
    for balancer in elbv2.describe_load_balancers()["LoadBalancers"]:
        arn = balancer["LoadBalancerArn"]
        attributes = elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        wanted.idle = {each["Key"]: each["Value"] for each in attributes}.get("idle_timeout.timeout_seconds", wanted.idle)
        for listener in elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
            wanted.listeners.append(_listener(elbv2, listener, wanted))
    return wanted


def _group(described: dict[str, Any]) -> TargetGroup:
    check = {
        "path": described.get("HealthCheckPath") or "/",
        "matcher": described.get("Matcher", {}).get("HttpCode", "200"),
        "interval": described["HealthCheckIntervalSeconds"],
        "timeout": described["HealthCheckTimeoutSeconds"],
        "rise": described["HealthyThresholdCount"],
        "fall": described["UnhealthyThresholdCount"],
    }
    return TargetGroup(
        described["TargetGroupArn"], described["TargetGroupName"], tuple((key, str(value)) for key, value in check.items())
    )


def _listener(elbv2: Any, listener: dict[str, Any], wanted: Wanted) -> Listener:
    """A listener as the account describes it. If a part is not supported, the listener answers every request with an error."""
    rules: list[ListenerRule] = []
    every = elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    default = listener["DefaultActions"][0]
    if unsupported := sorted({part for rule in every for part in _unsupported(rule)}):
        every, default = [], _error(f"the embedded load balancer does not support the {', the '.join(unsupported)}")
    applied = [each for each in every if not each["IsDefault"] or default["Type"] == "forward"]
    # A default action that forwards is the last rule: it has no hosts, so it matches each request that no earlier rule matches.
    for rule in sorted(applied, key=lambda each: inf if each["IsDefault"] else int(each["Priority"])):
        hosts = [host for each in rule["Conditions"] if each["Field"] == "host-header" for host in _hosts(each)]
        parts = [each for action in rule["Actions"] for each in _parts(action)]
        total = sum(weight for _, weight in parts)
        for (arn, _), end in zip(parts, accumulate(weight for _, weight in parts), strict=True):
            wanted.weights[_key(len(rules), listener["Port"], wanted.groups[arn])] = end * SHARES // total if total else 0
        rules.append(ListenerRule(tuple(hosts), tuple(arn for arn, _ in parts)))
    detail = default.get("RedirectConfig") or default.get("FixedResponseConfig") or {}
    flat = tuple((key, str(value)) for key, value in {"Type": default["Type"], **detail}.items())
    return Listener(listener["Port"], listener["Protocol"] == "HTTPS", flat, tuple(rules))


def _unsupported(rule: dict[str, Any]) -> Iterator[str]:
    """The conditions and actions of a rule that this module does not support."""
    for condition in rule["Conditions"]:
        if condition["Field"] != "host-header":
            yield f"condition {condition['Field']}"
        else:
            yield from (f"host name {host} with a wildcard" for host in _hosts(condition) if "*" in host or "?" in host)
    for action in rule["Actions"]:
        if action["Type"] not in (DEFAULT_ACTIONS if rule["IsDefault"] else ("forward",)):
            yield f"action {action['Type']}"
        elif action["Type"] == "redirect":
            to = {**UNCHANGED, **action["RedirectConfig"]}
            moved = any(to[part] != UNCHANGED[part] for part in ("Host", "Path", "Query"))
            if moved or to["Protocol"] != "HTTPS" or not to["Port"].isdecimal():
                yield "redirect to {Protocol}://{Host}:{Port}{Path}?{Query}".format(**to)


def _error(message: str) -> dict[str, Any]:
    return {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "501", "MessageBody": message}}


def _hosts(condition: dict[str, Any]) -> list[str]:
    return condition.get("HostHeaderConfig", {}).get("Values") or condition.get("Values", [])


def _parts(action: dict[str, Any]) -> list[tuple[str, int]]:
    """The ARN and the weight of each target group of an action."""
    groups = action.get("ForwardConfig", {}).get("TargetGroups") or [action]
    return [(each["TargetGroupArn"], int(each.get("Weight", 1))) for each in groups]


def _key(rule: int, port: int, group: TargetGroup) -> str:
    return f"{port}.{rule}.{group.name}"


@dataclass
class ProxySettings:
    """HAProxy's folder and listening sockets.

    For each listener's port, ``files`` contains the file descriptor of the socket, and ``ports`` the local port.
    """

    folder: Path
    files: dict[int, int]
    ports: dict[int, int]
    by_group: int
    """The descriptor of an HTTP socket. Requests for ``/tracks/WORD/...`` go to the only target group with WORD in its name."""
    aws: str

    @property
    def config(self) -> Path:
        """The file of HAProxy's configuration."""
        return self.folder / "haproxy.cfg"

    @property
    def weights(self) -> Path:
        """The file of HAProxy's map with the rules' weights."""
        return self.folder / "weights.map"

    @property
    def loaded(self) -> Path:
        """The file with the loaded configuration of HAProxy, without targets."""
        return self.folder / "loaded.cfg"

    @property
    def state(self) -> Path:
        """The file with the targets and their health, which a new worker of HAProxy reads when it starts."""
        return self.folder / "haproxy.state"

    @property
    def socket(self) -> Path:
        """The Unix socket for HAProxy's commands."""
        return self.folder / "haproxy.sock"


def _servers(slot: str, target: Address | None) -> str:
    place = "127.0.0.1:1 disabled" if target is None else f"{target[0]}:{target[1]}"
    return f"  server {slot} {place} check\n  server {ANYHOW}{slot} {place} backup\n"


def configuration(wanted: Wanted, settings: ProxySettings, servers: Iterable[Server] = ()) -> str:
    """The text of HAProxy's configuration, in which the targets of ``servers`` keep their slots."""
    held: dict[str, dict[str, Address]] = defaultdict(dict)
    for server in servers:
        if not server.is_free:
            held[server.group][server.slot] = server.target
    top = TOP.format(connections=MAX_CONNECTIONS, socket=settings.socket, state=settings.state, idle=wanted.idle)
    frontends = [_frontend(each, wanted, settings) for each in wanted.listeners if each.port in settings.files]
    backends = [
        group.backend(wanted.idle, held[group.name]) for group in sorted(wanted.groups.values(), key=lambda each: each.name)
    ]
    return "".join((top, *frontends, _by_group(wanted, settings), *backends))


def _frontend(listener: Listener, wanted: Wanted, settings: ProxySettings) -> str:
    tls = f" ssl crt {settings.folder / 'certificate.pem'} alpn http/1.1" if listener.tls else ""
    lines = [f"frontend listener-{listener.port}", f"bind fd@{settings.files[listener.port]}{tls}"]
    lines.append(f"http-request set-var(txn.dice) rand({SHARES})")
    for number, rule in enumerate(listener.rules):
        hosts = " ".join(rule.hosts)
        is_for = f"{{ hdr(host),field(1,:) -m str -i {hosts} }} " if hosts else ""
        lines.append(f"http-request set-var(txn.rule) int({number}) if {is_for}!{{ var(txn.rule) -m found }}")
        for place, arn in enumerate(rule.groups):
            group, over = wanted.groups[arn], f"txn.over_{number}_{place}"
            key = _key(number, listener.port, group)
            lines.append(f"http-request set-var(txn.end) str({key}),map_str_int({settings.weights},0)")
            lines.append(f"http-request set-var({over}) var(txn.dice),sub(txn.end)")
            is_it = f"{{ var(txn.rule) -m int {number} }} {{ var({over}) -m int lt 0 }}"
            lines.append(f"use_backend {group.name} if {is_it}")
    lines.append(f"{_default(dict(listener.default), settings)} if !{{ var(txn.rule) -m found }}")
    # HAProxy evaluates http-request rules before use_backend rules, and warns about another order.
    ordered = sorted(lines[2:], key=lambda line: line.startswith("use_backend"))
    return "\n  ".join((*lines[:2], *ordered)) + "\n"


def _default(action: dict[str, str], settings: ProxySettings) -> str:
    if action["Type"] == "redirect":
        port = settings.ports.get(int(action["Port"]), 443)
        code = action["StatusCode"].removeprefix("HTTP_")
        return f"http-request redirect location https://%[hdr(host),field(1,:)]:{port}%[capture.req.uri] code {code}"
    text = action.get("MessageBody", "").replace('"', "")
    content = f' content-type text/plain string "{text}"' if text else ""  # HAProxy refuses an empty string
    return f"http-request return status {action.get('StatusCode', '503')}{content}"


def _by_group(wanted: Wanted, settings: ProxySettings) -> str:
    words = {group.name: set(group.name.split("-")) for group in wanted.groups.values()}
    lines = ["frontend by-group", f"bind fd@{settings.by_group}"]
    chosen: list[str] = []
    for name, own in sorted(words.items()):
        for word in sorted(own - {each for other, others in words.items() if other != name for each in others}):
            chosen.append(f"use_backend {name} if {{ var(txn.track) -m str {word} }}")
    lines.append("http-request set-var(txn.track) path,field(3,/)")
    lines.append("http-request replace-path /tracks/[^/]+/?(.*) /\\1")
    return "\n  ".join((*lines, *chosen)) + "\n"


class HAProxy:
    """A client of the running HAProxy, through its socket."""

    def __init__(self, settings: ProxySettings, pid: int) -> None:
        self.settings = settings
        self.pid = pid
        self.loaded = settings.loaded.read_text() if settings.loaded.exists() else ""
        self.drains_until: dict[tuple[str, Address], float] = {}
        self.reported: dict[str, dict[Address, str]] = {}
        self.new: set[tuple[str, Address]] = set()

    def send(self, command: str) -> str:
        """Send one command to HAProxy and return the answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(self.settings.socket))
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def load(self, wanted: Wanted) -> None:
        """Reload HAProxy if its configuration has changed. The previous worker ends after its last connection has closed."""
        config = configuration(wanted, self.settings)
        if config == self.loaded:
            return
        self.settings.weights.write_text("".join(f"{key} {value}\n" for key, value in wanted.weights.items()))
        self.settings.state.write_text(self.send("show servers state"))
        self.settings.config.write_text(configuration(wanted, self.settings, self.servers()))
        os.kill(self.pid, signal.SIGUSR2)
        time.sleep(1)  # after this time, the new worker answers at the socket
        self.loaded = config
        self.settings.loaded.write_text(config)

    def change(self, server: Server, change: str) -> None:
        """Apply a change to both servers of a slot."""
        for path in (server.path, server.anyhow):
            self.send(f"set server {path} {change}")

    def weigh(self, weights: dict[str, int]) -> None:
        """Set the weights of the rules."""
        for key, value in weights.items():
            self.send(f"set map {self.settings.weights} {key} {value}")

    def servers(self) -> Iterator[Server]:
        """All slots of all groups."""
        lines = self.send("show stat").splitlines()
        names = lines[0].removeprefix("# ").split(",")
        for line in lines[1:]:
            row = dict(zip(names, line.split(","), strict=False))
            if row.get("type") == "2" and row["svname"].startswith("t"):
                ip, _, port = row["addr"].rpartition(":")
                yield Server(row["pxname"], row["svname"], (ip, int(port or 0)), row["status"])

    def direct(self, targets: dict[Address, str], delay: float, servers: list[Server]) -> dict[Address, str]:
        """Assign ``targets`` to the group's slots ``servers``, and drain removed targets.

        Return the health of each target. A target for which no slot is free is omitted.
        """
        held = {each.target: each for each in servers if not each.is_free}
        free = [each for each in servers if each.is_free]
        wanted = {target for target, state in targets.items() if state not in DRAINING}
        for target in held.keys() - wanted:
            self._drain(held[target], delay)
        measured: dict[Address, str] = {}
        for target in wanted:
            server = held.get(target)
            if server is None and free:
                self._take(free.pop(), target)
                measured[target] = "initial"
            elif server is not None:
                if self.drains_until.pop((server.path, target), None):
                    self.change(server, "state ready")
                measured[target] = self._state(server)
        return measured

    def _drain(self, server: Server, delay: float) -> None:
        """Send no new request to a deregistered target; after ``delay`` seconds, close its connections and free the slot."""
        key = (server.path, server.target)
        if key not in self.drains_until:
            self.drains_until[key] = time.monotonic() + delay
            self.change(server, "state drain")
        elif time.monotonic() > self.drains_until[key]:
            del self.drains_until[key]
            self.change(server, "state maint")
            for path in (server.path, server.anyhow):
                self.send(f"shutdown sessions server {path}")

    def _take(self, server: Server, target: Address) -> None:
        ip, port = target
        self.change(server, f"addr {ip} port {port}")
        self.change(server, "state ready")
        self.send(f"set server {server.path} health down")  # the target is down until its first check has passed
        self.new.add((server.path, target))

    def _state(self, server: Server) -> str:
        """The health of a target; a new target is ``initial`` until its first check has passed: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html."""
        if server.status.startswith("UP"):
            self.new.discard((server.path, server.target))
            return "healthy"
        return "initial" if (server.path, server.target) in self.new else "unhealthy"


@dataclass(frozen=True)
class Server:
    """One slot of a group, with its target and its status in HAProxy."""

    group: str
    slot: str
    target: Address
    status: str

    @property
    def path(self) -> str:
        """The name of the server in HAProxy's commands."""
        return f"{self.group}/{self.slot}"

    @property
    def anyhow(self) -> str:
        """The name of the slot's second server in HAProxy's commands."""
        return f"{self.group}/{ANYHOW}{self.slot}"

    @property
    def is_free(self) -> bool:
        """Whether the slot has no target."""
        return self.status.startswith("MAINT")


def report(settings: ProxySettings, arn: str, measured: dict[Address, str]) -> None:
    """Report the measured health of a group's targets to the embedded AWS."""
    body = json.dumps({f"{ip}:{port}": state for (ip, port), state in measured.items()}).encode()
    call = urllib.request.Request(f"{settings.aws}{TARGETS}{quote(arn, safe='')}", data=body, method="PUT")
    urllib.request.urlopen(call, timeout=ANSWER_SECONDS).close()


def follow(settings: ProxySettings, haproxy: HAProxy, elbv2: Any) -> None:
    """Apply the account's present configuration once. Report the health of a group's targets if it has changed."""
    wanted = read(elbv2)
    haproxy.load(wanted)
    haproxy.weigh(wanted.weights)
    servers = list(haproxy.servers())
    for group in wanted.groups.values():
        own = [each for each in servers if each.group == group.name]
        measured = haproxy.direct(wanted.targets[group.arn], wanted.delays[group.arn], own)
        if measured != haproxy.reported.get(group.arn):
            report(settings, group.arn, measured)
            haproxy.reported[group.arn] = measured


def main() -> None:
    """Apply the account's configuration repeatedly until this process is ended."""
    given = json.loads(Path(sys.argv[1]).read_text())
    numbers = {name: {int(port): value for port, value in given[name].items()} for name in ("files", "ports")}
    settings = ProxySettings(**{**given, **numbers, "folder": Path(given["folder"])})
    haproxy, elbv2 = HAProxy(settings, int(sys.argv[2])), boto3.client("elbv2")
    while True:
        try:
            follow(settings, haproxy, elbv2)
        except Exception as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        time.sleep(PERIOD_SECONDS)


if __name__ == "__main__":
    main()
