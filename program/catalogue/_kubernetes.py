"""The Kubernetes types, by API group and kind. An entry applies to every API version of the kind.

Sources: ``forceNew`` in pulumi-kubernetes, provider/pkg/provider/diff.go; Kubernetes API reference.
"""

from __future__ import annotations

from collections.abc import Mapping

from program.catalogue._type import EVERYTHING, ResourceType

COMMON = ResourceType(
    identity="metadata.name metadata.namespace",
    replaces="metadata.name metadata.namespace kind",
    in_place="metadata.labels metadata.annotations",
)

TYPES: Mapping[str, ResourceType] = {
    "apiextensions.k8s.io/CustomResourceDefinition": ResourceType(loses="every object of its kind"),
    "apps/DaemonSet": ResourceType(replaces="spec.selector", in_place=EVERYTHING),
    "apps/Deployment": ResourceType(replaces="spec.selector", in_place=EVERYTHING),
    "apps/StatefulSet": ResourceType(
        replaces="spec.selector spec.serviceName spec.podManagementPolicy spec.volumeClaimTemplates",
        in_place=EVERYTHING,
        loses="the identity of its pods, and their volumes if the claims are deleted too",
    ),
    "autoscaling/HorizontalPodAutoscaler": ResourceType(in_place=EVERYTHING),
    "batch/Job": ResourceType(replaces="spec.completions spec.parallelism spec.selector spec.template", in_place=EVERYTHING),
    "core/ConfigMap": ResourceType(replaces_immutable="data binaryData", in_place="data binaryData immutable"),
    "core/Namespace": ResourceType(in_place=EVERYTHING, loses="every object in it, volumes included", holds_data=True),
    "core/PersistentVolume": ResourceType(loses="its data"),
    "core/PersistentVolumeClaim": ResourceType(
        replaces=(
            "spec.accessModes spec.dataSource spec.dataSourceRef spec.selector spec.storageClassName spec.volumeMode "
            "spec.volumeName"
        ),
        in_place="spec.resources",
        loses="the data on its volume",
        holds_data=True,
    ),
    "core/Secret": ResourceType(
        replaces="type",
        replaces_immutable="data stringData",
        in_place="data stringData immutable",
        loses="its values, unless another copy exists",
        reviewed="the right place for credentials; the roles that may read it are checked",
        secrets="data stringData",
    ),
    "core/Service": ResourceType(replaces="spec.clusterIP", in_place=EVERYTHING),
    "core/ServiceAccount": ResourceType(in_place=EVERYTHING),
    "helm.sh/Release": ResourceType(
        identity="name namespace", replaces="name namespace", in_place="values version atomic timeout skipAwait"
    ),
    "monitoring.coreos.com/PrometheusRule": ResourceType(reviewed="contains only alert and recording rules, which promtool checks"),
    "networking.k8s.io/Ingress": ResourceType(in_place=EVERYTHING),
    "networking.k8s.io/NetworkPolicy": ResourceType(in_place=EVERYTHING),
    "policy/PodDisruptionBudget": ResourceType(in_place=EVERYTHING),
    "rbac.authorization.k8s.io/ClusterRole": ResourceType(in_place=EVERYTHING),
    "rbac.authorization.k8s.io/ClusterRoleBinding": ResourceType(replaces="roleRef", in_place=EVERYTHING),
    "rbac.authorization.k8s.io/Role": ResourceType(in_place=EVERYTHING),
    "rbac.authorization.k8s.io/RoleBinding": ResourceType(replaces="roleRef", in_place=EVERYTHING),
    "scheduling.k8s.io/PriorityClass": ResourceType(
        replaces="value preemptionPolicy",
        in_place="description globalDefault",
        reviewed="only decides which pods are scheduled first",
    ),
    "storage.k8s.io/StorageClass": ResourceType(
        replaces="parameters provisioner reclaimPolicy volumeBindingMode", in_place="allowVolumeExpansion mountOptions"
    ),
}
"""The data of ConfigMaps and Secrets changes in place because the program sets the provider's options
``enable_config_map_mutable`` and ``enable_secret_mutable``.
"""
