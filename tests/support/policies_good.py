"""Resources that pass every rule, of types that no stack has."""

from __future__ import annotations

from policies_worlds import SAFE_POD, Ref, World, safe_container, workload

from components.settings import RedisSettings

TAGS = {"project": "dwcp-v3", "environment": "production", "owner": "platform", "cost-center": "dwcp", "managed-by": "pulumi"}


def good_world() -> World:
    """The world that passes every rule."""
    world = World()
    world.add("pulumi:providers:aws", "tagging", region="us-east-1", defaultTags={"tags": TAGS})
    _aws(world)
    _kubernetes(world)
    _docker(world)
    return world


def _aws(world: World) -> None:
    def add(type_: str, name: str, /, **inputs: object) -> None:
        world.add(type_, name, (), "tagging", **inputs)

    inside = {"protocol": "tcp", "fromPort": 5432, "toPort": 5432, "cidrBlocks": ["10.0.0.0/16"]}
    add("aws:ec2/securityGroup:SecurityGroup", "inline-group", ingress=[inside])
    rule = {"securityGroupId": "sg-1", "type": "ingress"}
    add("aws:ec2/securityGroupRule:SecurityGroupRule", "group-rule", **rule, **inside)
    tokens = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
    add("aws:ec2/instance:Instance", "machine", ami="ami-1", instanceType="m7i.large", metadataOptions=tokens)
    add("aws:ebs/volume:Volume", "disk", type="gp3", availabilityZone="us-east-1a", size=20, encrypted=True)
    add("aws:efs/fileSystem:FileSystem", "files", encrypted=True)
    protected = {"storageEncrypted": True, "deletionProtection": True, "backupRetentionPeriod": 14}
    add("aws:rds/instance:Instance", "database", instanceClass="db.m7g.large", **protected)
    add("aws:rds/cluster:Cluster", "database-cluster", engine="aurora-postgresql", **protected)
    add("aws:dynamodb/table:Table", "table", hashKey="id", deletionProtectionEnabled=True, pointInTimeRecovery={"enabled": True})
    encrypted = {"atRestEncryptionEnabled": True, "transitEncryptionEnabled": True}
    add("aws:elasticache/replicationGroup:ReplicationGroup", "cache", snapshotRetentionLimit=7, **encrypted)
    narrow = '{"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::one/*"}}'
    add("aws:iam/policy:Policy", "narrow", policy=narrow)
    add("aws:s3/bucketAcl:BucketAcl", "log-acl", bucket="logs", acl="log-delivery-write")
    add("aws:rds/clusterSnapshot:ClusterSnapshot", "snapshot", sharedAccounts=["111122223333"])
    add("aws:lb/loadBalancer:LoadBalancer", "network-balancer", loadBalancerType="network", enableDeletionProtection=True)


def _kubernetes(world: World) -> None:
    labels = {"app": "shop"}
    world.kubernetes("core/v1:ServiceAccount", "shop")
    world.kubernetes("core/v1:Secret", "keys", data={"password": "cGFzc3dvcmQ="})
    world.kubernetes("core/v1:ConfigMap", "settings", data={"LOG_LEVEL": "info", "PASSWORD_FILE": "/run/secrets/password"})
    keyed = safe_container(
        env=[
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "password"}}},
            {"name": "TOKEN_PATH", "value": "/run/secrets/token"},
            {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "LOG_LEVEL"}}},
        ],
        envFrom=[{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "not-there", "optional": True}}],
        lifecycle={"preStop": {"httpGet": {"path": "/stop", "port": 8080}}},
    )
    projected = {"name": "all", "projected": {"sources": [{"secret": {"name": "keys"}}, {"configMap": {"name": "settings"}}]}}
    pod = {"volumes": [projected, {"name": "keys", "secret": {"secretName": "keys"}}], "imagePullSecrets": [{"name": "keys"}]}
    spread = [
        {"topologyKey": key, "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": labels}}
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    spec = workload(labels, replicas=2, containers=[keyed], topologySpreadConstraints=spread, **pod)
    world.kubernetes("apps/v1:StatefulSet", "shop", labels=labels, spec={**spec, "serviceName": "shop"})
    budget = {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": {"matchLabels": labels}}
    world.kubernetes("policy/v1:PodDisruptionBudget", "shop", labels=labels, spec=budget)
    port = {"name": "http", "port": 80, "targetPort": "http"}
    world.kubernetes("core/v1:Service", "shop", labels=labels, spec={"selector": labels, "ports": [port]})
    world.kubernetes("core/v1:Service", "outside", labels=labels, spec={"type": "ExternalName", "externalName": "x.example.com"})
    expression = {"key": "app", "operator": "In", "values": ["shop"]}
    monitor = {"selector": {"matchExpressions": [expression]}, "endpoints": [{"port": "http"}]}
    world.kubernetes("monitoring.coreos.com/v1:ServiceMonitor", "shop", labels=labels, spec=monitor)
    backend = {"service": {"name": "shop", "port": {"name": "http"}}}
    host = {"host": "shop.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    ingress = {"rules": [host], "tls": [{"hosts": ["shop.example.com"], "secretName": "keys"}]}
    world.kubernetes("networking.k8s.io/v1:Ingress", "shop", labels=labels, spec=ingress)
    everything = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    world.kubernetes("networking.k8s.io/v1:NetworkPolicy", "deny", spec=everything)
    template = {
        "metadata": {"labels": {"app": "job"}},
        "spec": {**SAFE_POD, "containers": [safe_container()], "restartPolicy": "Never"},
    }
    world.kubernetes("batch/v1:Job", "job", labels={"app": "job"}, spec={"template": template})
    cron = {"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}}
    world.kubernetes("batch/v1:CronJob", "cron", labels={"app": "job"}, spec=cron)
    world.kubernetes("core/v1:Pod", "pod", labels={"app": "pod"}, spec={**SAFE_POD, "containers": [safe_container()]})
    rules = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]}]
    world.kubernetes("rbac.authorization.k8s.io/v1:ClusterRole", "reader", namespace=None, rules=rules)
    world.kubernetes(
        "rbac.authorization.k8s.io/v1:ClusterRoleBinding",
        "reader",
        namespace=None,
        roleRef={"kind": "ClusterRole", "name": "reader"},
        subjects=[{"kind": "ServiceAccount", "name": "shop", "namespace": "shop"}],
    )


def _docker(world: World) -> None:
    world.add("docker:index/remoteImage:RemoteImage", "redis-image", name=RedisSettings().image)
    world.add(
        "docker:index/container:Container",
        "redis-container",
        name="redis",
        image=Ref("redis-image"),
        securityOpts=["no-new-privileges:true"],
        capabilities={"drops": ["ALL"]},
        memory=512,
        cpus="0.5",
        restart="unless-stopped",
        healthcheck={"tests": ["CMD", "redis-cli", "ping"]},
        volumes=[{"volumeName": "data", "containerPath": "/data"}],
    )
