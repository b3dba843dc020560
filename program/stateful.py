"""Which resources hold something that cannot be made again, and what is lost with each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LOSES: Mapping[str, str] = {
    "aws:acm/certificate:Certificate": "the certificate that the listener serves",
    "aws:cloudwatch/logGroup:LogGroup": "its log history",
    "aws:dynamodb/table:Table": "its items",
    "aws:ebs/volume:Volume": "its blocks",
    "aws:ec2/eip:Eip": "its address, which others may have allow-listed",
    "aws:ec2/subnet:Subnet": "its addresses and every network interface in it",
    "aws:ec2/vpc:Vpc": "the network and everything in it",
    "aws:efs/fileSystem:FileSystem": "its files",
    "aws:eks/cluster:Cluster": "the cluster and every workload in it",
    "aws:elasticache/replicationGroup:ReplicationGroup": "its data",
    "aws:kms/key:Key": "everything that is encrypted with it",
    "aws:lb/loadBalancer:LoadBalancer": "its DNS name; traffic stops until the new one is known",
    "aws:rds/cluster:Cluster": "its databases",
    "aws:rds/instance:Instance": "its databases",
    "aws:route53/zone:Zone": "its name servers and records",
    "aws:s3/bucket:Bucket": "its objects and their versions",
    "aws:secretsmanager/secret:Secret": "its value",
    "kubernetes:apps/v1:StatefulSet": "the identity of its pods, and their volumes if the claims go with it",
    "kubernetes:core/v1:Namespace": "every object in it, volumes included",
    "kubernetes:core/v1:PersistentVolume": "its data",
    "kubernetes:core/v1:PersistentVolumeClaim": "the data on its volume",
    "kubernetes:core/v1:Secret": "its values, where nobody else has them",
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition": "every object of its kind",
    "docker:index/volume:Volume": "its files",
}
"""By type token. A subnet, an address and a load balancer hold no data, but nothing brings back what pointed to them."""


def loses(type_: str, inputs: Mapping[str, Any]) -> str:
    """What is lost when a resource of this type goes; empty for one that can simply be made again."""
    lost = LOSES.get(type_, "")
    if lost and inputs.get("forceDestroy"):
        return f"{lost} (forceDestroy is on: nothing stops it)"
    return lost
