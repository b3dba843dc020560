"""Short programs, each with its rule: variants of a mistake, and valid programs that look like a mistake."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from policies_worlds import Ref, World, policy, safe_container, workload

Declare = Callable[[World], None]
EVERYTHING = "*"
TRUST = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}})


def statement(**parts: Any) -> Declare:
    """An inline policy with one Allow statement."""
    given = {"Effect": "Allow", "Resource": EVERYTHING, **parts}
    return lambda world: world.add("aws:iam/rolePolicy:RolePolicy", "p", role="r", policy=policy(given))


def role_with(*statements: dict[str, Any], boundary: str = "", by: str = "inline") -> Declare:
    """A role ``self`` with these statements, attached in one of the ways that IAM has."""

    def declare(world: World) -> None:
        limits = {"permissionsBoundary": Ref(boundary)} if boundary else {}
        if boundary:
            denied = {"Effect": "Deny", "Action": "iam:*Role*", "Resource": "arn:aws:iam::1:role/self"}
            whole = {"Effect": "Allow", "Action": "*", "Resource": "*"}
            world.add("aws:iam/policy:Policy", boundary, name=boundary, policy=policy(whole, denied))
        text = policy(*({"Effect": "Allow", **each} for each in statements))
        more = {"inlinePolicies": [{"name": "x", "policy": text}]} if by == "role" else {}
        if by in ("attached", "exclusive", "managed"):
            world.add("aws:iam/policy:Policy", "given", name="given", policy=text)
        more |= {"managedPolicyArns": [Ref("given")]} if by == "managed" else {}
        world.add("aws:iam/role:Role", "self", name="self", assumeRolePolicy=TRUST, **limits, **more)
        if by == "inline":
            world.add("aws:iam/rolePolicy:RolePolicy", "p", role=Ref("self"), policy=text)
        if by == "attached":
            world.add("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "a", role=Ref("self"), policyArn=Ref("given"))
        if by == "exclusive":
            kind = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"
            world.add(kind, "a", roleName=Ref("self"), policyArns=[Ref("given")])

    return declare


def trust(principal: Any, **condition: Any) -> Declare:
    given = {"Effect": "Allow", "Action": "sts:AssumeRole*", "Principal": principal}
    given |= {"Condition": condition} if condition else {}
    return lambda world: world.add("aws:iam/role:Role", "trusting", assumeRolePolicy=policy(given))


def aws(type_: str, **inputs: Any) -> Declare:
    return lambda world: world.add(type_, "it", **inputs)


def kubernetes(kind: str, **inputs: Any) -> Declare:
    return lambda world: world.kubernetes(kind, "it", **inputs)


def pod(kind: str = "core/v1:Pod", **container: Any) -> Declare:
    spec = {"containers": [safe_container(**container)]}
    if kind != "core/v1:Pod":
        spec = workload({"app": "x"}, containers=spec["containers"])
    return kubernetes(kind, labels={"app": "x"}, spec=spec)


OURS, FOREIGN = "111122223333", "999999999999"
CANONICAL = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"


def token_by_volume(**token: Any) -> Declare:
    volume = {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "t", **token}}]}}
    spec = {"automountServiceAccountToken": False, "containers": [safe_container()], "volumes": [volume]}
    return kubernetes("core/v1:Pod", labels={"app": "x"}, spec=spec)


def in_our_account(declare: Declare) -> Declare:
    """The same declaration in a stack that also has a role with a boundary of our account."""

    def both(world: World) -> None:
        world.add("aws:iam/role:Role", "ours", assumeRolePolicy=TRUST, permissionsBoundary=f"arn:aws:iam::{OURS}:policy/edge")
        declare(world)

    return both


def allowing(principal: Any, **condition: Any) -> str:
    given = {"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": ONE_BUCKET}
    return policy(given | ({"Condition": condition} if condition else {}))


WIDENS = {"Action": "iam:PutRolePolicy", "Resource": "*"}


def conditioned(operator: str, key: str, value: Any) -> dict[str, Any]:
    """A statement that adds permissions, under a condition."""
    action = "iam:PassRole" if key == "iam:PassedToService" else "iam:PutRolePolicy"
    return {"Action": action, "Resource": "*", "Condition": {operator: {key: value}}}


PRIVILEGED = {"securityContext": {"privileged": True}}
GITHUB = {"Federated": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"}
SUBJECT = "token.actions.githubusercontent.com:sub"
PREFIXES = "aws:ec2/managedPrefixList:ManagedPrefixList"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


def by_prefix_list(world: World) -> None:
    world.add(PREFIXES, "list", entries=[{"cidr": "0.0.0.0/1"}, {"cidr": "128.0.0.0/1"}])
    world.add(RULE, "it", prefixListId=Ref("list"), ipProtocol="tcp", fromPort=22, toPort=22)


def undeclared_beside_declared(world: World) -> None:
    world.add("aws:iam/policy:Policy", "mine", policy=policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": ONE_BUCKET}))
    arns = [Ref("mine"), "arn:aws:iam::123456789012:policy/unseen"]
    world.add("aws:iam/role:Role", "it", assumeRolePolicy=TRUST, managedPolicyArns=arns)


def plain_rule(world: World) -> None:
    redirect = [{"type": "redirect", "redirect": {"protocol": "HTTPS"}}]
    world.add("aws:lb/listener:Listener", "http", protocol="HTTP", port=80, defaultActions=redirect)
    forward = [{"type": "forward", "targetGroupArn": "arn"}]
    world.add("aws:lb/listenerRule:ListenerRule", "it", listenerArn=Ref("http"), actions=forward, conditions=[])


def spread(pod_spec: dict[str, Any]) -> Declare:
    spec = workload({"app": "x"}, replicas=3, containers=[safe_container()], **pod_spec)
    return kubernetes("apps/v1:Deployment", labels={"app": "x"}, spec=spec)


def constraint(skew: int) -> dict[str, Any]:
    keys = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    selector = {"matchLabels": {"app": "x"}}
    return {"topologySpreadConstraints": [{"topologyKey": key, "maxSkew": skew, "labelSelector": selector} for key in keys]}


def anti_affinity(**more: Any) -> dict[str, Any]:
    keys = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    terms = [{"topologyKey": key, "labelSelector": {"matchLabels": {"app": "x"}}, **more} for key in keys]
    return {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


def listener(protocol: str, port: int, action: dict[str, Any]) -> Declare:
    return aws("aws:lb/listener:Listener", protocol=protocol, port=port, defaultActions=[action])


def scaler(version: str = "v2", **behavior: Any) -> Declare:
    target = {"kind": "Deployment", "name": "x", "apiVersion": "apps/v1"}
    spec = {"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 9, **({"behavior": behavior} if behavior else {})}
    return kubernetes(f"autoscaling/{version}:HorizontalPodAutoscaler", spec=spec)


EDGE = "arn:aws:iam::1:policy/edge"
VERSION = "iam:CreatePolicyVersion"


def boundary_of(values: dict[str, Any], **role: Any) -> Declare:
    """A role whose boundary has these properties. The role may change the policy ``arn:aws:iam::1:policy/physical``."""

    def declare(world: World) -> None:
        text = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
        world.add("aws:iam/policy:Policy", "logical", policy=text, **values)
        world.add("aws:iam/role:Role", "self", name="self", assumeRolePolicy=TRUST, permissionsBoundary=Ref("logical"))
        given = policy({"Effect": "Allow", "Action": VERSION, "Resource": "arn:aws:iam::1:policy/physical*"})
        world.add("aws:iam/rolePolicy:RolePolicy", "p", role=Ref("self"), policy=given)

    return declare


def named_role(resource: str, **name: str) -> Declare:
    """A role with the name input ``name``. The role may change the roles that match ``resource``."""

    def declare(world: World) -> None:
        world.add("aws:iam/role:Role", "self", assumeRolePolicy=TRUST, **name)
        given = policy({"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": f"arn:aws:iam::1:role/{resource}"})
        world.add("aws:iam/rolePolicy:RolePolicy", "p", role=Ref("self"), policy=given)

    return declare


def given_to(kind: str, action: str, by: str = "inline", resource: str = "*") -> Declare:
    """A group or user with one action, by an inline or an attached policy. The program does not declare the group or user."""

    def declare(world: World) -> None:
        text = policy({"Effect": "Allow", "Action": action, "Resource": resource})
        title = kind.capitalize()
        if by == "inline":
            world.add(f"aws:iam/{kind}Policy:{title}Policy", "p", policy=text, **{kind: "x"})
            return
        world.add("aws:iam/policy:Policy", "given", name="given", policy=text)
        if by == "listed":
            world.add("aws:iam/policyAttachment:PolicyAttachment", "a", name="a", policyArn=Ref("given"), **{f"{kind}s": ["x"]})
        else:
            type_ = f"aws:iam/{kind}PolicyAttachment:{title}PolicyAttachment"
            world.add(type_, "a", policyArn=Ref("given"), **{kind: "x"})

    return declare


SPLIT = [f"{first}.0.0.0/8" for first in range(256)]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def by_split_prefix_list(world: World) -> None:
    world.add(PREFIXES, "list", entries=[{"cidr": each} for each in SPLIT])
    world.add(RULE, "it", prefixListId=Ref("list"), ipProtocol="tcp", fromPort=22, toPort=22)


def by_launch_template(world: World) -> None:
    world.add("aws:ec2/launchTemplate:LaunchTemplate", "template", instanceType="m7i.48xlarge")
    sizes = {"minSize": 1, "maxSize": 1, "desiredSize": 1}
    world.add("aws:eks/nodeGroup:NodeGroup", "it", launchTemplate={"id": Ref("template")}, scalingConfig=sizes)


def in_public_subnet(world: World) -> None:
    world.add("aws:ec2/subnet:Subnet", "subnet", mapPublicIpOnLaunch=True)
    world.add("aws:eks/nodeGroup:NodeGroup", "it", subnetIds=[Ref("subnet")])


def by_split_rules(world: World) -> None:
    world.add("aws:ec2/securityGroup:SecurityGroup", "group", description="x")
    for each in SPLIT:
        world.add(RULE, each, securityGroupId=Ref("group"), cidrIpv4=each, ipProtocol="tcp", fromPort=22, toPort=22)


def internal_listener(world: World) -> None:
    world.add("aws:lb/loadBalancer:LoadBalancer", "balancer", internal=True)
    forward = [{"type": "forward", "targetGroupArn": "arn"}]
    listener = {"loadBalancerArn": Ref("balancer"), "protocol": "HTTP", "port": 80, "defaultActions": forward}
    world.add("aws:lb/listener:Listener", "it", **listener)


def ingress(host: str = "a.x.com", /, **more: Any) -> Declare:
    annotations = more.pop("annotations", {})
    spec = {"rules": [{"host": host}], "tls": [{"hosts": [host], "secretName": "s"}], **more}
    return kubernetes("networking.k8s.io/v1:Ingress", annotations=annotations, spec=spec)


def role_on(kind: str, resource: str, verb: str = "create", **more: Any) -> Declare:
    rule = {"apiGroups": ["x"], "resources": [resource], "verbs": [verb], **more}
    return kubernetes(f"{GROUP}:{kind}", rules=[rule])


def bucket_that_refuses(operator: str) -> Declare:
    """A bucket whose policy refuses plain text by a condition with this operator."""

    def declare(world: World) -> None:
        world.add("aws:s3/bucket:Bucket", "it")
        denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
        denied |= {"Condition": {operator: {"aws:SecureTransport": "false"}}}
        world.add("aws:s3/bucketPolicy:BucketPolicy", "p", bucket=Ref("it"), policy=policy(denied))

    return declare


def docker_image(reference: Any) -> Declare:
    def declare(world: World) -> None:
        world.add("docker:index/remoteImage:RemoteImage", "image", name="ghcr.io/novacron/shop:1.2.3")
        world.add("docker:index/container:Container", "it", image=reference)

    return declare


def docker(**inputs: Any) -> Declare:
    return aws("docker:index/container:Container", image="ghcr.io/novacron/shop:1.2.3", **inputs)


POLICY_LIST = [{"type": "Percent", "value": 25, "periodSeconds": 60}]
EVERYONES = policy({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"})
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
ONE_BUCKET = "arn:aws:s3:::one/*"
TOKEN = "hunter2hunter2"


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


GROUP = "rbac.authorization.k8s.io/v1"
SEVERAL = workload({"app": "x"}, replicas=3, containers=[safe_container()])

NODES = "aws:eks/nodeGroup:NodeGroup"


def _with_type(disk: dict[str, Any]) -> dict[str, Any]:
    return {"volumeSize": 10, **{"volumeType" if key == "type" else key: value for key, value in disk.items()}}


def class_of_disks(disk: dict[str, Any]) -> Declare:
    parameters = {"encrypted": "true", **{key: str(value) for key, value in disk.items()}}
    return kubernetes("storage.k8s.io/v1:StorageClass", provisioner="ebs.csi.aws.com", parameters=parameters)


DISKS: dict[str, Callable[[dict[str, Any]], Declare]] = {
    "volume": lambda disk: aws("aws:ebs/volume:Volume", size=10, encrypted=True, **disk),
    "launch template": lambda disk: aws(
        "aws:ec2/launchTemplate:LaunchTemplate", blockDeviceMappings=[{"ebs": {"encrypted": "true", **_with_type(disk)}}]
    ),
    "machine": lambda disk: aws("aws:ec2/instance:Instance", instanceType="m7i.large", rootBlockDevice=_with_type(disk)),
    "StorageClass": class_of_disks,
}

ONE_APP = [{"podSelector": {"matchLabels": {"app": "x"}}}]


def ssh_nodes(**more: Any) -> Declare:
    return aws(NODES, launchTemplate={"id": "lt-1"}, remoteAccess={"ec2SshKey": "team-2026-operations", **more})


def claim(storage_class: str, *, declared: bool = False) -> Declare:
    def declare(world: World) -> None:
        if declared:
            parameters = {"encrypted": "true"}
            world.kubernetes("storage.k8s.io/v1:StorageClass", storage_class, provisioner="ebs.csi.aws.com", parameters=parameters)
        world.kubernetes("core/v1:PersistentVolumeClaim", "it", spec={"storageClassName": storage_class})

    return declare


def chart(**inputs: Any) -> Declare:
    source = {"chart": "x", "repositoryOpts": {"repo": "https://aws.github.io/eks-charts"}}
    return kubernetes("helm.sh/v3:Release", **{"version": "1", **source, **inputs})


def beside_a_chart(kind: str, **spec: Any) -> Declare:
    def both(world: World) -> None:
        world.add("kubernetes:helm.sh/v3:Release", "chart", chart="x", namespace="shop")
        kubernetes(kind, spec=spec)(world)

    return both


def network_policy(*ingress: dict[str, Any]) -> Declare:
    return kubernetes("networking.k8s.io/v1:NetworkPolicy", spec={"podSelector": {}, "ingress": list(ingress)})


def networks(*names: str) -> list[dict[str, Any]]:
    return [{"ipBlock": {"cidr": each}} for each in names]


def named_namespaces(operator: str, **more: Any) -> list[dict[str, Any]]:
    expression = {"key": "kubernetes.io/metadata.name", "operator": operator, **more}
    return [{"namespaceSelector": {"matchExpressions": [expression]}}]


CAUGHT: list[tuple[str, Declare, str]] = [
    # IAM: wildcards
    ("iam star on one role", statement(Action="iam:*", Resource="arn:aws:iam::1:role/one"), "identity-no-wildcard-admin"),
    ("s3 ?*", statement(Action="s3:?*"), "identity-no-wildcard-admin"),
    ("s3 *?", statement(Action=["S3:*?"]), "identity-no-wildcard-admin"),
    ("star everywhere, arn:*", statement(Action="ec2:*", Resource="arn:aws:*"), "identity-no-wildcard-admin"),
    ("all buckets", statement(Action="s3:*", Resource="arn:aws:s3:::*"), "identity-no-wildcard-admin"),
    ("two stars", statement(Action="**"), "identity-no-wildcard-admin"),
    ("NotAction", statement(NotAction="iam:*"), "identity-no-wildcard-admin"),
    ("any service", statement(Action="*:Get*"), "identity-no-wildcard-admin"),
    # IAM: attachments
    *(
        (
            f"{name} of AWS",
            aws("aws:iam/rolePolicyAttachment:RolePolicyAttachment", role="r", policyArn=f"arn:aws:iam::aws:policy/{name}"),
            "identity-managed-policies",
        )
        for name in (
            *("SecretsManagerReadWrite", "ReadOnlyAccess", "AmazonS3ReadOnlyAccess", "AmazonSSMReadOnlyAccess"),
            *("AWSKeyManagementServicePowerUser", "AmazonDynamoDBFullAccess_v2", "job-function/AmazonEKSClusterPolicy"),
        )
    ),
    # Nodes
    *(
        (f"nodes with SSH for everyone{more}", aws(NODES, launchTemplate={"id": "lt-1"}, remoteAccess=access), "network-open-ports")
        for more, access in (
            ("", {"ec2SshKey": "team"}),
            (" by an empty list", {"ec2SshKey": "team", "sourceSecurityGroupIds": []}),
        )
    ),
    ("nodes without a launch template", aws(NODES, diskSize=20), "identity-metadata-service"),
    # Kubernetes roles and tokens
    *(
        (
            f"role added to {role}",
            kubernetes(
                "rbac.authorization.k8s.io/v1:ClusterRole",
                labels={f"rbac.authorization.k8s.io/aggregate-to-{role}": "true"},
                rules=[{"apiGroups": ["x.example.com"], "resources": ["things"], "verbs": ["get"]}],
            ),
            "identity-kubernetes-roles",
        )
        for role in ("admin", "edit", "view")
    ),
    (
        "a token that is valid for a year",
        token_by_volume(audience="vault", expirationSeconds=31536000),
        "identity-token-unmounted",
    ),
    # Storage classes
    ("a claim of EKS' class", claim("gp2"), "data-volume-encrypted"),
    (
        "a claim template of EKS' class",
        kubernetes("apps/v1:StatefulSet", spec={"volumeClaimTemplates": [{"spec": {"storageClassName": "gp2"}}]}),
        "data-volume-encrypted",
    ),
    (
        "a class of the former driver",
        kubernetes("storage.k8s.io/v1:StorageClass", provisioner="kubernetes.io/aws-ebs", parameters={"type": "gp3"}),
        "data-volume-encrypted",
    ),
    # Disks with another price
    *(
        (f"{what} of a {kind}", declare(disk), "cost-volume-size")
        for kind, declare in DISKS.items()
        for what, disk in (
            ("io2", {"type": "io2"}),
            ("many IOPS", {"type": "gp3", "iops": 16000}),
            ("throughput", {"type": "gp3", "throughput": 1000}),
        )
    ),
    *(
        (f"admin by {kind}", aws(f"aws:iam/{kind[0].lower()}{kind[1:]}:{kind}", **{key: value}), "identity-managed-policies")
        for kind, key, value in (
            ("UserPolicyAttachment", "policyArn", "arn:aws:iam::aws:policy/AdministratorAccess"),
            ("GroupPolicyAttachment", "policyArn", "arn:aws:iam::aws:policy/IAMFullAccess"),
            ("RolePolicyAttachmentsExclusive", "policyArns", ["arn:aws:iam::aws:policy/PowerUserAccess"]),
            ("PolicyAttachment", "policyArn", "arn:aws:iam::aws:policy/job-function/SystemAdministrator"),
        )
    ),
    # IAM: principals
    ("weak condition", trust("*", Bool={"aws:SecureTransport": "true"}), "identity-no-public-principal"),
    ("negative condition", trust("*", StringNotEquals={"aws:PrincipalAccount": "1"}), "identity-no-public-principal"),
    ("condition if exists", trust({"AWS": "*"}, StringEqualsIfExists={"aws:PrincipalOrgID": "o"}), "identity-no-public-principal"),
    ("world by address", trust("*", IpAddress={"aws:SourceIp": "0.0.0.0/0"}), "identity-no-public-principal"),
    *(
        (f"public though {next(iter(condition))} {key}", trust("*", **condition), "identity-no-public-principal")
        for condition, key in (
            ({"StringLike": {"aws:PrincipalOrgID": "o-*"}}, "of any organisation"),
            ({"StringLike": {"aws:PrincipalAccount": "????????????"}}, "of any account"),
            ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/app"}}, "of a role's name in any account"),
            ({"IpAddress": {"aws:SourceIp": "2000::/3"}}, "of all IPv6"),
            ({"IpAddress": {"aws:SourceIp": ["203.0.113.7", "0.0.0.0/1"]}}, "of one address and half the world"),
            ({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}, "through a service"),
            ({"StringEquals": {"sts:ExternalId": "42"}}, "with a name of the caller's choice"),
            ({"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": "o-1/r-1/"}}, "if there is one"),
            ({"Null": {"aws:PrincipalOrgID": "false"}}, "if any"),
        )
    ),
    ("any account's root", trust({"AWS": "arn:aws:iam::*:root"}), "identity-no-public-principal"),
    ("OIDC without sub", trust(GITHUB), "identity-trusted-tokens"),
    ("OIDC any repository", trust(GITHUB, StringLike={SUBJECT: "repo:*"}), "identity-trusted-tokens"),
    ("OIDC of owners like ours", trust(GITHUB, StringLike={SUBJECT: "repo:nova*/app:*"}), "identity-trusted-tokens"),
    ("OIDC of every repository of ours", trust(GITHUB, StringLike={SUBJECT: "repo:novacron/*"}), "identity-trusted-tokens"),
    (
        "OIDC of every branch",
        trust(GITHUB, StringLike={SUBJECT: ["repo:novacron/app:environment:x", "repo:novacron/app:ref:refs/heads/*"]}),
        "identity-trusted-tokens",
    ),
    ("OIDC any owner's app", trust(GITHUB, StringLike={SUBJECT: "repo:????????/app:*"}), "identity-trusted-tokens"),
    (
        "OIDC subject if there is one",
        trust(GITHUB, **{"ForAllValues:StringLike": {SUBJECT: "repo:novacron/app:*"}}),
        "identity-trusted-tokens",
    ),
    # IAM: widening
    *(
        (f"widens under {operator} {key} {value}", role_with(conditioned(operator, key, value)), "identity-no-self-widening")
        for operator, key, value in (
            ("Null", "iam:PermissionsBoundary", "true"),
            ("Null", "iam:PermissionsBoundary", "false"),
            ("StringLike", "iam:PermissionsBoundary", "*"),
            ("ArnLike", "iam:PermissionsBoundary", "arn:aws:iam::1:policy/*"),
            ("StringEqualsIfExists", "iam:PermissionsBoundary", "arn:aws:iam::1:policy/edge"),
            ("ForAllValues:StringEquals", "iam:PermissionsBoundary", "arn:aws:iam::1:policy/edge"),
            ("StringNotEquals", "iam:PermissionsBoundary", "arn:aws:iam::1:policy/edge"),
            ("StringLike", "iam:PassedToService", "*"),
            ("StringLike", "iam:PassedToService", "*.amazonaws.com"),
        )
    ),
    *(
        (
            f"widens past a Deny if {operator} {value}",
            role_with(WIDENS, {**conditioned(operator, "iam:PermissionsBoundary", value), "Effect": "Deny"}),
            "identity-no-self-widening",
        )
        for operator, value in (("Null", "true"), ("StringEquals", "arn:aws:iam::1:policy/edge"), ("StringNotLike", "*"))
    ),
    *(
        (f"widens by {by}", role_with({"Action": action, "Resource": resource}, by=by), "identity-no-self-widening")
        for by, action, resource in (
            ("inline", "iam:AttachRolePolicy", "*"),
            ("role", "iam:Put*", "arn:aws:iam::*:role/se*"),
            ("attached", "iam:CreatePolicyVersion", "arn:aws:iam::*:policy/given"),
            ("exclusive", "iam:UpdateAssumeRolePolicy", "arn:aws:iam::123456789012:role/self"),
            ("managed", "iam:CreateAccessKey", "*"),
            ("inline", "iam:PassRole", "*"),
        )
    ),
    # Exposure
    ("prefix list of two halves", by_prefix_list, "network-open-ports"),
    ("prefix list of others", aws(RULE, prefixListId="pl-1", ipProtocol="-1"), "network-open-ports"),
    ("rule of a plain listener forwards", plain_rule, "network-tls"),
    (
        "older module of the SDK",
        aws("aws:alb/listener:Listener", protocol="HTTP", defaultActions=[{"type": "forward"}]),
        "network-tls",
    ),
    ("NLB passes plain TCP", listener("TCP", 80, {"type": "forward"}), "network-tls"),
    (
        "fixed response 200 in plain text",
        listener("HTTP", 80, {"type": "fixed-response", "fixedResponse": {"statusCode": "200"}}),
        "network-tls",
    ),
    (
        "LoadBalancer for the world",
        kubernetes("core/v1:Service", spec={"type": "LoadBalancer", "loadBalancerSourceRanges": ["0.0.0.0/0"]}),
        "network-services-internal",
    ),
    ("externalIPs", kubernetes("core/v1:Service", spec={"externalIPs": ["192.0.2.1"]}), "network-services-internal"),
    (
        "Ingress without TLS",
        kubernetes("networking.k8s.io/v1:Ingress", spec={"rules": [{"host": "a.example.com"}]}),
        "network-ingress-tls",
    ),
    (
        "Ingress of any host",
        kubernetes("extensions/v1beta1:Ingress", spec={"rules": [{"host": "*.example.com"}]}),
        "network-ingress-tls",
    ),
    (
        "Ingress of any host by the old name",
        kubernetes("extensions/v1beta1:Ingress", spec={"backend": {"serviceName": "x", "servicePort": 80}}),
        "network-ingress-tls",
    ),
    (
        "Ingress without a certificate",
        kubernetes("networking.k8s.io/v1:Ingress", spec={"rules": [{"host": "a.x.com"}], "tls": [{"hosts": ["a.x.com"]}]}),
        "network-ingress-tls",
    ),
    (
        "topic's own policy",
        aws("aws:sns/topic:Topic", policy=policy({"Effect": "Allow", "Principal": "*", "Action": "sns:*", "Resource": "*"})),
        "identity-no-public-principal",
    ),
    *(
        (f"{kind.rpartition(':')[2]}'s own {key}", aws(kind, **{key: value}), rule)
        for kind in ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
        for key, value, rule in (
            ("policy", EVERYONES, "identity-no-public-principal"),
            ("acl", "public-read", "data-bucket-acl-private"),
            ("grants", [{"type": "Group", "uri": ALL_USERS, "permissions": ["READ"]}], "data-bucket-acl-private"),
            ("lifecycleRules", [{"enabled": True, "expiration": {"date": "2027-01-01"}}], "data-version-retention"),
            ("lifecycleRules", [{"enabled": True, "expirations": [{"days": 1}]}], "data-version-retention"),
            ("lifecycleRules", [{"enabled": True, "noncurrentVersionExpiration": {"days": 1}}], "data-version-retention"),
            ("versioning", {"enabled": False}, "data-bucket-versioned"),
            ("versionings", [{"enabled": False}], "data-bucket-versioned"),
        )
    ),
    ("public database", aws("aws:rds/instance:Instance", publiclyAccessible=True), "network-no-public-databases"),
    # Pods, wherever they are
    *(
        (f"pod of {kind}", pod(kind, **PRIVILEGED), "workload-unprivileged")
        for kind in (
            "core/v1:ReplicationController",
            "apps/v1:DeploymentPatch",
            "apps/v1beta1:Deployment",
            "argoproj.io/v1alpha1:Rollout",
        )
    ),
    ("PodTemplate", kubernetes("core/v1:PodTemplate", template={"spec": {"containers": [PRIVILEGED]}}), "workload-unprivileged"),
    (
        "custom resource",
        kubernetes("batch.example.com/v1:Train", spec={"workers": [{"spec": {"containers": [PRIVILEGED]}}]}),
        "workload-unprivileged",
    ),
    *(
        (f"chart with {next(iter(values))}", chart(values=values), "workload-chart-values")
        for values in (
            {"image": {"repository": "evil.example.com/x", "tag": "1.2.3"}},
            {"sidecarImage": "evil.example.com/x:1.2.3"},
            {"service": {"externalIPs": ["192.0.2.1"]}},
            {"ingress": {"hosts": ["*"]}},
            {"web": {"ingress": {"hosts": [{"host": "*.example.com"}]}}},
        )
    ),
    *(
        (f"chart with {what}", chart(**inputs), "workload-chart-values")
        for what, inputs in (
            ("another registry", {"chart": "oci://ghcr.io/evil/charts/x", "repositoryOpts": {}}),
            ("a registry with a similar name", {"chart": "oci://ghcr.io/nginx/charts-evil/x"}),
            ("a path out of its registry", {"chart": "oci://ghcr.io/nginx/charts/../../evil/x"}),
            ("an address of an archive", {"chart": "https://evil.example.com/x.tgz"}),
            ("another repository", {"repositoryOpts": {"repo": "https://evil.example.com/charts"}}),
            ("no repository", {"chart": "./x", "repositoryOpts": {}}),
            ("a program", {"postrender": "sh"}),
            ("a port of the host", {"values": {"controller": {"hostPort": {"enable": True, "http": 80}}}}),
            ("a port of the host by its number", {"values": {"ports": [{"containerPort": 80, "hostPort": 80}]}}),
            ("snippets of ingress-nginx", {"values": {"controller": {"allowSnippetAnnotations": True}}}),
            ("snippets of NGINX", {"values": {"controller": {"enableSnippets": True}}}),
            ("no seccomp profile", {"values": {"podSecurityContext": {"seccompProfile": {"type": "Unconfined"}}}}),
            (
                "no AppArmor profile",
                {"values": {"podAnnotations": {"container.apparmor.security.beta.kubernetes.io/x": "unconfined"}}},
            ),
        )
    ),
    (
        "chart with values in a file",
        chart(valueYamlFiles=["x"]),
        "workload-chart-values",
    ),
    ("chart", chart(values={"a": [{"hostNetwork": True}]}), "workload-chart-values"),
    # Kubernetes roles
    *(
        (
            f"role on {resource}",
            kubernetes(f"{GROUP}:Role", rules=[{"apiGroups": [""], "resources": [resource], "verbs": ["create"]}]),
            "identity-kubernetes-roles",
        )
        for resource in ("pods/exec", "nodes/proxy", "serviceaccounts/token", "pods/attach", "*/exec")
    ),
    *(
        (
            f"role that makes {resource} anywhere",
            kubernetes(f"{GROUP}:ClusterRole", rules=[{"apiGroups": ["apps"], "resources": [resource], "verbs": ["create"]}]),
            "identity-kubernetes-roles",
        )
        for resource in ("deployments", "daemonsets", "cronjobs", "replicationcontrollers")
    ),
    (
        "every account of a namespace",
        kubernetes(
            f"{GROUP}:RoleBinding",
            roleRef={"kind": "Role", "name": "r"},
            subjects=[{"kind": "Group", "name": "system:serviceaccounts:shop"}],
        ),
        "identity-kubernetes-roles",
    ),
    (
        "aggregation",
        kubernetes(f"{GROUP}:ClusterRole", aggregationRule={"clusterRoleSelectors": [{}]}),
        "identity-kubernetes-roles",
    ),
    (
        "anonymous",
        kubernetes(
            f"{GROUP}:RoleBinding", roleRef={"kind": "Role", "name": "r"}, subjects=[{"kind": "User", "name": "system:anonymous"}]
        ),
        "identity-kubernetes-roles",
    ),
    # Credentials
    ("in an argument", pod(args=["--api-key", TOKEN]), "workload-secrets-by-reference"),
    ("in an argument with =", pod(args=[f"--db.password={TOKEN}"]), "workload-secrets-by-reference"),
    ("in a shell command", pod(command=["sh", "-c", f"PGPASSWORD={TOKEN} psql"]), "workload-secrets-by-reference"),
    (
        "in an annotation",
        kubernetes("core/v1:Service", annotations={"x.example.com/api-token": TOKEN}, spec={}),
        "workload-secrets-by-reference",
    ),
    (
        "in a file of a ConfigMap",
        kubernetes("core/v1:ConfigMap", data={"app.yaml": f"db:\n  password: {TOKEN}\n"}),
        "workload-secrets-by-reference",
    ),
    *(
        (f"in {place}", declare, "workload-secrets-by-reference")
        for place, declare in (
            ("a probe", pod(livenessProbe={"exec": {"command": ["sh", "-c", f"PGPASSWORD={TOKEN} psql"]}})),
            ("a hook", pod(lifecycle={"preStop": {"exec": {"command": ["x", f"--password={TOKEN}"]}}})),
            ("a header", pod(livenessProbe={"httpGet": {"port": 1, "httpHeaders": [{"name": "X-Api-Key", "value": TOKEN}]}})),
            ("a connection string", pod(env=[{"name": "DSN", "value": f"host=db password={TOKEN}"}])),
            ("a binary file", kubernetes("core/v1:ConfigMap", binaryData={"a": encoded(f"password: {TOKEN}")})),
            ("a claim's annotation", kubernetes("core/v1:PersistentVolumeClaim", annotations={"x/api-token": TOKEN}, spec={})),
            ("a Secret's annotation", kubernetes("core/v1:Secret", annotations={"password": TOKEN})),
            ("user data", aws("aws:ec2/launchTemplate:LaunchTemplate", userData=f"#!/bin/sh\nexport DB_PASSWORD={TOKEN}\n")),
            ("user data in base64", aws("aws:ec2/instance:Instance", userDataBase64=encoded(f"#!/bin/sh\nPASSWORD={TOKEN}\n"))),
            ("Docker's variables", aws("docker:index/container:Container", image="x", envs=[f"DB_PASSWORD={TOKEN}"])),
            ("Docker's command", aws("docker:index/container:Container", image="x", command=["--requirepass", TOKEN])),
            ("a chart's arguments", chart(values={"args": [f"--password={TOKEN}"]})),
            ("a custom resource", kubernetes("db.example.com/v1:Db", spec={"password": TOKEN})),
        )
    ),
    ("of GitLab", pod(env=[{"name": "X", "value": "glpat-" + "aB3" * 7}]), "identity-no-literal-secrets"),
    ("of Stripe", kubernetes("core/v1:ConfigMap", data={"x": "sk_live_" + "aB3" * 8}), "identity-no-literal-secrets"),
    *(
        (f"only {' and '.join(given)}", pod(resources=given), "workload-resources")
        for given in ({"requests": {"cpu": "100m", "memory": "128Mi"}}, {"limits": {"cpu": "1", "memory": "128Mi"}})
    ),
    # Images
    *(
        (f"image {image}", pod(image=f"ghcr.io/novacron/shop{image}"), "workload-images")
        for image in (":nightly-2026.1.2", ":1.2.3-SNAPSHOT", "@sha256:", ":v1.2@sha256:abc")
    ),
    # Scaling
    ("HPA v1", scaler("v1"), "workload-autoscaler-behaviour"),
    (
        "scaling down switched off",
        scaler(
            scaleDown={"selectPolicy": "Disabled", "policies": POLICY_LIST, "stabilizationWindowSeconds": 60},
            scaleUp={"policies": POLICY_LIST},
        ),
        "workload-autoscaler-behaviour",
    ),
    ("skew 100", spread(constraint(100)), "workload-topology-spread"),
    # Data
    (
        "gone by a date",
        aws(
            "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2",
            rules=[{"status": "Enabled", "expiration": {"date": "2027-01-01"}}],
        ),
        "data-version-retention",
    ),
    ("literal password", aws("aws:rds/instance:Instance", password=TOKEN), "data-managed-passwords"),
    ("public ACL", aws("aws:s3/bucketAclV2:BucketAclV2", acl="public-read"), "data-bucket-acl-private"),
    ("a cluster without a version", aws("aws:eks/cluster:Cluster", vpcConfig={"subnetIds": ["a"]}), "cluster-version"),
    # Cost
    (
        "claim template",
        kubernetes(
            "apps/v1:StatefulSet",
            spec={
                **workload({"app": "x"}, containers=[safe_container()]),
                "volumeClaimTemplates": [{"spec": {"resources": {"requests": {"storage": "9Ti"}}}}],
            },
        ),
        "cost-volume-size",
    ),
    ("nodes of a launch template", by_launch_template, "cost-instance-types"),
    # Docker
    (
        "Docker capability",
        aws("docker:index/container:Container", image="x", capabilities={"adds": ["SYS_PTRACE"], "drops": ["ALL"]}),
        "docker-unprivileged",
    ),
    (
        "Docker mount",
        aws("docker:index/container:Container", image="x", mounts=[{"type": "bind", "source": "/", "target": "/h"}]),
        "docker-host-isolated",
    ),
    (
        "Docker volume of the host",
        aws("docker:index/volume:Volume", driverOpts={"type": "none", "o": "bind", "device": "/"}),
        "docker-host-isolated",
    ),
    ("Docker namespace", aws("docker:index/container:Container", image="x", ipcMode="container:db"), "docker-host-isolated"),
    # IAM: by effect
    ("changes its own boundary", role_with({"Action": VERSION, "Resource": EDGE}, boundary="edge"), "identity-no-self-widening"),
    ("boundary by its physical name", boundary_of({"name": "physical"}), "identity-no-self-widening"),
    ("boundary by a prefix of its name", boundary_of({"namePrefix": "physical-"}), "identity-no-self-widening"),
    (
        "boundary that others must have",
        role_with({"Action": VERSION, "Resource": EDGE}, conditioned("StringEquals", "iam:PermissionsBoundary", EDGE)),
        "identity-no-self-widening",
    ),
    (
        "boundary of AWS for administrators",
        role_with(conditioned("StringEquals", "iam:PermissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess")),
        "identity-no-self-widening",
    ),
    (
        "attaches only AWS' policy for administrators",
        role_with(
            {
                "Action": "iam:AttachRolePolicy",
                "Resource": "*",
                "Condition": {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}},
            }
        ),
        "identity-no-self-widening",
    ),
    ("role whose name is generated", named_role("self-*"), "identity-no-self-widening"),
    ("role with the usual length of a generated name", named_role("self-???????"), "identity-no-self-widening"),
    ("role with a prefix of its name", named_role("team-*", namePrefix="team-"), "identity-no-self-widening"),
    ("role in a path", named_role("team/*", name="self", path="/team/"), "identity-no-self-widening"),
    *(
        (f"{kind} with {action} {by}", given_to(kind, action, by), "identity-no-self-widening")
        for kind, action, by in (
            ("group", "iam:PutGroupPolicy", "inline"),
            ("group", "iam:PassRole", "attached"),
            ("group", "iam:AttachGroupPolicy", "listed"),
            ("user", "iam:PutUserPolicy", "inline"),
            ("user", "iam:AttachUserPolicy", "attached"),
            ("user", "sts:AssumeRole", "listed"),
        )
    ),
    ("user that changes itself", given_to("user", "iam:Put*", resource="arn:aws:iam::*:user/x"), "identity-no-self-widening"),
    *(
        (f"role with {action} on {resource}", role_with({"Action": action, "Resource": resource}), "identity-no-self-widening")
        for action, resource in (
            ("iam:AddUserToGroup", "arn:aws:iam::1:group/*"),
            ("iam:AttachGroupPolicy", "*"),
            ("iam:PutGroupPolicy", "*"),
            ("sts:AssumeRole", "*"),
            ("iam:UpdateAssumeRolePolicy", "arn:aws:iam::*:role/*"),
        )
    ),
    *(
        (
            f"any role for {service}",
            role_with(conditioned("StringEquals", "iam:PassedToService", service), {"Action": action, "Resource": "*"}),
            "identity-no-self-widening",
        )
        for service, action in (("lambda.amazonaws.com", "lambda:Create*"), ("ec2.amazonaws.com", "ec2:RunInstances"))
    ),
    (
        "any role for a service, with a Deny that exempts one function",
        role_with(
            conditioned("StringEquals", "iam:PassedToService", "lambda.amazonaws.com"),
            {"Action": "lambda:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "lambda:CreateFunction", "NotResource": "arn:aws:lambda:us-east-1:1:function:x"},
        ),
        "identity-no-self-widening",
    ),
    ("undeclared policy beside a declared one", undeclared_beside_declared, "identity-managed-policies"),
    *(
        (f"{action} on everything", statement(Action=action), "identity-no-wildcard-admin")
        for action in ("kms:PutKeyPolicy", "kms:CreateGrant", "eks:AssociateAccessPolicy")
    ),
    *(
        (f"every letter of {service}", statement(Action=[f"{service}:{each}*" for each in LETTERS]), "identity-no-wildcard-admin")
        for service in ("iam", "ec2")
    ),
    (
        "every letter of all buckets",
        statement(Action="s3:*", Resource=[f"arn:aws:s3:::{each.lower()}*" for each in LETTERS]),
        "identity-no-wildcard-admin",
    ),
    ("half the world by its parts", trust("*", IpAddress={"aws:SourceIp": SPLIT[::2]}), "identity-no-public-principal"),
    *(
        (f"any token of {issuer}", trust({"Federated": issuer}), "identity-trusted-tokens")
        for issuer in ("accounts.google.com", "cognito-identity.amazonaws.com")
    ),
    (
        "endpoint for data of other accounts",
        aws("aws:ec2/vpcEndpoint:VpcEndpoint", serviceName="com.amazonaws.us-east-1.s3", policy=EVERYONES),
        "identity-no-public-principal",
    ),
    *(
        (f"{action} on {resource}", statement(Action=action, Resource=resource), "identity-no-wildcard-admin")
        for action, resource in (
            ("s3:GetObject", "*"),
            ("s3:Get*", "arn:aws:s3:::*"),
            ("s3:?etObject", "arn:aws:s3:::*/*"),
            ("S3:PUTOBJECT", "arn:aws:s3:*"),
            (["s3:ListBucket", "s3:DeleteObject*"], ["arn:aws:s3:::one", "**"]),
            ("s3:PutBucketPolicy", "*"),
            ("kms:Decrypt", "*"),
            ("kms:D*", "arn:aws:kms:*:*:key/*"),
            ("kms:ReEncrypt*", "arn:aws:kms:us-east-1:111122223333:*"),
            ("secretsmanager:GetSecretValue", "*"),
            ("secretsmanager:Get*", "arn:aws:secretsmanager:*:*:secret:*"),
            ("ssm:GetParameter*", "arn:aws:ssm:*:*:parameter/*"),
            ("ssm:StartSession", "*"),
            ("dynamodb:Scan", "arn:aws:dynamodb:*:*:table/*"),
            ("dynamodb:*Item", "*"),
        )
    ),
    *(
        (
            f"kms:Decrypt with {operator} {key} {value}",
            statement(Action="kms:Decrypt", Condition={operator: {key: value}}),
            "identity-no-wildcard-admin",
        )
        for operator, key, value in (
            ("StringLike", "kms:ResourceAliases", "alias/*"),
            ("ForAllValues:StringEquals", "kms:ResourceAliases", "alias/one"),
            ("StringEqualsIfExists", "aws:ResourceTag/project", "dwcp-v3"),
            ("StringNotEquals", "aws:ResourceTag/environment", "production"),
            ("Bool", "aws:SecureTransport", "true"),
        )
    ),
    *(
        (f"{what} of another account", in_our_account(declare), "identity-known-accounts")
        for what, declare in (
            ("role for the account", trust({"AWS": f"arn:aws:iam::{FOREIGN}:root"})),
            ("role for the number", trust({"AWS": FOREIGN})),
            ("role for a role", trust({"AWS": [f"arn:aws:iam::{OURS}:root", f"arn:aws:iam::{FOREIGN}:role/deploy"]})),
            ("role for a session", trust({"AWS": f"arn:aws:sts::{FOREIGN}:assumed-role/deploy/x"})),
            ("role for the account with an external id", trust({"AWS": FOREIGN}, StringEquals={"sts:ExternalId": "x"})),
            ("role for an issuer", trust({"Federated": f"arn:aws:iam::{FOREIGN}:oidc-provider/{SUBJECT}"})),
            ("role for everyone", trust("*", StringEquals={"aws:PrincipalAccount": FOREIGN})),
            (
                "role for a service",
                trust({"Service": "sns.amazonaws.com"}, ArnLike={"aws:SourceArn": f"arn:aws:sns:*:{FOREIGN}:*"}),
            ),
            ("bucket for the account", aws("aws:s3/bucketPolicy:BucketPolicy", policy=allowing({"AWS": FOREIGN}))),
            ("bucket for the canonical id", aws("aws:s3/bucketPolicy:BucketPolicy", policy=allowing({"CanonicalUser": CANONICAL}))),
            ("bucket's own policy", aws("aws:s3/bucket:Bucket", policy=allowing({"AWS": FOREIGN}))),
            ("key", aws("aws:kms/key:Key", enableKeyRotation=True, policy=allowing({"AWS": f"arn:aws:iam::{FOREIGN}:root"}))),
            ("topic", aws("aws:sns/topicPolicy:TopicPolicy", arn="x", policy=allowing({"AWS": FOREIGN}))),
            ("access entry", aws("aws:eks/accessEntry:AccessEntry", principalArn=f"arn:aws:iam::{FOREIGN}:role/admin")),
        )
    ),
    ("key of an account that nothing tells", trust({"AWS": FOREIGN}), "identity-known-accounts"),
    (
        "a token by a volume",
        token_by_volume(expirationSeconds=604800),
        "identity-token-unmounted",
    ),
    (
        "an init container as root",
        kubernetes(
            "core/v1:Pod",
            labels={"app": "x"},
            spec={"containers": [safe_container()], "initContainers": [safe_container(securityContext={"runAsUser": 0})]},
        ),
        "workload-not-root",
    ),
    *(
        (
            f"{direction} on every port",
            kubernetes(
                "networking.k8s.io/v1:NetworkPolicy",
                spec={"podSelector": {}, direction: [{peers: [{"podSelector": {"matchLabels": {"app": "x"}}}]}]},
            ),
            "workload-network-policy-narrow",
        )
        for direction, peers in (("ingress", "from"), ("egress", "to"))
    ),
    *(
        (f"NetworkPolicy that allows {what}", network_policy(rule), "workload-network-policy-narrow")
        for what, rule in (
            ("a port without a number", {"from": ONE_APP, "ports": [{"protocol": "TCP"}]}),
            ("a range of all ports", {"from": ONE_APP, "ports": [{"port": 1, "endPort": 65535}]}),
            (
                "two ranges of all ports",
                {"from": ONE_APP, "ports": [{"port": 1, "endPort": 32767}, {"port": 32768, "endPort": 65535}]},
            ),
            ("both halves of the internet", {"from": networks("0.0.0.0/1", "128.0.0.0/1"), "ports": [{"port": 80}]}),
            ("every namespace", {"from": [{"namespaceSelector": {}}], "ports": [{"port": 80}]}),
            ("every namespace and pod", {"from": [{"namespaceSelector": {}, "podSelector": {}}], "ports": [{"port": 80}]}),
            ("every namespace with a name", {"from": named_namespaces("Exists"), "ports": [{"port": 80}]}),
            ("every namespace but one", {"from": named_namespaces("NotIn", values=["x"]), "ports": [{"port": 80}]}),
        )
    ),
    (
        "NetworkPolicy with half of the internet in each rule",
        network_policy(*({"from": networks(each), "ports": [{"port": 80}]} for each in ("0.0.0.0/2", "64.0.0.0/2"))),
        "workload-network-policy-narrow",
    ),
    (
        "NetworkPolicy with networks that are the internet only together",
        network_policy(*({"from": networks(f"{each}.0.0.0/9"), "ports": [{"port": 80}]} for each in (3, 4, 5))),
        "workload-network-policy-narrow",
    ),
    (
        "an admission webhook",
        kubernetes("admissionregistration.k8s.io/v1:ValidatingWebhookConfiguration", webhooks=[{"failurePolicy": "Ignore"}]),
        "types-known",
    ),
    # Exposure: by effect
    (
        "group of 256 networks",
        aws(
            "aws:ec2/securityGroup:SecurityGroup",
            description="x",
            ingress=[{"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": SPLIT}],
        ),
        "network-open-ports",
    ),
    (
        "group of 256 rules",
        aws(
            "aws:ec2/securityGroup:SecurityGroup",
            description="x",
            ingress=[{"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": [each]} for each in SPLIT],
        ),
        "network-open-ports",
    ),
    ("256 rules of a group", by_split_rules, "network-open-ports"),
    ("prefix list of 256 networks", by_split_prefix_list, "network-open-ports"),
    (
        "LoadBalancer for 256 networks",
        kubernetes("core/v1:Service", spec={"type": "LoadBalancer", "loadBalancerSourceRanges": SPLIT}),
        "network-services-internal",
    ),
    (
        "LoadBalancer with two schemes",
        kubernetes(
            "core/v1:Service",
            annotations={
                "service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing",
                "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
            },
            spec={"type": "LoadBalancer"},
        ),
        "network-services-internal",
    ),
    (
        "Ingress with a load balancer of its own",
        ingress(annotations={"alb.ingress.kubernetes.io/scheme": "internet-facing"}),
        "network-services-internal",
    ),
    *(
        (f"Ingress with {key}", ingress(annotations={key: value}), "network-ingress-tls")
        for key, value in (
            ("nginx.ingress.kubernetes.io/ssl-redirect", "false"),
            ("alb.ingress.kubernetes.io/listen-ports", '[{"HTTP": 80}, {"HTTPS": 443}]'),
        )
    ),
    *(
        (f"listener with {policy_}", aws("aws:lb/listener:Listener", protocol="HTTPS", port=443, sslPolicy=policy_), "network-tls")
        for policy_ in ("ELBSecurityPolicy-FS-2018-06", "ELBSecurityPolicy-FS-1-1-2019-08", "ELBSecurityPolicy-TLS-1-1-2017-01")
    ),
    ("every service", trust({"Service": "*"}), "identity-no-public-principal"),
    ("everyone's key", aws("aws:kms/key:Key", enableKeyRotation=True, policy=EVERYONES), "identity-no-public-principal"),
    ("console access", aws("aws:iam/userLoginProfile:UserLoginProfile", user="x"), "identity-no-static-keys"),
    *(
        (f"StatefulSet without {rule}", kubernetes("apps/v1:StatefulSet", labels={"app": "x"}, spec=SEVERAL), rule)
        for rule in ("workload-disruption-budget", "workload-topology-spread")
    ),
    (
        "the default account",
        kubernetes(
            f"{GROUP}:RoleBinding",
            roleRef={"kind": "ClusterRole", "name": "view"},
            subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": "shop"}],
        ),
        "identity-kubernetes-roles",
    ),
    # Kubernetes roles: by effect
    *(
        (f"ClusterRole that may {verb} {resource}", role_on("ClusterRole", resource, verb), "identity-kubernetes-roles")
        for resource, verb in (
            ("clusterrolebindings", "create"),
            ("rolebindings", "patch"),
            ("persistentvolumes", "create"),
            ("nodes", "patch"),
            ("namespaces", "update"),
            ("podtemplates", "create"),
            ("rollouts", "create"),
            ("signers", "sign"),
            ("mutatingwebhookconfigurations", "create"),
            ("certificatesigningrequests/approval", "update"),
            ("clusterroles", "bind"),
        )
    ),
    (
        "every path",
        kubernetes(f"{GROUP}:ClusterRole", rules=[{"nonResourceURLs": ["*"], "verbs": ["get"]}]),
        "identity-kubernetes-roles",
    ),
    *(
        (
            f"binding of {role} to {subject}",
            kubernetes(
                f"{GROUP}:ClusterRoleBinding",
                roleRef={"kind": "ClusterRole", "name": role},
                subjects=[{"kind": "Group", "name": subject}],
            ),
            "identity-kubernetes-roles",
        )
        for role, subject in (("system:controller:clusterrole-aggregation-controller", "x"), ("r", "system:masters"))
    ),
    (
        "aws-auth",
        lambda world: world.kubernetes("core/v1:ConfigMap", "aws-auth", namespace="kube-system", data={"mapRoles": "[]"}),
        "identity-access-entries",
    ),
    # Images, Docker and pods: by effect
    *(
        (f"image {tag}", pod(image=f"ghcr.io/novacron/shop:{tag}"), "workload-images")
        for tag in ("canary-1.2.3", "lts-1.2", "pr-12.3", "current-1.0", "testing-1.2", "1.2-rc", "dev1.2.3", "1.2.3-latest")
    ),
    ("image out of its folder", pod(image="ghcr.io/novacron/../evil/shop:1.2.3"), "workload-images"),
    ("an image whose name ends like an id", docker_image("evil.example.com/x-id"), "docker-container-image"),
    *(
        (f"Docker folder {path}", docker(volumes=[{"hostPath": path, "containerPath": "/h"}]), "docker-host-isolated")
        for path in ("//etc", "/./etc", "/home/../root", "/var", "/home/")
    ),
    (
        "Docker socket by another path",
        docker(volumes=[{"hostPath": "/home/../var/run/docker.sock/", "containerPath": "/s"}]),
        "docker-unprivileged",
    ),
    (
        "Docker mount with options of a driver",
        docker(
            mounts=[
                {
                    "type": "volume",
                    "target": "/h",
                    "volumeOptions": {"driverOptions": {"type": "none", "o": "bind", "device": "/"}},
                }
            ]
        ),
        "docker-host-isolated",
    ),
    (
        "Docker volume of a folder with dots",
        aws("docker:index/volume:Volume", driverOpts={"type": "none", "o": "bind", "device": "/./etc"}),
        "docker-host-isolated",
    ),
    *((f"Docker user {user}", docker(user=user), "docker-unprivileged") for user in ("root", "0", "0:0")),
    ("anti-affinity to others", spread(anti_affinity(namespaces=["other"])), "workload-topology-spread"),
    *((f"{kind} without a type", declare({}), "cost-volume-size") for kind, declare in DISKS.items() if kind != "StorageClass"),
    ("nodes in a subnet that gives public addresses", in_public_subnet, "cluster-private-nodes"),
    ("a cost without nodes", aws("aws:ebs/volume:Volume", size=30000, type="gp3"), "cost-monthly-estimate"),
    ("a machine without a price", aws("aws:ec2/instance:Instance", instanceType="u7i.large"), "cost-monthly-estimate"),
    *(
        (f"nodes of a launch template of another program: {rule}", aws(NODES, launchTemplate={"id": "lt-1"}), rule)
        for rule in ("cost-instance-types", "cost-monthly-estimate")
    ),
    # Closed world
    ("a type without a rule", aws("aws:redshift/cluster:Cluster", masterPassword="x", publiclyAccessible=True), "types-known"),
]

PASSES: list[tuple[str, Declare, str]] = [
    # Objects that refer to a chart's objects
    (
        "a disruption budget of a chart's pods",
        beside_a_chart("policy/v1:PodDisruptionBudget", selector={"matchLabels": {"app": "x"}}),
        "workload-targets-exist",
    ),
    ("a Service of a chart's pods", beside_a_chart("core/v1:Service", selector={"app": "x"}), "workload-services-lead-to-pods"),
    (
        "an Ingress for a chart's Service",
        beside_a_chart("networking.k8s.io/v1:Ingress", defaultBackend={"service": {"name": "x", "port": {"number": 80}}}),
        "workload-backends-exist",
    ),
    (
        "a pod with a chart's Secret",
        beside_a_chart("core/v1:Pod", volumes=[{"name": "x", "secret": {"secretName": "x"}}]),
        "workload-references-exist",
    ),
    ("a claim of a class of EFS", claim("efs-sc"), "data-volume-encrypted"),
    ("a claim of a class of the program", claim("fast", declared=True), "data-volume-encrypted"),
    ("chart of a registry", chart(chart="oci://ghcr.io/nginx/charts/nginx-ingress", repositoryOpts={}), "workload-chart-values"),
    ("chart without a port of the host", chart(values={"hostPort": {"enable": False, "http": 80}}), "workload-chart-values"),
    ("nodes with SSH for a group", ssh_nodes(sourceSecurityGroupIds=["sg-1"]), "network-open-ports"),
    ("the name of an SSH key", ssh_nodes(), "identity-no-literal-secrets"),
    ("the name of an SSH key", ssh_nodes(), "workload-secrets-by-reference"),
    ("a token that is valid for an hour", token_by_volume(audience="vault", expirationSeconds=3600), "identity-token-unmounted"),
    ("a disk of gp3", DISKS["volume"]({"type": "gp3", "iops": 3000, "throughput": 125}), "cost-volume-size"),
    *(
        (f"NetworkPolicy that allows {what}", network_policy(rule), "workload-network-policy-narrow")
        for what, rule in (
            ("a range of ports", {"from": ONE_APP, "ports": [{"port": 32768, "endPort": 60999}]}),
            ("a port by its name", {"from": ONE_APP, "ports": [{"port": "http"}]}),
            ("one namespace", {"from": named_namespaces("In", values=["x"]), "ports": [{"port": 80}]}),
            ("an app in every namespace", {"from": [{"namespaceSelector": {}, **ONE_APP[0]}], "ports": [{"port": 80}]}),
            ("the pods of its namespace", {"from": [{"podSelector": {}}], "ports": [{"port": 80}]}),
            ("the VPC", {"from": networks("10.0.0.0/8", "172.16.0.0/12"), "ports": [{"port": 80}]}),
        )
    ),
    *(
        (f"{action} on {resource}", statement(Action=action, Resource=resource), "identity-no-wildcard-admin")
        for action, resource in (
            ("s3:GetObject", "arn:aws:s3:::one/*"),
            ("s3:GetObject", "arn:aws:s3:::dwcp-v3-*/*"),
            ("s3:ListAllMyBuckets", "*"),
            ("kms:Decrypt", "arn:aws:kms:us-east-1:111122223333:key/1234"),
            ("kms:DescribeKey", "*"),
            ("secretsmanager:ListSecrets", "*"),
            ("ssm:GetParameter", "arn:aws:ssm:*:*:parameter/dwcp/*"),
            ("dynamodb:ListTables", "*"),
            ("dynamodb:*Item", "arn:aws:dynamodb:*:*:table/dwcp-v3-leases"),
        )
    ),
    *(
        (
            f"kms:Decrypt with {operator} {key}",
            statement(Action="kms:Decrypt", Condition={operator: {key: value}}),
            "identity-no-wildcard-admin",
        )
        for operator, key, value in (
            ("ForAnyValue:StringEquals", "kms:ResourceAliases", "alias/one"),
            ("StringLike", "aws:ResourceTag/project", "dwcp-*"),
            ("StringEquals", "kms:ViaService", "s3.us-east-1.amazonaws.com"),
        )
    ),
    *(
        (f"{what} of our account", in_our_account(declare), "identity-known-accounts")
        for what, declare in (
            ("role", trust({"AWS": [f"arn:aws:iam::{OURS}:root", OURS]})),
            ("role for a service", trust({"Service": "ec2.amazonaws.com"}, StringEquals={"aws:SourceAccount": OURS})),
            (
                "refusal of others",
                aws("aws:s3/bucketPolicy:BucketPolicy", policy=allowing({"AWS": FOREIGN}).replace("Allow", "Deny")),
            ),
            ("all but another account", trust({"AWS": OURS}, StringNotEquals={"aws:PrincipalAccount": FOREIGN})),
            ("access entry", aws("aws:eks/accessEntry:AccessEntry", principalArn=f"arn:aws:iam::{OURS}:role/admin")),
        )
    ),
    (
        "a token by a volume for another audience",
        token_by_volume(audience="vault"),
        "identity-token-unmounted",
    ),
    ("TOKEN_TTL", pod(env=[{"name": "TOKEN_TTL", "value": "1h"}]), "workload-secrets-by-reference"),
    ("PASSWORD_POLICY", pod(env=[{"name": "PASSWORD_POLICY", "value": "strict"}]), "workload-secrets-by-reference"),
    ("SECRET_NAMESPACE", pod(env=[{"name": "SECRET_NAMESPACE", "value": "shop"}]), "workload-secrets-by-reference"),
    (
        "checksum/secret",
        kubernetes("core/v1:Service", annotations={"checksum/secret": "9f86d081884c7d65"}, spec={}),
        "workload-secrets-by-reference",
    ),
    ("a path by argument", pod(args=["--token-path", "/run/token", "--key-store=/run/keys.jks"]), "workload-secrets-by-reference"),
    *(
        (f"not a secret: {name}", kubernetes("core/v1:ConfigMap", data={name: value}), "workload-secrets-by-reference")
        for name, value in (
            ("existingSecret", "redis-auth"),
            ("text", "a forgotten password is reset by mail"),
            ("script", 'redis-cli -a "$REDIS_PASSWORD" --no-auth-warning\nexport TOKEN="$(cat /run/token)"\n'),
            ("certificate", encoded("a public text that is long enough")),
        )
    ),
    (
        "a reference",
        pod(env=[{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]),
        "workload-secrets-by-reference",
    ),
    ("a Secret", kubernetes("core/v1:Secret", stringData={"password": TOKEN}), "workload-secrets-by-reference"),
    ("TLS passthrough on an NLB", listener("TCP", 443, {"type": "forward"}), "network-tls"),
    ("fixed response 403", listener("HTTP", 80, {"type": "fixed-response", "fixedResponse": {"statusCode": "403"}}), "network-tls"),
    (
        "a key store",
        kubernetes("core/v1:ConfigMap", data={"keystore": "config/store.jks", "KEY_STORE_TYPE": "PKCS12"}),
        "workload-secrets-by-reference",
    ),
    ("required anti-affinity", spread(anti_affinity()), "workload-topology-spread"),
    ("skew 1", spread(constraint(1)), "workload-topology-spread"),
    (
        "an internal load balancer",
        kubernetes(
            "core/v1:Service",
            annotations={"service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"},
            spec={"type": "LoadBalancer"},
        ),
        "network-services-internal",
    ),
    ("one bucket's objects", statement(Action="s3:*", Resource=ONE_BUCKET), "identity-no-wildcard-admin"),
    ("our organisation", trust("*", StringEquals={"aws:PrincipalOrgID": "o-1"}), "identity-no-public-principal"),
    *(
        (f"public within {value}", trust("*", **{operator: {key: value}}), "identity-no-public-principal")
        for operator, key, value in (
            ("StringLike", "aws:PrincipalOrgPaths", "o-abc/r-1/ou-*/*"),
            ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-abc/*"),
            ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::123456789012:role/app-*"),
            ("ArnLike", "aws:SourceArn", "arn:aws:logs:*:123456789012:log-group:*"),
            ("ArnLike", "aws:SourceArn", "arn:aws:s3:::one-bucket/*"),
            ("IpAddress", "aws:SourceIp", ["203.0.113.0/24", "2001:db8::/48"]),
        )
    ),
    (
        "any account of one namespace",
        trust({"Federated": "arn:aws:iam::1:oidc-provider/oidc.eks"}, StringLike={"oidc.eks:sub": "system:serviceaccount:a:*"}),
        "identity-trusted-tokens",
    ),
    *(
        (
            f"denied unless {operator} {value}",
            role_with(WIDENS, {**conditioned(operator, "iam:PermissionsBoundary", value), "Effect": "Deny"}),
            "identity-no-self-widening",
        )
        for operator, value in (
            ("StringNotEquals", "arn:aws:iam::1:policy/edge"),
            ("ArnNotLikeIfExists", "arn:aws:iam::*:policy/edge"),
        )
    ),
    ("our repository", trust(GITHUB, StringEquals={SUBJECT: "repo:novacron/app:environment:x"}), "identity-trusted-tokens"),
    (
        "our pods",
        trust({"Federated": "arn:aws:iam::1:oidc-provider/oidc.eks"}, StringEquals={"oidc.eks:sub": "system:serviceaccount:a:b"}),
        "identity-trusted-tokens",
    ),
    (
        "other roles",
        role_with({"Action": "iam:PutRolePolicy", "Resource": "arn:aws:iam::*:role/workload-*"}),
        "identity-no-self-widening",
    ),
    (
        "under a boundary",
        role_with(
            {"Action": "iam:PutRolePolicy", "Resource": "*", "Condition": {"StringEquals": {"iam:PermissionsBoundary": "arn"}}}
        ),
        "identity-no-self-widening",
    ),
    (
        "denied by its boundary",
        role_with({"Action": "iam:PutRole*", "Resource": "*"}, boundary="edge"),
        "identity-no-self-widening",
    ),
    (
        "passed to one service",
        role_with(
            {"Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}}
        ),
        "identity-no-self-widening",
    ),
    (
        "a boundary only",
        role_with({"Action": "s3:GetObject", "Resource": ONE_BUCKET}, boundary="edge"),
        "identity-no-wildcard-admin",
    ),
    *(
        (f"bucket with its own {key}", aws("aws:s3/bucket:Bucket", **{key: value}), rule)
        for key, value, rule in (
            ("versioning", {"enabled": True}, "data-bucket-versioned"),
            ("lifecycleRules", [{"enabled": False, "expiration": {"days": 1}}], "data-version-retention"),
            ("acl", "private", "data-bucket-acl-private"),
            (
                "serverSideEncryptionConfiguration",
                {"rule": {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}},
                "data-bucket-encrypted",
            ),
        )
    ),
    ("a Docker volume", aws("docker:index/volume:Volume", driverOpts={"type": "tmpfs", "device": "tmpfs"}), "docker-host-isolated"),
    (
        "a role that makes pods in one namespace",
        kubernetes(f"{GROUP}:Role", rules=[{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create"]}]),
        "identity-kubernetes-roles",
    ),
    (
        "a chart's image",
        chart(values={"image": {"repository": "ghcr.io/novacron/x", "tag": "1.2.3"}}),
        "workload-chart-values",
    ),
    ("a chart's tag", chart(values={"image": {"tag": "1.2.3"}}), "workload-chart-values"),
    # By effect
    *(
        (
            f"{low} to {high} of {protocol} for the world",
            aws(RULE, cidrIpv4="0.0.0.0/0", ipProtocol=protocol, fromPort=low, toPort=high),
            "network-open-ports",
        )
        for protocol, low, high in (("icmp", 3, 4), ("1", 3, 4), ("tcp", 443, 443))
    ),
    (
        "private networks",
        aws(
            "aws:ec2/securityGroup:SecurityGroup",
            description="x",
            ingress=[
                {
                    "protocol": "-1",
                    "fromPort": 0,
                    "toPort": 0,
                    "cidrBlocks": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
                    "ipv6CidrBlocks": ["fc00::/7"],
                }
            ],
        ),
        "network-open-ports",
    ),
    ("HTTP listener of an internal load balancer", internal_listener, "network-tls"),
    ("fixed response 301", listener("HTTP", 80, {"type": "fixed-response", "fixedResponse": {"statusCode": "301"}}), "network-tls"),
    *(
        (f"listener with {policy_}", aws("aws:lb/listener:Listener", protocol="HTTPS", port=443, sslPolicy=policy_), "network-tls")
        for policy_ in ("ELBSecurityPolicy-FS-1-2-Res-2020-10", "ELBSecurityPolicy-TLS-1-2-Ext-2018-06")
    ),
    *(
        (
            f"Ingress of the load balancer with {annotations}",
            ingress(annotations=annotations, ingressClassName="alb", tls=tls),
            rule,
        )
        for annotations, tls, rule in (
            ({"alb.ingress.kubernetes.io/certificate-arn": "arn"}, [], "network-ingress-tls"),
            ({}, [{"hosts": ["a.x.com"]}], "network-ingress-tls"),
            ({"alb.ingress.kubernetes.io/scheme": "internal"}, [], "network-services-internal"),
            (
                {"alb.ingress.kubernetes.io/listen-ports": '[{"HTTP": 80}]', "alb.ingress.kubernetes.io/ssl-redirect": "443"},
                [{"hosts": ["a.x.com"]}],
                "network-ingress-tls",
            ),
        )
    ),
    (
        "temporary objects",
        aws(
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            rules=[{"status": "Enabled", "filter": {"prefix": "tmp/"}, "expiration": {"days": 1}}],
        ),
        "data-version-retention",
    ),
    *(
        (f"plain text denied by {operator}", bucket_that_refuses(operator), "data-bucket-tls-only")
        for operator in ("Bool", "BoolIfExists")
    ),
    ("roles by name", role_on("ClusterRole", "deployments", "patch", resourceNames=["shop"]), "identity-kubernetes-roles"),
    ("roles that a namespace has", role_on("Role", "rolebindings"), "identity-kubernetes-roles"),
    (
        "tokens that are checked",
        kubernetes(f"{GROUP}:ClusterRoleBinding", roleRef={"kind": "ClusterRole", "name": "system:auth-delegator"}, subjects=[]),
        "identity-kubernetes-roles",
    ),
    (
        "releases of our repository",
        trust(GITHUB, StringLike={SUBJECT: "repo:novacron/app:ref:refs/tags/v*"}),
        "identity-trusted-tokens",
    ),
    (
        "an identity pool",
        trust(
            {"Federated": "cognito-identity.amazonaws.com"},
            StringEquals={"cognito-identity.amazonaws.com:aud": "us-east-1:12345678-dead-beef-cafe-123456790ab"},
        ),
        "identity-trusted-tokens",
    ),
    (
        "attaches one policy",
        role_with({"Action": "iam:AttachRolePolicy", "Resource": "*", "Condition": {"ArnEquals": {"iam:PolicyARN": EDGE}}}),
        "identity-no-self-widening",
    ),
    ("boundary of another name", boundary_of({"name": "other"}), "identity-no-self-widening"),
    ("boundary whose name is generated", boundary_of({}), "identity-no-self-widening"),
    ("role of another name", named_role("self", name="other"), "identity-no-self-widening"),
    (
        "user with its own keys",
        given_to("user", "iam:CreateAccessKey", resource="arn:aws:iam::*:user/x"),
        "identity-no-self-widening",
    ),
    (
        "roles for a service, which runs nothing of ours",
        role_with(
            conditioned("StringEquals", "iam:PassedToService", "eks.amazonaws.com"),
            {"Action": "eks:CreateCluster", "Resource": "*"},
        ),
        "identity-no-self-widening",
    ),
    (
        "grants for services of AWS",
        statement(Action="kms:CreateGrant", Condition={"Bool": {"kms:GrantIsForAWSResource": "true"}}),
        "identity-no-wildcard-admin",
    ),
    ("reads of one service", statement(Action=["s3:GetBucket*", "s3:List*", "s3:Describe*"]), "identity-no-wildcard-admin"),
    (
        "endpoint for one bucket",
        aws(
            "aws:ec2/vpcEndpoint:VpcEndpoint",
            serviceName="com.amazonaws.us-east-1.s3",
            policy=policy({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": ONE_BUCKET}),
        ),
        "identity-no-public-principal",
    ),
    *(
        (f"image {tag}", pod(image=f"ghcr.io/novacron/shop:{tag}"), "workload-images")
        for tag in ("git-deadbeef1", "1.2.3-stable", "2026-11-24T1012", "20261124.3", "1.2.3-head4", "mainline-1.2.3", "v2.3")
    ),
    ("Docker image by its resource", docker_image(Ref("image")), "docker-container-image"),
    (
        "Docker folder of the stack",
        docker(volumes=[{"hostPath": "/opt/dwcp/config", "containerPath": "/c"}]),
        "docker-host-isolated",
    ),
    (
        "Docker user",
        docker(user="1001:0", securityOpts=["no-new-privileges:true"], capabilities={"drops": ["ALL"]}),
        "docker-unprivileged",
    ),
    *(
        (f"anti-affinity {more}", spread(anti_affinity(**more)), "workload-topology-spread")
        for more in ({"namespaces": ["shop"]}, {"namespaceSelector": {}})
    ),
    ("a full version", pod(image="ghcr.io/novacron/shop:1.2.3-alpine"), "workload-images"),
    ("a class of the driver's default type", DISKS["StorageClass"]({}), "cost-volume-size"),
]
