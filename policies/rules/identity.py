"""Rules on identities, credentials and permissions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product

from policies.rule import Pack, Problem, at
from policies.rules._kinds import POD_OWNERS, namespace_of, pod_of
from policies.views import ResourceIndex, View
from program.paths import text
from program.types import (
    ACCESS_ENTRY,
    ADDON,
    AWS_PROVIDER,
    CLUSTER,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    INSTANCE,
    KUBERNETES_ROLE,
    LAUNCH_TEMPLATE,
    NODE_GROUP,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
)

PACK = Pack("identity")

STATIC = (
    "aws:iam/accessKey:AccessKey",
    "aws:iam/user:User",
    "aws:iam/userLoginProfile:UserLoginProfile",
    "aws:iam/serviceSpecificCredential:ServiceSpecificCredential",
)

IRSA_ANNOTATION = "eks.amazonaws.com/role-arn"


@PACK.rule(
    "identity-no-static-keys",
    *STATIC,
    AWS_PROVIDER,
    title="No identity has keys that never expire",
    why="A leaked key that never expires works for years.",
    fix="Use a role: OIDC for pipelines, Pod Identity for pods, single sign-on for people.",
    severity="critical",
    frameworks=("CIS AWS 1.14", "AWS Security Hub IAM.3"),
    deferred=frozenset({"accessKey", "secretKey"}),
)
def no_static_keys(view: View) -> Iterator[Problem]:
    """Yield a problem for an IAM user, for a key or password of a user, and for a provider with static keys."""
    if view.resource.type in STATIC:
        kind = view.resource.type.rpartition(":")[2]
        yield at(view, "", f"{kind} gives credentials that never expire", "use a role: OIDC, Pod Identity, SSO")
        return
    for key in ("accessKey", "secretKey"):
        if view.text(key):
            yield at(view, key, "the provider has a static key", "remove it, and let the process that runs Pulumi assume a role")


@PACK.rule(
    "identity-metadata-service",
    LAUNCH_TEMPLATE,
    INSTANCE,
    NODE_GROUP,
    title="The metadata service requires a token, and responds only to the machine itself",
    why="Otherwise a pod, or an attacker who makes a service send a request (SSRF), gets the machine's role.",
    fix="Set `metadataOptions.httpTokens` to required and `httpPutResponseHopLimit` to 1.",
    severity="high",
    frameworks=("AWS Security Hub EC2.8", "EKS best practices: restrict the instance profile", "CIS AWS 5.6"),
)
def metadata_service(view: View) -> Iterator[Problem]:
    """Yield a problem unless the metadata service is disabled, or requires IMDSv2 with a hop limit of 1.

    A node group needs a launch template, because the template that EKS creates has a hop limit of 2 and an unencrypted disk.
    """
    if view.resource.type == NODE_GROUP:
        if not view.has_or_depends("launchTemplate"):
            yield at(view, "launchTemplate", "the node group has no launch template", "set launchTemplate to a LaunchTemplate")
        return
    if view.text("metadataOptions.httpEndpoint", "enabled") == "disabled":
        return
    if view.text("metadataOptions.httpTokens") != "required":
        path = "metadataOptions.httpTokens"
        yield at(view, path, "metadata is available without a token", f"set {path} to required")
    hops = view.number("metadataOptions.httpPutResponseHopLimit")
    if hops != 1:
        path = "metadataOptions.httpPutResponseHopLimit"
        yield at(view, path, f"the hop limit is {hops if hops else 'the image default'}", f"set {path} to 1")


@PACK.rule(
    "identity-access-entries",
    CLUSTER,
    CONFIG_MAP,
    title="Only access entries give access to the cluster",
    why="Otherwise users of the cluster can give access in the ConfigMap aws-auth, and EKS makes the creator an administrator.",
    fix="Set `accessConfig.authenticationMode` to API and `bootstrapClusterCreatorAdminPermissions` to false.",
    severity="high",
    frameworks=("EKS best practices: use access entries",),
)
def access_entries(view: View) -> Iterator[Problem]:
    """Yield a problem for the ConfigMap aws-auth, and for a cluster with another mode than API or with access for its creator."""
    if view.resource.type == CONFIG_MAP:
        if view.text("metadata.name") == "aws-auth":
            yield at(view, "metadata.name", "the ConfigMap aws-auth gives access", "add an AccessEntry for each role")
        return
    if view.text("accessConfig.authenticationMode") != "API":
        path = "accessConfig.authenticationMode"
        yield at(view, path, f"the mode is {view.text(path) or 'not set'}", f"set {path} to API")
    if view.flag("accessConfig.bootstrapClusterCreatorAdminPermissions", default=True):
        path = "accessConfig.bootstrapClusterCreatorAdminPermissions"
        fix = f"set {path} to false before the cluster is created; a later change replaces the cluster"
        yield at(view, path, "the creator of the cluster becomes its administrator", fix)


@PACK.rule(
    "identity-cluster-entered",
    CLUSTER,
    title="The cluster has an access entry",
    why="Without an access entry no role can use the cluster, not even the role that runs the program.",
    fix="Set `cluster.adminRoleArns` or `cluster.ciRoleArn` in the stack file.",
    severity="medium",
    levels={"local": "disabled"},
)
def cluster_entered(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if the cluster has no explicit access entry."""
    if not index.users(view, "clusterName", ACCESS_ENTRY):
        yield at(view, "", "the cluster has no access entry", f"add a {ACCESS_ENTRY} for the roles that administer and deploy")


@PACK.rule(
    "identity-pod-identity",
    SERVICE_ACCOUNT,
    ADDON,
    title="Pods and add-ons get AWS permissions through Pod Identity",
    why="Pod Identity lists all roles in one place. With OIDC (IRSA), the roles are spread over trust policies and annotations.",
    fix="Use `pod_role` in `components/aws/_pod_identity.py`.",
    severity="medium",
    frameworks=("EKS best practices: Pod Identity",),
)
def pod_identity(view: View) -> Iterator[Problem]:
    """Yield a problem if a service account or an add-on gets its role through OIDC (IRSA), not through Pod Identity."""
    if view.resource.type == ADDON:
        if view.text("serviceAccountRoleArn"):
            fix = "use podIdentityAssociations, or a PodIdentityAssociation"
            yield at(view, "serviceAccountRoleArn", "the add-on gets its role by OIDC", fix)
    elif IRSA_ANNOTATION in view.map("metadata.annotations"):
        yield at(view, "metadata.annotations", f"{IRSA_ANNOTATION} gives a role by OIDC", "add a PodIdentityAssociation")


LONGEST_TOKEN = 24 * 60 * 60
"""The maximum number of seconds for which a token in a volume may be valid."""


@PACK.rule(
    "identity-token-unmounted",
    *POD_OWNERS,
    title="Only pods whose service account is bound to a role have a token for the Kubernetes API",
    why="An attacker in the pod can use the token.",
    fix="Set `automountServiceAccountToken` of the pod to false.",
    severity="medium",
    frameworks=("CIS EKS 4.1.6", "NSA Kubernetes Hardening"),
)
def token_unmounted(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if a pod mounts its account's token (automatically or by a volume), but no role is bound to the account.

    A token in a volume that is valid for more than a day is always a problem. A token with an audience may be mounted, because such
    a token is for another service than the Kubernetes API.
    """
    spec = pod_of(view).view("spec")
    sources = [each for volume in spec.views("volumes") for each in volume.views("projected.sources")]
    for each in sources:
        if (each.number("serviceAccountToken.expirationSeconds") or 0) > LONGEST_TOKEN:
            path = "serviceAccountToken.expirationSeconds"
            yield at(each, path, "the token is valid for more than a day", f"set {path} to {LONGEST_TOKEN} or less")
    by_volume = any(each.has("serviceAccountToken") and not each.text("serviceAccountToken.audience") for each in sources)
    if by_volume or spec.flag("automountServiceAccountToken", default=True):
        account = (namespace_of(view), spec.text("serviceAccountName", "default"))
        bound = {
            (subject.text("namespace") or namespace_of(binding), subject.text("name"))
            for binding in index.of(ROLE_BINDING, CLUSTER_ROLE_BINDING)
            for subject in binding.views("subjects")
        }
        if account not in bound:
            path = "volumes" if by_volume else "automountServiceAccountToken"
            fix = "remove serviceAccountToken from the volume" if by_volume else f"set {path} to false"
            yield at(spec, path, f"the token of {account[1]} is mounted, but no role is bound to the account", fix)


@PACK.rule(
    "identity-kubernetes-roles",
    KUBERNETES_ROLE,
    CLUSTER_ROLE,
    ROLE_BINDING,
    CLUSTER_ROLE_BINDING,
    title="No Kubernetes role allows everything, or reads all Secrets",
    why="A role with `*` allows every kind that is added later. A role that reads all Secrets can act as every service account.",
    fix="List the verbs and resources that are needed, and name the Secrets.",
    severity="high",
    frameworks=("CIS EKS 4.1.1", "CIS EKS 4.1.2", "CIS EKS 4.1.3"),
    deferred=frozenset({"roleRef.name"}),
)
def kubernetes_roles(view: View) -> Iterator[Problem]:
    """Yield a problem for a role or binding that is too wide.

    A role is too wide if it has a wildcard, includes other roles or is included in a role of Kubernetes (aggregation), has one of
    :data:`POWERS`, or has one of the verbs ``escalate``, ``bind`` and ``impersonate``. A binding is too wide if its role is in
    :data:`WIDE_ROLES`, or begins with ``system:`` and is not in :data:`LIMITED_ROLES`. A binding is also too wide if its subject
    begins with an entry of :data:`WIDE_SUBJECTS`, or is the service account ``default``.
    """
    if view.resource.type in (ROLE_BINDING, CLUSTER_ROLE_BINDING):
        bound = view.text("roleRef.name")
        if bound in WIDE_ROLES or (bound.startswith("system:") and bound not in LIMITED_ROLES):
            yield at(view, "roleRef.name", f"binds {bound}", "bind a role with the permissions that are needed")
        for subject in view.views("subjects"):
            if subject.text("name").startswith(WIDE_SUBJECTS):
                yield at(subject, "name", f"{subject.text('name')} is not one account", "name an account or a group")
            elif (subject.text("kind"), subject.text("name")) == ("ServiceAccount", "default"):
                yield at(subject, "name", "every pod without an account of its own uses default", "name the pods' own account")
        return
    if view.resource.type == CLUSTER_ROLE and view.has("aggregationRule"):
        yield at(view, "aggregationRule", "the role also gets the rules of every role with the selected labels", "list the rules")
    for label, value in view.map("metadata.labels").items():
        if label.startswith("rbac.authorization.k8s.io/aggregate-to-") and value.lower() == "true":
            yield at(view, "metadata.labels", f"{label} adds the rules to a role of Kubernetes", "remove the label")
    for rule in view.views("rules"):
        yield from _rule_of_role(rule, cluster=view.resource.type == CLUSTER_ROLE)


WIDE_SUBJECTS = ("system:anonymous", "system:unauthenticated", "system:authenticated", "system:serviceaccounts", "system:masters")
"""Beginnings of the names of subjects that stand for more than one account, and of ``system:masters``, which may do everything."""

WIDE_ROLES = ("cluster-admin", "admin", "edit")
"""Roles of Kubernetes that may not be bound, because they allow almost everything in a namespace or in the cluster."""

LIMITED_ROLES = ("system:auth-delegator", "system:basic-user", "system:discovery", "system:monitoring", "system:public-info-viewer")
"""Roles of Kubernetes that may be bound, because they only check tokens or read data that is not confidential."""

WRITE = frozenset({"create", "update", "patch", "*"})
READ = frozenset({"get", "list", "watch", "*"})
ANY_VERB = frozenset[str]()


@dataclass(frozen=True)
class _Power:
    """Resources with which a subject can get the permissions of others."""

    resources: tuple[str, ...]
    verbs: frozenset[str]
    """The verbs that are enough; empty for any verb."""
    why: str
    cluster: bool = False
    """Whether the access is too wide only in a ClusterRole, which can apply to every namespace."""
    nameable: bool = True
    """Whether access to named objects (``resourceNames``) is narrow enough."""


MAKE_PODS = (
    *(f"{each.rpartition(':')[2].lower()}s" for each in POD_OWNERS),
    *("cronworkflows", "podtemplates", "replicationcontrollers", "rollouts", "workflows"),
)
POWERS = (
    _Power(
        (
            *("pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "pods/ephemeralcontainers"),
            *("nodes/proxy", "services/proxy"),
        ),
        ANY_VERB,
        "gives access to processes of pods",
        nameable=False,
    ),
    _Power(("secrets",), READ, "reads every Secret"),
    _Power(("serviceaccounts/token", "certificatesigningrequests/approval"), WRITE, "allows acting as other accounts"),
    _Power(("signers",), frozenset({"approve", "sign", "*"}), "allows acting as other accounts"),
    _Power(("validatingwebhookconfigurations", "mutatingwebhookconfigurations"), WRITE, "allows reading or changing every request"),
    _Power(("clusterroles", "clusterrolebindings"), WRITE, "allows giving permissions in every namespace"),
    _Power(("roles", "rolebindings"), WRITE, "allows giving permissions in every namespace", cluster=True),
    _Power(MAKE_PODS, WRITE, "allows using any account in any namespace", cluster=True),
    _Power(("persistentvolumes",), WRITE, "allows mounting folders of the nodes"),
    _Power(("nodes", "nodes/status"), WRITE, "allows moving pods to a node of the caller's choice", cluster=True),
    _Power(("namespaces",), frozenset({"update", "patch", "*"}), "allows removing the Pod Security level", cluster=True),
)


def _rule_of_role(rule: View, *, cluster: bool) -> Iterator[Problem]:
    verbs, resources = set(rule.texts("verbs")), rule.texts("resources")
    for key in ("verbs", "resources", "apiGroups", "nonResourceURLs"):
        if "*" in rule.texts(key):
            yield at(rule, key, f"{key} are *", f"list the {key} that are needed")
    for verb in {"escalate", "bind", "impersonate"} & verbs:
        yield at(rule, "verbs", f"{verb} allows acting as any account", f"remove {verb}")
    named = bool(rule.get("resourceNames"))  # the names in the list may be unknown
    for resource, power in product(resources, POWERS):
        if (
            any(fnmatchcase(each, resource) for each in power.resources if resource != "*")
            and (not power.verbs or power.verbs & verbs)
            and (cluster or not power.cluster)
            and not (named and power.nameable)
        ):
            fix = f"remove {resource}, or name the objects in resourceNames" if power.nameable else f"remove {resource}"
            yield at(rule, "resources", f"{resource} {power.why}", fix)


@PACK.rule(
    "identity-no-literal-secrets",
    "*",
    title="No property contains a credential",
    why="Everyone who can read a preview, a comment on a pull request or the state can read the properties.",
    fix="Set the value with `pulumi config set --secret`, and pass it as a file or by `secretKeyRef`.",
    severity="critical",
    frameworks=("CIS EKS 4.4.1", "guide: Never commit secrets"),
)
def no_literal_secrets(view: View) -> Iterator[Problem]:
    """Yield a problem for each string in the format of a credential, plain or base64-encoded.

    Inputs that are intended for credentials, such as those of a Kubernetes Secret, are exempt.
    """
    for place in view.credentials:
        if not place.named:
            fix = "set it as a secret of the stack, and mount it or use a secretKeyRef"
            yield Problem(text(place.path), f"contains a credential: {place.what}", fix)
