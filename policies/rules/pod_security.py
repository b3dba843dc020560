"""All rules of the ``restricted`` Pod Security Standard, and stricter requirements of other security checkers.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.rules._kinds import POD_OWNERS, containers, exempt, namespace_of, pod_of
from policies.views import View
from program.types import NAMESPACE

PACK = Pack("workload")

ENFORCE = "pod-security.kubernetes.io/enforce"

HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")
VOLUME_TYPES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
SAFE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
PROBES_AND_HOOKS = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop")


@PACK.rule(
    "workload-namespace-restricted",
    NAMESPACE,
    title="Every namespace admits only pods of the Pod Security level restricted",
    why="The rules check only the pods that the program declares. The label of the namespace also applies to other pods.",
    fix="Set the label `pod-security.kubernetes.io/enforce` to restricted.",
    severity="high",
    frameworks=("PSS restricted", "CIS EKS 4.2.1"),
    parameters=("host_access",),
)
def namespace_restricted(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem unless the namespace enforces ``restricted``; the namespaces in ``host_access`` are exempt."""
    if exempt(view, limits.host_access):
        return
    level = view.map("metadata.labels").get(ENFORCE)
    if level != "restricted":
        yield at(view, "metadata.labels", f"{ENFORCE} is {level or 'not set'}", f"set the label {ENFORCE} to restricted")


@PACK.rule(
    "workload-host-isolated",
    *POD_OWNERS,
    title="No pod has access to its host",
    why="Host namespaces, paths and ports give access to every other pod of the node.",
    fix="Remove the host namespaces, paths and ports; use Services, claims and emptyDirs.",
    severity="critical",
    frameworks=("PSS baseline: host namespaces, hostPath volumes, host ports, HostProcess, host probes", "CIS EKS 4.2.2-4.2.4"),
    deferred=frozenset({"metadata.namespace"}),
    parameters=("host_access",),
)
def host_isolated(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if a pod uses a namespace, path or port of the host, or if a probe or hook calls another host.

    A pod whose name and namespace are both in ``host_access`` may use the network, processes and ports of the host, and read the
    host's files.
    """
    pod = pod_of(view)
    spec = pod.view("spec")
    if exempt(view, limits.host_access) and namespace_of(view) in limits.host_access:
        yield from _exempt_pod(pod)
        return
    for key in HOST_NAMESPACES:
        if spec.flag(key):
            yield at(spec, key, "the pod shares this namespace with its host", f"set {key} to false")
    for volume in spec.views("volumes"):
        if volume.has("hostPath"):
            yield at(volume, "hostPath", "a folder of the host is mounted", "use a claim, an emptyDir or a ConfigMap")
    for container in containers(pod):
        for port in container.views("ports"):
            if port.number("hostPort"):
                yield at(port, "hostPort", "a port of the host is used", "use a Service")
        for probe in PROBES_AND_HOOKS:
            for kind in ("httpGet", "tcpSocket"):
                if container.text(f"{probe}.{kind}.host"):
                    path = f"{probe}.{kind}.host"
                    yield at(container, path, "the kubelet would call another host", "remove host")
    for holder in (spec, *containers(pod)):
        if holder.flag("securityContext.windowsOptions.hostProcess"):
            yield at(
                holder, "securityContext.windowsOptions.hostProcess", "the container is a process of the host", "set it to false"
            )


def _exempt_pod(pod: View) -> Iterator[Problem]:
    """Yield a problem if an exempt pod shares the host's memory (``hostIPC``), or can change the host's files."""
    if pod.flag("spec.hostIPC"):
        yield at(pod, "spec.hostIPC", "the pod shares its host's memory", "set hostIPC to false")
    folders = {volume.text("name") for volume in pod.views("spec.volumes") if volume.has("hostPath")}
    for container in containers(pod):
        for mount in container.views("volumeMounts"):
            if mount.text("name") in folders and not mount.flag("readOnly"):
                yield at(mount, "readOnly", "the pod can change the host's files", "set readOnly to true")


@PACK.rule(
    "workload-volume-types",
    *POD_OWNERS,
    title="Pods mount only volumes of the allowed kinds",
    why="Volumes of other kinds give access to the host, or to storage that the cluster does not control.",
    fix="Use a claim, an emptyDir, a ConfigMap or a Secret.",
    severity="high",
    frameworks=("PSS restricted: volume types",),
)
def volume_types(view: View) -> Iterator[Problem]:
    """Yield a problem for a volume of a type that the standard does not allow; :func:`host_isolated` checks ``hostPath``."""
    for volume in pod_of(view).views("spec.volumes"):
        for kind in sorted({key for key, _ in volume.items()} - VOLUME_TYPES - {"name", "hostPath"}):
            yield at(volume, kind, f"{kind} is not an allowed kind of volume", f"use one of {', '.join(sorted(VOLUME_TYPES))}")


@PACK.rule(
    "workload-unprivileged",
    *POD_OWNERS,
    title="No container has or gains privileges",
    why="A privileged process in a container is root on the node.",
    fix="Use `container_security` in `components/workload/pods.py`.",
    severity="critical",
    frameworks=(
        "PSS restricted: privileged, capabilities, privilege escalation, procMount, sysctls, AppArmor, SELinux",
        "CIS EKS 4.2.1, 4.2.5",
    ),
)
def unprivileged(view: View) -> Iterator[Problem]:
    """Yield a problem if a container has or can gain privileges or capabilities, or disables a protection of the kernel."""
    pod = pod_of(view)
    for container in containers(pod):
        context = container.view("securityContext")
        if context.flag("privileged"):
            yield at(context, "privileged", "the container is privileged", "set privileged to false")
        if context.flag("allowPrivilegeEscalation", default=True):
            yield at(
                context, "allowPrivilegeEscalation", "the container may gain privileges", "set allowPrivilegeEscalation to false"
            )
        if "ALL" not in context.texts("capabilities.drop"):
            yield at(context, "capabilities.drop", "capabilities are not dropped", "set capabilities.drop to [ALL]")
        for capability in set(context.texts("capabilities.add")) - {"NET_BIND_SERVICE"}:
            yield at(context, "capabilities.add", f"{capability} is added", f"remove {capability} from capabilities.add")
        if context.text("procMount", "Default") != "Default":
            yield at(context, "procMount", "/proc is not masked", "set procMount to Default")
    for holder in (pod.view("spec"), *containers(pod)):
        yield from _kernel(holder.view("securityContext"))
    for sysctl in pod.views("spec.securityContext.sysctls"):
        if sysctl.text("name") not in SAFE_SYSCTLS:
            yield at(sysctl, "name", f"{sysctl.text('name')} changes the node's kernel", "remove it")


def _kernel(context: View) -> Iterator[Problem]:
    if context.text("appArmorProfile.type") == "Unconfined":
        yield at(context, "appArmorProfile.type", "AppArmor is disabled", "set it to RuntimeDefault")
    if context.text("seLinuxOptions.type") not in SELINUX_TYPES:
        yield at(context, "seLinuxOptions.type", "the SELinux type is not a container's", "remove it")
    for key in ("seLinuxOptions.user", "seLinuxOptions.role"):
        if context.text(key):
            yield at(context, key, "the SELinux identity is changed", "remove it")


@PACK.rule(
    "workload-not-root",
    *POD_OWNERS,
    title="No container runs as root, or as an account of the host",
    why="A process that escapes from the container has the same user id on the node.",
    fix="Set `runAsNonRoot` to true and `runAsUser` to 1001.",
    severity="high",
    frameworks=("PSS restricted: running as non-root", "CIS EKS 4.2.6"),
    parameters=("minimum_user_id",),
)
def not_root(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem unless the container or its pod sets ``runAsNonRoot`` and a sufficiently high user id."""
    pod = pod_of(view)
    shared = pod.view("spec.securityContext")
    for container in containers(pod):
        own = container.view("securityContext")
        if not own.flag("runAsNonRoot", default=shared.flag("runAsNonRoot")):
            yield at(own, "runAsNonRoot", "the container may run as root", "set runAsNonRoot to true")
        user = own.number("runAsUser")
        user = shared.number("runAsUser") if user is None else user
        if user is None or user < limits.minimum_user_id:
            found = "the image decides which user runs" if user is None else f"user {user} is an account of the host"
            yield at(own, "runAsUser", found, f"set runAsUser to {limits.minimum_user_id} or more, such as 1001")


@PACK.rule(
    "workload-seccomp",
    *POD_OWNERS,
    title="Every container's system calls are filtered",
    why="Most escapes from a container use a system call that no service needs.",
    fix="Set `seccompProfile.type` of the pod to RuntimeDefault.",
    severity="high",
    frameworks=("PSS restricted: seccomp", "CIS EKS 4.6.2"),
)
def seccomp(view: View) -> Iterator[Problem]:
    """Yield a problem unless the container or its pod sets the seccomp profile RuntimeDefault or Localhost."""
    pod = pod_of(view)
    shared = pod.text("spec.securityContext.seccompProfile.type")
    for container in containers(pod):
        profile = container.text("securityContext.seccompProfile.type") or shared
        if profile not in ("RuntimeDefault", "Localhost"):
            path = "securityContext.seccompProfile.type"
            yield at(container, path, f"seccomp is {profile or 'not set'}", f"set {path} to RuntimeDefault")


@PACK.rule(
    "workload-read-only-root",
    *POD_OWNERS,
    title="No container can change the files of its image",
    why="An attacker cannot install a program in a read-only container.",
    fix="Set `readOnlyRootFilesystem` to true, and mount an emptyDir where the program writes.",
    severity="medium",
    frameworks=("NSA Kubernetes Hardening", "AWS Security Hub ECS.5"),
)
def read_only_root(view: View) -> Iterator[Problem]:
    """Yield a problem if a container can write to its root file system."""
    for container in containers(pod_of(view)):
        if not container.flag("securityContext.readOnlyRootFilesystem"):
            path = "securityContext.readOnlyRootFilesystem"
            yield at(
                container, path, "the container can change its files", f"set {path} to true, and mount an emptyDir to write to"
            )
