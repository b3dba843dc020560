"""Mocks that record what a program registers, so that tests assert on plain data.

A program runs in an event loop of its own, to the end: an ``apply`` that raises fails the test, as it would fail an update.
"""

from __future__ import annotations

import asyncio
import json
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime import mocks, rpc
from pulumi.runtime.settings import SETTINGS, get_root_resource, set_root_resource
from pulumi.runtime.stack import Stack, run_pulumi_func

ROOT = Path(__file__).parent.parent
PROJECT = "dwcp-v3"
SECRETS = ("redisPassword", "registryToken", "apiKeys")


@dataclass(frozen=True)
class Recorded:
    """One registered resource: its inputs are plain camelCase data, ``provider`` is the reference of its provider."""

    type: str
    name: str
    inputs: dict[str, Any]
    provider: str
    custom: bool
    secrets: frozenset[str] = frozenset()
    """The inputs that hold a secret, at any depth."""


@dataclass
class Graph:
    """Everything a program registered."""

    resources: list[Recorded] = field(default_factory=list)
    invokes: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)

    def of(self, type_: str) -> list[Recorded]:
        """The resources whose type token ends in ``type_``, such as ``Subnet``, or is the whole token."""
        return [each for each in self.resources if each.type == type_ or each.type.endswith(f":{type_}")]

    def one(self, type_: str, name: str | None = None) -> dict[str, Any]:
        """The inputs of the one resource of this type (and logical name)."""
        found = [each for each in self.of(type_) if name in (None, each.name)]
        assert len(found) == 1, f"{len(found)} resources {type_} {name or ''}: {[each.name for each in self.of(type_)]}"
        return found[0].inputs

    def names(self) -> set[tuple[str, str]]:
        """Type and logical name of every resource."""
        return {(each.type, each.name) for each in self.resources}


class RecordingMocks(mocks.Mocks):
    """Answers what the providers would compute, and records what they are asked.

    In a preview nobody knows what they would compute: an input that comes from it is missing or ``None`` in the record.
    """

    def __init__(self, *, preview: bool) -> None:
        self.graph = Graph()
        self.preview = preview

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = _plain(args.inputs)
        secrets = frozenset(key for key, value in args.inputs.items() if _holds_secret(value))
        self.graph.resources.append(Recorded(args.typ, args.name, inputs, args.provider or "", bool(args.custom), secrets))
        if not args.custom or self.preview:
            return None, args.inputs
        return f"{args.name}-id", _merged(args.inputs, _computed(args.typ, args.name))

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        self.graph.invokes.append((args.token, dict(args.args), args.provider or ""))
        answers = {
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": "123456789012", "arn": "arn:aws:iam::123456789012:root"},
            "aws:route53/getZone:getZone": {"zoneId": "Z0000000000000", "name": args.args.get("name")},
        }
        return answers[args.token], []


def _merged(inputs: Mapping[str, Any], computed: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs, and beside them, at any depth, what the provider computes; a given name stays."""
    nested = {key: _merged(inputs[key], value) for key, value in computed.items() if isinstance(value, dict) and key in inputs}
    return {**computed, **inputs, **nested}


def _plain(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs without the wrapping of secrets."""

    def unwrap(value: Any) -> Any:
        value = rpc.unwrap_rpc_secret(value) if rpc.is_rpc_secret(value) else value
        if isinstance(value, Mapping):
            return {key: unwrap(item) for key, item in value.items()}
        if isinstance(value, list):
            return [unwrap(item) for item in value]
        return value

    return unwrap(inputs)


def _holds_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return rpc.is_rpc_secret(value) or any(_holds_secret(item) for item in value.values())
    return isinstance(value, list) and any(_holds_secret(item) for item in value)


def _computed(type_: str, name: str) -> dict[str, Any]:
    """The outputs that other resources use, and that no input gives."""
    common = {"arn": f"arn:aws:mock:us-east-1:123456789012:{name}", "name": name}
    special: dict[str, dict[str, Any]] = {
        "aws:kms/key:Key": {"keyId": f"{name}-key"},
        "aws:ec2/natGateway:NatGateway": {"publicIp": "192.0.2.1"},
        "aws:lb/loadBalancer:LoadBalancer": {"dnsName": f"{name}.elb.example.com", "zoneId": "Z1"},
        "aws:acm/certificate:Certificate": {
            "domainValidationOptions": [
                {"domainName": "h", "resourceRecordName": "_x.h", "resourceRecordType": "CNAME", "resourceRecordValue": "_y.aws"}
            ]
        },
        "aws:acm/certificateValidation:CertificateValidation": {"certificateArn": f"arn:aws:acm:us-east-1:123456789012:{name}"},
        "aws:route53/record:Record": {"fqdn": f"{name}.example.com"},
        "aws:ec2/launchTemplate:LaunchTemplate": {"latestVersion": 1},
        "aws:eks/cluster:Cluster": {
            "endpoint": "https://cluster.example.com",
            "certificateAuthority": {"data": "Y2E="},
            "identities": [{"oidcs": [{"issuer": "https://oidc.example.com/id"}]}],
            "vpcConfig": {"clusterSecurityGroupId": "sg-cluster"},
        },
        "aws:eks/nodeGroup:NodeGroup": {"nodeGroupName": name},
    }
    return {} if type_.startswith("kubernetes:") else {**common, **special.get(type_, {})}


def stack_config(name: str) -> dict[str, Any]:
    """The configuration of a committed stack file, with the secrets that its environment would hold."""
    config = dict(yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"])
    secrets = {"redisPassword": "redis-secret", "registryToken": "token-secret", "apiKeys": {"partner": "key-secret"}}
    username = {"registryUsername": "novacron"}
    return {**{f"{PROJECT}:{key}": value for key, value in (secrets | username).items()}, **config}


def run(program: Callable[[], object], config: Mapping[str, Any], *, stack_name: str = "local", preview: bool = False) -> Graph:
    """Run ``program`` under mocks with ``config`` (full keys) and return what it registered."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    set_root_resource(None)
    SETTINGS.rpc_manager.clear()
    SETTINGS.outputs.clear()
    recorder = RecordingMocks(preview=preview)
    mocks.set_mocks(recorder, project=PROJECT, stack=stack_name, preview=preview)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    pulumi.runtime.set_all_config(texts, [f"{PROJECT}:{key}" for key in SECRETS])

    def main() -> None:
        program()

    async def evaluate() -> dict[str, Any]:
        await run_pulumi_func(main)
        root = get_root_resource()
        outputs = await pulumi.Output.from_input(root.outputs).future() if isinstance(root, Stack) else {}
        return outputs or {}

    try:
        recorder.graph.exports = loop.run_until_complete(evaluate())
    finally:
        loop.close()
    return recorder.graph


def run_platform(stack_name: str, *, preview: bool = False, **changes: Mapping[str, Any]) -> Graph:
    """Run ``__main__.py`` with a stack file; ``changes`` replace fields of a group: ``network={"nat": "single"}``.

    The same call is evaluated once per session: tests read graphs, they do not change them.
    """
    return _run_platform(stack_name, preview, json.dumps(changes, sort_keys=True))


@cache
def _run_platform(stack_name: str, preview: bool, changes: str) -> Graph:
    config = stack_config(stack_name)
    for group, fields_ in json.loads(changes).items():
        key = f"{PROJECT}:{group}"
        config[key] = {**config.get(key, {}), **fields_}
    return run(lambda: runpy.run_path(str(ROOT / "__main__.py")), config, stack_name=stack_name, preview=preview)
