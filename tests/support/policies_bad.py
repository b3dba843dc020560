"""A world that violates every rule. For each branch of each rule, the world has a resource that the rule must report."""

from __future__ import annotations

from typing import Any

from policies_worlds import Ref, World, policy, safe_container, workload

AWS_KEY = "AKIA" + "QWERTYUIOPASDFGH"
URL = "redis://user:" + "word@host/0"
PRIVATE_KEY = "-----BEGIN " + "PRIVATE KEY-----\nMIIE"


def bad_world() -> World:
    """The world that violates every rule."""
    world = World()
    _network(world)
    _data(world)
    _identity(world)
    _cluster(world)
    _objects(world)
    _workloads(world)
    _delivery(world)
    _docker(world)
    return world


def _network(world: World) -> None:
    world.add("aws:ec2/vpc:Vpc", "bare-vpc", cidrBlock="10.0.0.0/16")
    world.add("aws:ec2/vpc:Vpc", "half-logged-vpc", cidrBlock="10.1.0.0/16")
    world.add("aws:ec2/flowLog:FlowLog", "accepted-only", vpcId=Ref("half-logged-vpc"), trafficType="ACCEPT")
    world.add(
        "aws:ec2/subnet:Subnet",
        "unplanned-subnet",
        vpcId=Ref("bare-vpc"),
        cidrBlock="10.0.250.0/24",
        availabilityZone="us-east-1a",
        mapPublicIpOnLaunch=True,
        tags={"kubernetes.io/role/elb": "1"},
    )
    world.add("aws:ec2/subnet:Subnet", "no-tier", vpcId=Ref("bare-vpc"), cidrBlock="10.0.251.0/24", availabilityZone="us-east-1a")
    for number in range(4):
        world.add("aws:ec2/natGateway:NatGateway", f"nat-{number}", subnetId=Ref("unplanned-subnet"))
    world.add("aws:ec2/defaultVpc:DefaultVpc", "default-vpc")
    world.add(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "open-default",
        vpcId=Ref("half-logged-vpc"),
        ingress=[{"protocol": "-1", "fromPort": 0, "toPort": 0, "self": True}],
        egress=[{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}],
    )
    rule = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    world.add(rule, "ssh", cidrIpv4="0.0.0.0/0", ipProtocol="tcp", fromPort=22, toPort=22)
    world.add(rule, "half-the-world", cidrIpv4="128.0.0.0/1", ipProtocol="tcp", fromPort=6379, toPort=6379)
    world.add(rule, "ipv6-range", cidrIpv6="::/0", ipProtocol="tcp", fromPort=80, toPort=443)
    world.add(rule, "udp", cidrIpv4="0.0.0.0/0", ipProtocol="udp", fromPort=443, toPort=443)
    old = "aws:ec2/securityGroupRule:SecurityGroupRule"
    world.add(old, "old-rule", type="ingress", cidrBlocks=["0.0.0.0/0"], protocol="-1", fromPort=0, toPort=0)
    inline = {"protocol": "tcp", "fromPort": 3389, "toPort": 3389, "ipv6CidrBlocks": ["::/0"]}
    world.add("aws:ec2/securityGroup:SecurityGroup", "inline", ingress=[inline])
    world.add("aws:lb/loadBalancer:LoadBalancer", "soft-balancer", loadBalancerType="application")
    forward = [{"type": "forward", "targetGroupArn": "arn"}]
    world.add("aws:lb/listener:Listener", "plain-http", protocol="HTTP", port=80, defaultActions=forward)
    policy_2016 = "ELBSecurityPolicy-2016-08"
    world.add("aws:lb/listener:Listener", "old-tls", protocol="HTTPS", port=443, sslPolicy=policy_2016, defaultActions=forward)

    outside = {"type": "LoadBalancer", "externalIPs": ["192.0.2.7"], "selector": {"app": "bad"}, "ports": [{"port": 8080}]}
    world.kubernetes("core/v1:Service", "outside", labels={"app": "bad"}, spec=outside)
    port_of_nodes = {"type": "NodePort", "selector": {"app": "bad"}, "ports": [{"port": 8080}]}
    world.kubernetes("core/v1:Service", "port-of-nodes", labels={"app": "bad"}, spec=port_of_nodes)
    world.add("aws:rds/clusterSnapshot:ClusterSnapshot", "shared-snapshot", sharedAccounts=["all"])


def _data(world: World) -> None:
    world.add("aws:s3/bucket:Bucket", "bare-bucket", forceDestroy=True)
    world.add("aws:s3/bucket:Bucket", "loose-bucket")
    world.add(
        "aws:s3/bucketVersioning:BucketVersioning",
        "suspended",
        bucket=Ref("loose-bucket"),
        versioningConfiguration={"status": "Suspended"},
    )
    world.add(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "half-blocked",
        bucket=Ref("loose-bucket"),
        blockPublicAcls=True,
        blockPublicPolicy=False,
        ignorePublicAcls=True,
        restrictPublicBuckets=True,
    )
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
    world.add("aws:s3/bucketPolicy:BucketPolicy", "public-policy", bucket=Ref("loose-bucket"), policy=policy(everyone))
    rules = [
        {
            "id": "short",
            "status": "Enabled",
            "expiration": {"days": 1, "date": "2027-01-01"},
            "noncurrentVersionExpiration": {"noncurrentDays": 2},
        }
    ]
    lifecycle = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    world.add(lifecycle, "short-lived", bucket=Ref("loose-bucket"), rules=rules)
    world.add("aws:cloudwatch/logGroup:LogGroup", "short-log", retentionInDays=7)
    world.add("aws:cloudwatch/logGroup:LogGroup", "endless-log")
    grants = [{"permission": "READ", "grantee": {"type": "Group", "uri": "http://acs.amazonaws.com/groups/global/AllUsers"}}]
    world.add("aws:s3/bucketAcl:BucketAcl", "open-acl", bucket=Ref("loose-bucket"), acl="public-read")
    world.add("aws:s3/bucketAcl:BucketAcl", "granting-acl", bucket=Ref("loose-bucket"), accessControlPolicy={"grants": grants})
    world.add("aws:kms/key:Key", "stale-key", deletionWindowInDays=3)
    logs = {
        "Effect": "Allow",
        "Principal": {"Service": "logs.us-east-1.amazonaws.com"},
        "Action": "kms:*",
        "Resource": "*",
        "Condition": {
            "ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/one/*"}
        },
    }
    world.add("aws:kms/key:Key", "narrow-key", policy=policy(logs), enableKeyRotation=True)
    world.add("aws:cloudwatch/logGroup:LogGroup", "other-log", name="/aws/two", retentionInDays=30, kmsKeyId=Ref("narrow-key"))
    world.add("aws:ebs/volume:Volume", "big-volume", availabilityZone="us-east-1a", size=2000)
    world.add("aws:efs/fileSystem:FileSystem", "open-files")
    world.add(
        "aws:rds/instance:Instance",
        "frail-database",
        instanceClass="db.t3.micro",
        backupRetentionPeriod=1,
        publiclyAccessible=True,
        password="x",
    )
    world.add("aws:rds/cluster:Cluster", "frail-cluster", engine="aurora-postgresql")
    world.add("aws:dynamodb/table:Table", "frail-table", hashKey="id")
    world.add("aws:elasticache/replicationGroup:ReplicationGroup", "frail-cache", description="cache")
    world.kubernetes("storage.k8s.io/v1:StorageClass", "open-class", namespace=None, provisioner="ebs.csi.aws.com", parameters={})


def _identity(world: World) -> None:
    world.add("pulumi:providers:aws", "keyed", accessKey=AWS_KEY, secretKey="not-shown", defaultTags={"tags": {"environment": "x"}})
    world.add("aws:iam/user:User", "person", name="person")
    world.add("aws:iam/accessKey:AccessKey", "static-key", user="person")
    allow = {"Effect": "Allow", "Resource": "*"}
    world.add("aws:iam/policy:Policy", "everything", policy=policy({**allow, "Action": "*"}))
    world.add("aws:iam/rolePolicy:RolePolicy", "all-of-s3", role="r", policy=policy({**allow, "Action": ["s3:*"]}))
    not_action = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::one"}
    world.add("aws:iam/rolePolicy:RolePolicy", "all-but", role="r", policy=policy(not_action))
    trusting = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}})
    inline = [{"name": "inline", "policy": policy({**allow, "Action": "ec2:**"})}]
    arns = ["arn:aws:iam::aws:policy/PowerUserAccess"]
    world.add("aws:iam/role:Role", "open-role", assumeRolePolicy=trusting, inlinePolicies=inline, managedPolicyArns=arns)
    stranger = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}}
    world.add("aws:iam/role:Role", "stranger", assumeRolePolicy=policy(stranger))
    issuer = {"Federated": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"}
    any_token = policy({"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": issuer})
    world.add("aws:iam/role:Role", "widening-role", name="widening-role", assumeRolePolicy=any_token)
    widening = policy({"Effect": "Allow", "Action": "iam:Put*", "Resource": "arn:aws:iam::*:role/widening*"})
    world.add("aws:iam/rolePolicy:RolePolicy", "widens", role=Ref("widening-role"), policy=widening)
    kind = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    world.add(kind, "gives-everything", role="open-role", policyArn=Ref("everything"))
    world.add(kind, "gives-unseen", role="open-role", policyArn="arn:aws:iam::123456789012:policy/unseen")
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    world.add("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "administrator", role="open-role", policyArn=admin)
    world.add(
        "aws:ec2/launchTemplate:LaunchTemplate",
        "loose-template",
        metadataOptions={"httpTokens": "optional", "httpPutResponseHopLimit": 2},
        blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 500}}],
        networkInterfaces=[{"associatePublicIpAddress": "true"}],
        userData="LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUU=",
    )
    world.add("aws:ec2/instance:Instance", "loose-machine", ami="ami-1", instanceType="x2.metal", associatePublicIpAddress=True)


def _cluster(world: World) -> None:
    world.add("aws:eks/cluster:Cluster", "open-cluster", version="1.20", vpcConfig={"subnetIds": [Ref("unplanned-subnet")]})
    world.add(
        "aws:eks/cluster:Cluster",
        "half-open-cluster",
        version="1.34",
        vpcConfig={"subnetIds": ["subnet-1"], "endpointPrivateAccess": True, "publicAccessCidrs": ["0.0.0.0/0"]},
        encryptionConfig={"resources": ["secrets"], "provider": {"keyArn": ""}},
        accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"},
        enabledClusterLogTypes=["api"],
    )
    addon = "aws:eks/addon:Addon"
    world.add(
        addon, "deaf-cni", clusterName=Ref("half-open-cluster"), addonName="vpc-cni", serviceAccountRoleArn="arn:aws:iam::1:role/r"
    )
    world.add(addon, "meddling-logs", clusterName=Ref("half-open-cluster"), addonName="amazon-cloudwatch-observability")
    world.add(
        "aws:eks/nodeGroup:NodeGroup",
        "huge-nodes",
        clusterName=Ref("open-cluster"),
        nodeRoleArn="arn",
        subnetIds=[Ref("unplanned-subnet")],
        instanceTypes=["m7i.2xlarge"],
        scalingConfig={"minSize": 1, "maxSize": 40, "desiredSize": 1},
    )
    unpriced = {"minSize": 1, "maxSize": 1, "desiredSize": 1}
    group = "aws:eks/nodeGroup:NodeGroup"
    world.add(
        group,
        "unpriced-nodes",
        clusterName="c",
        nodeRoleArn="arn",
        subnetIds=["s"],
        instanceTypes=["u7i.large"],
        scalingConfig=unpriced,
    )


def _objects(world: World) -> None:
    world.kubernetes("core/v1:Namespace", "lax", namespace=None)
    annotated = {"vault.example.com/token": "hunter2hunter2"}
    file = "[auth]\npassword = hunter2hunter2\n"
    world.kubernetes("core/v1:ConfigMap", "leaky-file", annotations=annotated, data={"app.ini": file})
    world.kubernetes("core/v1:ConfigMap", "leaky", data={"API_TOKEN": "hunter2hunter2", "url": URL})
    world.literal_secret("literal", password="hunter2hunter2")
    role_arn = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/r"}
    world.kubernetes("core/v1:ServiceAccount", "annotated", annotations=role_arn)
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*", "escalate"]}
    inside = {"apiGroups": [""], "resources": ["pods/exec", "serviceaccounts/token"], "verbs": ["create"]}
    make_pods = {"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}
    label = {"clusterRoleSelectors": [{"matchLabels": {"any": "one"}}]}
    kind = "rbac.authorization.k8s.io/v1:ClusterRole"
    world.kubernetes(kind, "inside", namespace=None, rules=[inside, make_pods], aggregationRule=label)
    secrets = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}
    world.kubernetes("rbac.authorization.k8s.io/v1:Role", "king", rules=[everything, secrets])
    world.kubernetes(
        "rbac.authorization.k8s.io/v1:ClusterRoleBinding",
        "crown",
        namespace=None,
        roleRef={"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": "rbac.authorization.k8s.io"},
        subjects=[
            {"kind": "ServiceAccount", "name": "missing", "namespace": "shop"},
            {"kind": "Group", "name": "system:unauthenticated"},
        ],
    )
    world.kubernetes(
        "rbac.authorization.k8s.io/v1:RoleBinding",
        "to-nothing",
        roleRef={"kind": "Role", "name": "no-such-role", "apiGroup": "rbac.authorization.k8s.io"},
        subjects=[],
    )
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Ti"}}}
    world.kubernetes("core/v1:PersistentVolumeClaim", "big-claim", spec=claim)
    sizeless = {"accessModes": ["ReadWriteOnce"]}
    world.kubernetes("core/v1:PersistentVolumeClaim", "sizeless-claim", spec=sizeless)
    world.kubernetes("core/v1:Service", "nowhere", spec={"selector": {"app": "missing"}, "ports": [{"port": 80}]})
    world.kubernetes("core/v1:Service", "wrong-port", spec={"selector": {"app": "bad"}, "ports": [{"port": 80, "targetPort": 81}]})
    paths = [
        {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "no-such-service", "port": {"number": 80}}}},
        {"path": "/x", "pathType": "Prefix", "backend": {"service": {"name": "wrong-port", "port": {"name": "https"}}}},
    ]
    ingress = {"rules": [{"http": {"paths": paths}}], "defaultBackend": {"service": {"name": "gone", "port": {"number": 80}}}}
    snippet = {"nginx.ingress.kubernetes.io/server-snippet": "alias /;"}
    world.kubernetes("networking.k8s.io/v1:Ingress", "lost", annotations=snippet, spec=ingress)
    binding = {"serviceRef": {"name": "missing", "port": 80}, "targetGroupARN": "arn"}
    world.kubernetes("elbv2.k8s.aws/v1beta1:TargetGroupBinding", "unbound", spec=binding, apiVersion="elbv2.k8s.aws/v1beta1")
    monitor = {"selector": {"matchLabels": {"app": "missing"}}, "endpoints": [{"port": "metrics"}]}
    world.kubernetes("monitoring.coreos.com/v1:ServiceMonitor", "blind", spec=monitor)
    world.kubernetes("networking.k8s.io/v1:NetworkPolicy", "idle-policy", spec={"podSelector": {"matchLabels": {"app": "missing"}}})
    world.kubernetes(
        "networking.k8s.io/v1:NetworkPolicy",
        "open-policy",
        namespace="elsewhere",
        spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{"to": []}]},
    )
    target = {"kind": "Deployment", "name": "no-such-deployment", "apiVersion": "apps/v1"}
    world.kubernetes(
        "autoscaling/v2:HorizontalPodAutoscaler", "wild", spec={"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 100}
    )
    budget = {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "missing"}}}
    world.kubernetes("policy/v1:PodDisruptionBudget", "blocking", spec=budget)


def _workloads(world: World) -> None:
    bad: dict[str, Any] = {
        "name": "dwcp-v3",
        "image": "evil.example.com/shop:latest",
        "ports": [{"name": "http", "containerPort": 8080, "hostPort": 80}],
        "securityContext": {
            "privileged": True,
            "procMount": "Unmasked",
            "capabilities": {"add": ["SYS_ADMIN"]},
            "appArmorProfile": {"type": "Unconfined"},
            "seLinuxOptions": {"type": "spc_t", "user": "root"},
            "windowsOptions": {"hostProcess": True},
        },
        "args": ["--requirepass", "hunter2hunter2"],
        "env": [
            {"name": "REDIS_PASSWORD", "value": "hunter2hunter2"},
            {"name": "API_KEY", "valueFrom": {"configMapKeyRef": {"name": "leaky", "key": "API_TOKEN"}}},
            {"name": "OTHER", "valueFrom": {"secretKeyRef": {"name": "no-such-secret", "key": "x"}}},
        ],
        "envFrom": [{"configMapRef": {"name": "no-such-config"}}],
        "lifecycle": {"preStop": {"httpGet": {"host": "169.254.169.254", "port": 80}}},
    }
    greedy = safe_container(
        "greedy",
        resources={"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "8", "memory": "16Gi"}},
        securityContext={"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsUser": 12},
    )
    small = safe_container(
        "dwcp-v3", resources={"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "50m", "memory": "64Mi"}}
    )
    spec = workload({"app": "bad"}, replicas=3, containers=[bad, greedy, small])
    pod = spec["template"]["spec"]
    pod["securityContext"] = {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}
    pod |= {"hostPID": True, "automountServiceAccountToken": True, "serviceAccountName": "no-such-account"}
    pod |= {"priorityClassName": "no-such-priority", "imagePullSecrets": [{"name": "no-such-pull-secret"}]}
    pod["volumes"] = [
        {"name": "host", "hostPath": {"path": "/"}},
        {"name": "nfs", "nfs": {"server": "x", "path": "/"}},
        {"name": "claim", "persistentVolumeClaim": {"claimName": "no-such-claim"}},
    ]
    world.kubernetes("apps/v1:Deployment", "bad-web", spec=spec)
    scaled = workload({"app": "scaled"}, replicas=50, containers=[safe_container()])
    world.kubernetes("apps/v1:Deployment", "scaled", namespace="elsewhere", labels={"app": "scaled"}, spec=scaled)
    target = {"kind": "Deployment", "name": "scaled", "apiVersion": "apps/v1"}
    world.kubernetes(
        "autoscaling/v2:HorizontalPodAutoscaler",
        "scaler",
        namespace="elsewhere",
        spec={"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 2},
    )
    mounting = safe_container(volumeMounts=[{"name": "root", "mountPath": "/host"}])
    host = {"hostNetwork": True, "hostIPC": True, "volumes": [{"name": "root", "hostPath": {"path": "/"}}]}
    looking = workload({"app": "node-exporter"}, replicas=None, containers=[mounting], **host)
    world.kubernetes("apps/v1:DaemonSet", "node-exporter", namespace="node-exporter", spec=looking)
    world.kubernetes("core/v1:Pod", "dwcp-v3-node-exporter", spec={**looking["template"]["spec"], "hostIPC": False})
    keep = {"minAvailable": 3, "selector": {"matchLabels": {"app": "scaled"}}, "unhealthyPodEvictionPolicy": "AlwaysAllow"}
    world.kubernetes("policy/v1:PodDisruptionBudget", "keeps-all", namespace="elsewhere", spec=keep)

    values = {"pod": {"securityContext": {"privileged": True, "capabilities": {"add": ["SYS_ADMIN"]}}, "hostPath": "/"}}
    values |= {"image": {"tag": "latest"}, "service": {"type": "LoadBalancer"}, "auth": {"password": "hunter2hunter2"}}
    world.kubernetes("helm.sh/v3:Release", "loose-chart", namespace=None, chart="chart", values=values)
    templates = [{"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "4Ti"}}}}]
    big = {**workload({"app": "big"}, replicas=1, containers=[safe_container()]), "volumeClaimTemplates": templates}
    world.kubernetes("apps/v1:StatefulSet", "big-set", labels={"app": "big"}, spec=big)
    world.kubernetes("apps/v1beta9:Unheard", "unheard-of", spec={})


def _delivery(world: World) -> None:
    spec = workload({"app": "shop", "track": "stable", "version": "1"}, replicas=0, containers=[safe_container()])
    world.kubernetes("apps/v1:Deployment", "lone-track", labels={"app": "shop", "track": "stable"}, spec=spec)
    odd = workload({"app": "shop", "track": "blue"}, replicas=0, containers=[safe_container()])
    world.kubernetes("apps/v1:Deployment", "odd-track", labels={"app": "shop", "track": "blue"}, spec=odd)
    for track, port in (("stable", "http"), ("canary", "web")):
        container = safe_container(ports=[{"name": port, "containerPort": 8080}])
        two = workload({"app": "pair", "track": track}, replicas=0, containers=[container])
        world.kubernetes("apps/v1:Deployment", f"pair-{track}", labels={"app": "pair", "track": track}, spec=two)
    wide = {"selector": {"app": "pair"}, "ports": [{"port": 80, "targetPort": 8080}]}
    world.kubernetes("core/v1:Service", "both-tracks", labels={"app": "pair", "track": "stable"}, spec=wide)
    groups = [{"arn": "a", "weight": 100}, {"arn": "b", "weight": 0}]
    actions = [{"type": "forward", "forward": {"targetGroups": groups}}]
    world.add("aws:lb/listenerRule:ListenerRule", "fixed-weights", listenerArn="arn", actions=actions, conditions=[])
    world.kubernetes("core/v1:ConfigMap", "dwcp-v3-rollout", data={"percentage": "0"})


def _docker(world: World) -> None:
    world.add("docker:index/volume:Volume", "host-volume", driverOpts={"type": "none", "o": "bind", "device": "/etc"})
    world.add("docker:index/remoteImage:RemoteImage", "latest-image", name="evil.example.com/redis:latest")
    world.add(
        "docker:index/container:Container",
        "root-container",
        image="redis",
        name="root-container",
        privileged=True,
        networkMode="host",
        pidMode="container:other",
        capabilities={"adds": ["CAP_SYS_ADMIN"]},
        devices=[{"hostPath": "/dev/sda"}],
        volumes=[
            {"hostPath": "/var/run/docker.sock", "containerPath": "/var/run/docker.sock"},
            {"hostPath": "/etc", "containerPath": "/host"},
        ],
        mounts=[{"type": "bind", "source": "/run/docker.sock", "target": "/s"}],
    )


EXPECTED: dict[str, list[tuple[str, str]]] = {
    "network-open-ports": [
        ("ssh", "port 22 is open to 0.0.0.0/0"),
        ("half-the-world", "port 6379 is open to 128.0.0.0/1"),
        ("ipv6-range", "port 80 to 443 is open to ::/0"),
        ("udp", "port 443 is open"),
        ("old-rule", "every port is open to 0.0.0.0/0"),
        ("inline", "port 3389 is open to ::/0"),
    ],
    "network-no-default-vpc": [("default-vpc", "adopts the account's default network")],
    "network-default-group-empty": [("open-default", "has rules")],
    "network-default-group-adopted": [("bare-vpc", "keeps its rules")],
    "network-flow-logs": [
        ("bare-vpc", "the VPC has no flow log"),
        ("half-logged-vpc", "the flow logs of the VPC contain only ACCEPT traffic"),
    ],
    "network-subnet-plan": [
        ("unplanned-subnet", "10.0.250.0/24 is not the plan's network for zone a"),
        ("no-tier", "has no tier or zone"),
    ],
    "network-no-public-addresses": [
        ("unplanned-subnet", "public addresses"),
        ("loose-template", "public addresses"),
        ("loose-machine", "public addresses"),
    ],
    "network-tls": [("plain-http", "HTTP is served in plain text"), ("old-tls", "ELBSecurityPolicy-2016-08 allows old TLS")],
    "network-services-internal": [
        ("outside", "a load balancer is open to the internet"),
        ("outside", "receives traffic for IP addresses that do not belong to it"),
        ("port-of-nodes", "a port is opened on every node"),
    ],
    "network-ingress-tls": [("lost", "the Ingress accepts requests for any host")],
    "network-ingress-no-snippets": [("lost", "is configuration of the controller")],
    "network-no-public-databases": [
        ("frail-database", "the database has a public address"),
        ("shared-snapshot", "everyone may copy the snapshot"),
    ],
    "network-load-balancer-hardened": [("soft-balancer", "malformed headers are forwarded"), ("soft-balancer", "not logged")],
    "data-bucket-encrypted": [("bare-bucket", "no encryption rule")],
    "data-bucket-versioned": [("bare-bucket", "keeps no noncurrent versions"), ("loose-bucket", "versioning is Suspended")],
    "data-bucket-private": [
        ("bare-bucket", "nothing blocks public access"),
        ("loose-bucket", "blockPublicPolicy of half-blocked is false"),
    ],
    "data-bucket-tls-only": [("bare-bucket", "accepts plain text"), ("loose-bucket", "accepts plain text")],
    "data-bucket-acl-private": [("open-acl", "public-read opens the bucket"), ("granting-acl", "opened to everyone")],
    "data-managed-passwords": [("frail-database", "the program sets the password")],
    "data-version-retention": [
        ("short-lived", "deleted after 1 days"),
        ("short-lived", "deleted on 2027-01-01"),
        ("short-lived", "deleted after 2 days"),
    ],
    "data-log-retention": [("short-log", "kept for 7 days"), ("endless-log", "kept forever")],
    "data-log-key-usable": [("other-log", "does not allow CloudWatch Logs to use the key for /aws/two")],
    "data-log-encrypted": [("short-log", "no customer managed KMS key")],
    "data-key-rotation": [("stale-key", "does not rotate"), ("stale-key", "deleted 3 days after the request")],
    "data-volume-encrypted": [
        ("loose-template", "disk is not encrypted"),
        ("open-class", "volumes of this class are not encrypted"),
        ("big-volume", "not encrypted at rest"),
        ("open-files", "not encrypted at rest"),
        ("frail-database", "not encrypted at rest"),
        ("frail-cluster", "not encrypted at rest"),
        ("frail-cache", "not encrypted at rest"),
    ],
    "data-cache-in-transit": [("frail-cache", "the cache accepts plain text")],
    "data-deletion-protected": [
        ("bare-bucket", "a destroy deletes every object"),
        ("soft-balancer", "no deletion protection"),
        ("open-cluster", "no deletion protection"),
        ("frail-table", "no deletion protection"),
        ("frail-database", "no deletion protection"),
        ("frail-cluster", "no deletion protection"),
    ],
    "data-backups": [
        ("frail-database", "kept for 1 days"),
        ("frail-cluster", "kept for 0 days"),
        ("frail-cache", "kept for 0 days"),
        ("frail-table", "cannot be restored"),
    ],
    "data-volume-retained": [("open-class", "a deleted claim deletes its data")],
    "identity-no-wildcard-admin": [
        ("everything", "allows * on everything"),
        ("all-of-s3", "allows s3:* on everything"),
        ("all-but", "except those of NotAction"),
        ("all-but", "except those of NotResource"),
        ("open-role", "allows ec2:** on everything"),
    ],
    "identity-managed-policies": [
        ("administrator", "gives AdministratorAccess"),
        ("open-role", "gives PowerUserAccess"),
        ("gives-unseen", "gives unseen, which is not declared here"),
    ],
    "identity-no-self-widening": [("widening-role", "may iam:PutRolePolicy on role/widening-role, by widens")],
    "identity-trusted-tokens": [("widening-role", "any token of the issuer is accepted")],
    "identity-no-public-principal": [("open-role", "is open to everyone"), ("public-policy", "is open to everyone")],
    "identity-known-accounts": [("stranger", "the AWS account 999999999999 is trusted")],
    "identity-no-static-keys": [
        ("person", "User gives credentials that never expire"),
        ("static-key", "AccessKey gives credentials that never expire"),
        ("keyed", "has a static key"),
    ],
    "identity-metadata-service": [
        ("loose-template", "without a token"),
        ("loose-template", "the hop limit is 2"),
        ("loose-machine", "the hop limit is the image default"),
    ],
    "identity-access-entries": [
        ("open-cluster", "the mode is not set"),
        ("half-open-cluster", "the mode is API_AND_CONFIG_MAP"),
        ("open-cluster", "the creator of the cluster"),
    ],
    "identity-cluster-entered": [("open-cluster", "no access entry")],
    "identity-pod-identity": [("deaf-cni", "gets its role by OIDC"), ("annotated", "gives a role by OIDC")],
    "identity-token-unmounted": [("bad-web", "but no role is bound to the account")],
    "identity-kubernetes-roles": [
        ("king", "verbs are *"),
        ("king", "resources are *"),
        ("king", "escalate allows acting as any account"),
        ("king", "reads every Secret"),
        ("crown", "binds cluster-admin"),
        ("crown", "system:unauthenticated is not one account"),
        ("inside", "pods/exec gives access to processes"),
        ("inside", "serviceaccounts/token allows acting"),
        ("inside", "pods allows using any account"),
        ("inside", "the role also gets the rules of every role with the selected labels"),
    ],
    "identity-no-literal-secrets": [
        ("keyed", "contains a credential: AWS Access Key"),
        ("leaky", "contains a credential: password in a URL"),
        ("loose-template", "contains a credential: Private Key"),
    ],
    "cluster-private-endpoint": [
        ("open-cluster", "over the internet"),
        ("open-cluster", "the API is open to 0.0.0.0/0"),
        ("half-open-cluster", "the API is open to 0.0.0.0/0"),
    ],
    "cluster-secrets-encrypted": [
        ("open-cluster", "Secrets are not encrypted with a customer managed KMS key"),
        ("half-open-cluster", "no key is named"),
    ],
    "cluster-logs": [("half-open-cluster", "audit, authenticator, controllerManager, scheduler are not logged")],
    "cluster-version": [
        ("open-cluster", "1.20 is not in standard support"),
        ("half-open-cluster", "standard support of 1.34 ended"),
    ],
    "cluster-add-ons-required": [
        ("open-cluster", "no add-on vpc-cni"),
        ("half-open-cluster", "ignores NetworkPolicies"),
        ("half-open-cluster", "no add-on eks-pod-identity-agent"),
    ],
    "cluster-add-ons-inject-nothing": [("meddling-logs", "and Pod Security rejects these pods")],
    "cluster-private-nodes": [
        ("huge-nodes", "unplanned-subnet are public subnets"),
        ("open-cluster", "unplanned-subnet are public subnets"),
    ],
    "workload-namespace-restricted": [("lax", "is not set")],
    "workload-host-isolated": [
        ("bad-web", "the pod shares this namespace with its host"),
        ("bad-web", "a folder of the host is mounted"),
        ("bad-web", "a port of the host is used"),
        ("bad-web", "the kubelet would call another host"),
        ("bad-web", "the container is a process of the host"),
        ("node-exporter", "shares its host's memory"),
        ("node-exporter", "can change the host's files"),
        ("dwcp-v3-node-exporter", "a folder of the host is mounted"),
    ],
    "workload-volume-types": [("bad-web", "nfs is not an allowed kind")],
    "workload-unprivileged": [
        ("bad-web", "the container is privileged"),
        ("bad-web", "the container may gain privileges"),
        ("bad-web", "capabilities are not dropped"),
        ("bad-web", "SYS_ADMIN is added"),
        ("bad-web", "/proc is not masked"),
        ("bad-web", "kernel.msgmax changes"),
        ("bad-web", "AppArmor is disabled"),
        ("bad-web", "the SELinux type is not a container's"),
        ("bad-web", "the SELinux identity is changed"),
    ],
    "workload-not-root": [
        ("bad-web", "the container may run as root"),
        ("bad-web", "the image decides which user runs"),
        ("bad-web", "user 12 is an account of the host"),
    ],
    "workload-seccomp": [("bad-web", "seccomp is not set")],
    "workload-read-only-root": [("bad-web", "the container can change its files")],
    "workload-images": [
        ("bad-web", "does not name one release"),
        ("bad-web", "evil.example.com/shop is not from a trusted registry"),
    ],
    "workload-resources": [("bad-web", "dwcp-v3 has no cpu request"), ("bad-web", "dwcp-v3 has no memory limit")],
    "workload-resource-bounds": [
        ("bad-web", "8 is above 2000m"),
        ("bad-web", "16Gi is above 2Gi"),
        ("bad-web", "100m is below 500m"),
        ("bad-web", "64Mi is below 512Mi"),
    ],
    "workload-resource-ratio": [
        ("bad-web", "cpu limit is 800 times the request"),
        ("bad-web", "memory limit is 256 times the request"),
        ("bad-web", "cpu limit is below its request"),
    ],
    "workload-probes": [
        ("bad-web", "dwcp-v3 has no startupProbe"),
        ("bad-web", "dwcp-v3 has no livenessProbe"),
        ("bad-web", "dwcp-v3 has no readinessProbe"),
    ],
    "workload-secrets-by-reference": [
        ("bad-web", "REDIS_PASSWORD contains a secret"),
        ("bad-web", "API_KEY contains a secret"),
        ("leaky", "API_TOKEN contains a secret"),
        ("leaky-file", "vault.example.com/token contains a secret"),
        ("leaky-file", "password contains a secret"),
        ("bad-web", "--requirepass contains a secret"),
        ("loose-chart", "password contains a secret"),
    ],
    "workload-chart-values": [
        ("loose-chart", "the newest version of the chart"),
        ("loose-chart", "privileged is true"),
        ("loose-chart", "capabilities are added"),
        ("loose-chart", "a folder of the host is mounted"),
        ("loose-chart", "latest does not name one release"),
        ("loose-chart", "a LoadBalancer is an additional entry point"),
    ],
    "workload-secrets-from-stack": [("literal", "the value is a literal in the program")],
    "workload-autoscaler-bounds": [
        ("wild", "1 pods are too few"),
        ("wild", "100 is not a valid maximum number of pods"),
        ("scaler", "2 is not a valid maximum number of pods"),
    ],
    "workload-autoscaler-behaviour": [("wild", "scaleUp has no policy"), ("wild", "pods are removed too early")],
    "workload-replicas": [("scaled", "50 is outside 3 to 2")],
    "workload-disruption-budget": [("bad-web", "no PodDisruptionBudget selects the pods")],
    "workload-budget-allows-eviction": [
        ("blocking", "no pod may ever be evicted"),
        ("blocking", "blocks the drain"),
        ("keeps-all", "3 of 3 pods of scaled must stay"),
    ],
    "workload-topology-spread": [("bad-web", "over topology.kubernetes.io/zone"), ("scaled", "over kubernetes.io/hostname")],
    "workload-services-lead-to-pods": [("nowhere", "no pod has app=missing"), ("wrong-port", "no container has the port 81")],
    "workload-backends-exist": [
        ("lost", "there is no Service no-such-service"),
        ("lost", "the Service wrong-port has no port https"),
        ("lost", "there is no Service gone"),
        ("unbound", "there is no Service missing"),
        ("blind", "no Service is selected"),
    ],
    "workload-targets-exist": [
        ("wild", "there is no Deployment no-such-deployment"),
        ("blocking", "no pod is selected"),
        ("idle-policy", "no pod is selected"),
        ("to-nothing", "there is no Role no-such-role"),
        ("crown", "there is no ServiceAccount missing"),
    ],
    "workload-references-exist": [
        ("bad-web", "there is no PersistentVolumeClaim no-such-claim"),
        ("bad-web", "there is no Secret no-such-secret"),
        ("bad-web", "there is no Secret no-such-pull-secret"),
        ("bad-web", "there is no ConfigMap no-such-config"),
        ("bad-web", "there is no PriorityClass no-such-priority"),
        ("bad-web", "there is no ServiceAccount no-such-account"),
    ],
    "workload-network-policies": [("bad-web", "limits the ingress"), ("bad-web", "limits the egress")],
    "workload-network-policy-narrow": [
        ("open-policy", "ingress is allowed for everyone"),
        ("open-policy", "egress is allowed for everyone"),
    ],
    "delivery-selectors": [("lone-track", "the selector contains the version"), ("both-tracks", "track is not selected")],
    "delivery-tracks-agree": [
        ("lone-track", "shop has 0 Deployments of track canary"),
        ("odd-track", "blue is not a track"),
        ("pair-stable", "containers and ports differ from those of pair-canary"),
    ],
    "delivery-owned-fields": [("fixed-weights", "dwcp changes"), ("dwcp-v3-rollout", "dwcp changes data.percentage")],
    "delivery-replicas-left-alone": [("scaled", "both the program and an autoscaler")],
    "delivery-tracks-scale": [("pair-canary", "no autoscaler scales the track canary"), ("pair-canary", "no Service selects")],
    "cost-instance-types": [
        ("huge-nodes", "m7i.2xlarge is not allowed in production"),
        ("loose-machine", "x2.metal is not allowed in production"),
    ],
    "cost-node-count": [("huge-nodes", "40 nodes are too many")],
    "cost-nat-gateways": [("bare-vpc", "4 NAT gateways are too many")],
    "cost-volume-size": [
        ("big-volume", "2000 GiB is too much"),
        ("big-claim", "5120 GiB is too much"),
        ("big-set", "4096 GiB is too much"),
        ("sizeless-claim", "no size is set"),
        ("loose-template", "500 GiB is too much"),
    ],
    "cost-monthly-estimate": [("half-open-cluster", "USD a month"), ("unpriced-nodes", "no price is known for u7i.large")],
    "tags-on-everything": [("keyed", "the tag project is missing"), ("keyed", "the tag environment is x")],
    "tags-by-explicit-provider": [("bare-vpc", "no provider with default tags")],
    "tags-application-label": [("bad-web", "the label app is missing"), ("nowhere", "the label app is missing")],
    "docker-unprivileged": [
        ("root-container", "the container is privileged"),
        ("root-container", "may gain privileges"),
        ("root-container", "capabilities are not dropped"),
        ("root-container", "socket is mounted"),
        ("root-container", "CAP_SYS_ADMIN is added"),
        ("root-container", "gets a device of the host"),
    ],
    "docker-host-isolated": [
        ("host-volume", "/etc of the host is mounted"),
        ("root-container", "shares this namespace with its host"),
        ("root-container", "shares this namespace with another container"),
        ("root-container", "/etc of the host is mounted"),
    ],
    "docker-images": [("latest-image", "does not name one release"), ("latest-image", "not from a trusted registry")],
    "docker-container-image": [("root-container", "redis does not name one release")],
    "docker-limits": [("root-container", "memory has no limit"), ("root-container", "CPU has no limit")],
    "docker-restarts": [("root-container", "stays down"), ("root-container", "no health check")],
    "types-known": [("unheard-of", "no rule knows kubernetes:apps/v1beta9:Unheard")],
}
"""Rule -> for each branch, the resource that the rule must report and a part of the message."""

OFFLINE_ONLY = {"workload-secrets-from-stack"}
"""Rules that need an evaluation with two sets of secrets, which is not possible in the engine or on a state."""
