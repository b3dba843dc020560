"""What the providers would compute, made up from a resource's name: enough for a program to run to its end without a cloud."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast

ACCOUNT = "123456789012"
REGION = "us-east-1"

CALLER = "aws:index/getCallerIdentity:getCallerIdentity"

FUNCTIONS: dict[str, dict[str, Any]] = {
    CALLER: {"accountId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root"},
    "aws:eks/getAddonVersion:getAddonVersion": {"version": "v1.0.0-eksbuild.1"},
    "aws:route53/getZone:getZone": {"zoneId": "Z0000000000000"},
}
"""Answers of data sources, beside their arguments."""


def outputs(type_: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs, and beside them, at any depth, the outputs that other resources use and that no input gives."""
    return _beside(inputs, {} if type_.startswith("kubernetes:") else _computed(type_, name))


def _beside(inputs: Mapping[str, Any], computed: Mapping[str, Any]) -> dict[str, Any]:
    nested = {
        key: _beside(inputs[key], cast("dict[str, Any]", value))
        for key, value in computed.items()
        if isinstance(value, dict) and key in inputs
    }
    return {**computed, **inputs, **nested}


def _computed(type_: str, name: str) -> dict[str, Any]:
    special: dict[str, dict[str, Any]] = {
        "aws:kms/key:Key": {"keyId": f"{name}-key"},
        "aws:ec2/natGateway:NatGateway": {"publicIp": "192.0.2.1"},
        "aws:lb/loadBalancer:LoadBalancer": {"dnsName": f"{name}.elb.example.com", "zoneId": "Z1"},
        "aws:acm/certificate:Certificate": {
            "domainValidationOptions": [
                {"domainName": "h", "resourceRecordName": "_x.h", "resourceRecordType": "CNAME", "resourceRecordValue": "_y.aws"}
            ]
        },
        "aws:acm/certificateValidation:CertificateValidation": {"certificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:{name}"},
        "aws:route53/record:Record": {"fqdn": f"{name}.example.com"},
        "aws:ec2/launchTemplate:LaunchTemplate": {"latestVersion": 1},
        "aws:eks/cluster:Cluster": {
            "endpoint": "https://cluster.example.com",
            "certificateAuthority": {"data": "Y2E="},
            "identities": [{"oidcs": [{"issuer": "https://oidc.example.com/id"}]}],
            "vpcConfig": {"clusterSecurityGroupId": "sg-cluster"},
        },
        "aws:eks/nodeGroup:NodeGroup": {"nodeGroupName": name},
        "docker:index/remoteImage:RemoteImage": {"imageId": f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"},
    }
    return {"arn": f"arn:aws:mock:{REGION}:{ACCOUNT}:{name}", "name": name, **special.get(type_, {})}
