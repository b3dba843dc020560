"""Who may do what, and how they prove who they are."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, cast

from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.rules.documents import as_list, principals, statements
from policies.rules.kinds import POD_OWNERS, namespace_of, pod_of
from policies.views import ResourceIndex, View
from program.protocol import UNKNOWNS
from program.types import (
    ACCESS_ENTRY,
    ADDON,
    ATTACHMENT,
    AWS_PROVIDER,
    BUCKET_POLICY,
    CLUSTER,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    GROUP_ATTACHMENT,
    GROUP_POLICY,
    INSTANCE,
    KEY,
    KUBERNETES_ROLE,
    LAUNCH_TEMPLATE,
    POLICY,
    ROLE,
    ROLE_BINDING,
    ROLE_POLICY,
    SECRET,
    SERVICE_ACCOUNT,
    USER_POLICY,
)

PACK = Pack("identity")

STATIC = (
    "aws:iam/accessKey:AccessKey",
    "aws:iam/user:User",
    "aws:iam/userLoginProfile:UserLoginProfile",
    "aws:iam/serviceSpecificCredential:ServiceSpecificCredential",
)

ADMIN_POLICIES = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess", "*FullAccess")
"""Names of AWS' own policies that give more than a role of this platform needs."""

IRSA_ANNOTATION = "eks.amazonaws.com/role-arn"

CREDENTIALS = {
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{22,}\b"),
    "a Slack token or webhook": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/\w+"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "a password in a URL": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:(?!\$)[^\s/@\"'$]+@"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
}
"""Shapes that only credentials have."""

LONGEST_DECODED = 64 * 1024
"""Characters of a base64 text that is looked into."""


@PACK.resource(
    "identity-no-wildcard-admin",
    POLICY,
    ROLE_POLICY,
    USER_POLICY,
    GROUP_POLICY,
    ROLE,
    title="No policy allows everything",
    why="Whoever takes over a process with such a role owns the account.",
    fix="List the actions and resources that are needed.",
    severity="critical",
    frameworks=("CIS AWS 1.16", "AWS Security Hub IAM.1"),
    deferred=frozenset({"policy", "inlinePolicies"}),
)
def no_wildcard_admin(view: View, limits: Limits) -> Iterator[Problem]:
    """Neither every action, nor every action of a service on everything, nor all but some."""
    del limits
    holders = [(view, "policy")]
    if view.resource.type == ROLE:
        holders = [(inline, "policy") for inline in view.views("inlinePolicies")]
    for holder, path in holders:
        for statement in statements(holder, path):
            if statement.text("Effect") == "Allow":
                yield from _too_wide(holder, path, statement)


def _too_wide(holder: View, path: str, statement: View) -> Iterator[Problem]:
    if statement.has("NotAction"):
        yield at(holder, path, "allows all actions but those of NotAction", "list the actions that are needed in Action")
    if statement.has("NotResource"):
        yield at(holder, path, "allows all resources but those of NotResource", "list the resources in Resource")
    everything = any(re.fullmatch(r"\*+", resource) for resource in as_list(statement, "Resource"))
    for action in as_list(statement, "Action"):
        service, _, verb = action.partition(":")
        wildcard = "*" in service or verb == "" or re.fullmatch(r"\*+", verb) is not None
        if "*" in service or (wildcard and everything):
            scope = "everything" if everything else "some resources"
            yield at(holder, path, f"allows {action} on {scope}", "list the actions and the resources that are needed")


@PACK.resource(
    "identity-no-admin-policies",
    ATTACHMENT,
    GROUP_ATTACHMENT,
    ROLE,
    title="No role has one of AWS' policies for administrators",
    why="They grow with every new service of AWS, and with them what an attacker gets.",
    fix="Attach a policy with the actions that are needed.",
    severity="critical",
    frameworks=("CIS AWS 1.16",),
    deferred=frozenset({"policyArn", "managedPolicyArns"}),
)
def no_admin_policies(view: View, limits: Limits) -> Iterator[Problem]:
    """Attached, or given with the role."""
    del limits
    key = "managedPolicyArns" if view.resource.type == ROLE else "policyArn"
    arns = view.texts(key) if view.resource.type == ROLE else [view.text(key)]
    for arn in arns:
        name = arn.rpartition("/")[2]
        if arn.startswith("arn:aws") and ":aws:policy/" in arn and any(fnmatchcase(name, each) for each in ADMIN_POLICIES):
            yield at(view, key, f"gives {name}", "attach a policy with the actions that are needed")


@PACK.resource(
    "identity-no-public-principal",
    ROLE,
    BUCKET_POLICY,
    KEY,
    title="No role, bucket or key is everyone's",
    why="A principal of * is anyone with an AWS account.",
    fix="Name the accounts, roles or services in `Principal`, or add a condition.",
    severity="critical",
    frameworks=("AWS Security Hub S3.2", "AWS Security Hub KMS.5"),
    deferred=frozenset({"policy", "assumeRolePolicy"}),
)
def no_public_principal(view: View, limits: Limits) -> Iterator[Problem]:
    """A condition narrows it; without one it stands for everyone."""
    del limits
    path = "assumeRolePolicy" if view.resource.type == ROLE else "policy"
    for statement in statements(view, path):
        public = "*" in principals(statement) or statement.has("NotPrincipal")
        if statement.text("Effect") == "Allow" and public and not list(statement.view("Condition").items()):
            yield at(view, path, "lets everyone in", "name the accounts, roles or services in Principal")


@PACK.resource(
    "identity-no-static-keys",
    *STATIC,
    AWS_PROVIDER,
    title="Nobody has keys that never expire",
    why="Such keys leak, and work for years afterwards.",
    fix="Use a role: OIDC for pipelines, Pod Identity for pods, single sign-on for people.",
    severity="critical",
    frameworks=("CIS AWS 1.13", "AWS Security Hub IAM.3"),
    deferred=frozenset({"accessKey", "secretKey"}),
)
def no_static_keys(view: View, limits: Limits) -> Iterator[Problem]:
    """Neither users and their keys, nor a provider that is given some."""
    del limits
    if view.resource.type in STATIC:
        yield at(view, "", f"{view.resource.type.rpartition(':')[2]} is a static credential", "use a role: OIDC, Pod Identity, SSO")
        return
    for key in ("accessKey", "secretKey"):
        if view.text(key):
            yield at(view, key, "the provider is given a static key", "let the environment assume a role")


@PACK.resource(
    "identity-metadata-service",
    LAUNCH_TEMPLATE,
    INSTANCE,
    title="Machines answer metadata requests with a token, to their own processes only",
    why="A pod, or a request that a service was tricked into, would otherwise get the machine's role.",
    fix="Set `metadataOptions.httpTokens` to required and `httpPutResponseHopLimit` to 1.",
    severity="high",
    frameworks=("AWS Security Hub EC2.8", "EKS best practices: restrict the instance profile", "CIS AWS 5.6"),
)
def metadata_service(view: View, limits: Limits) -> Iterator[Problem]:
    """IMDSv2 with a hop limit of 1."""
    del limits
    if view.text("metadataOptions.httpEndpoint", "enabled") == "disabled":
        return
    if view.text("metadataOptions.httpTokens") != "required":
        path = "metadataOptions.httpTokens"
        yield at(view, path, "metadata is given without a token", f"set {path} to required")
    hops = view.number("metadataOptions.httpPutResponseHopLimit")
    if hops != 1:
        path = "metadataOptions.httpPutResponseHopLimit"
        yield at(view, path, f"the hop limit is {hops if hops else 'the image default'}", f"set {path} to 1")


@PACK.resource(
    "identity-access-entries",
    CLUSTER,
    title="The cluster is entered by access entries only",
    why="The aws-auth map is edited by whoever is in the cluster; the creator's hidden entry is whoever's ran the first `up`.",
    fix="Set `accessConfig.authenticationMode` to API and give the creator no access.",
    severity="high",
    frameworks=("EKS best practices: use access entries",),
)
def access_entries(view: View, limits: Limits) -> Iterator[Problem]:
    """Authentication mode API, no access for the creator."""
    del limits
    if view.text("accessConfig.authenticationMode") != "API":
        path = "accessConfig.authenticationMode"
        yield at(view, path, f"the mode is {view.text(path) or 'not set'}", f"set {path} to API")
    if view.flag("accessConfig.bootstrapClusterCreatorAdminPermissions", default=True):
        path = "accessConfig.bootstrapClusterCreatorAdminPermissions"
        yield at(view, path, "whoever creates the cluster administers it", f"set {path} to false")


@PACK.stack(
    "identity-cluster-entered",
    CLUSTER,
    title="Somebody may enter the cluster",
    why="Without an entry nobody can, the program included.",
    fix="Set `cluster.adminRoleArns` or `cluster.ciRoleArn` in the stack file.",
    severity="medium",
    levels={"local": "disabled"},
)
def cluster_entered(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """By at least one explicit entry."""
    del limits
    if not index.users(view, "clusterName", ACCESS_ENTRY):
        yield at(view, "", "the cluster has no access entry", f"add a {ACCESS_ENTRY} for the roles that administer and deploy")


@PACK.resource(
    "identity-pod-identity",
    SERVICE_ACCOUNT,
    ADDON,
    title="Pods get AWS permissions by Pod Identity",
    why="One way is one place to look: roles for service accounts by OIDC are spread over trust policies and annotations.",
    fix="Use `pod_role` in `components/aws/pod_identity.py`.",
    severity="medium",
    frameworks=("EKS best practices: Pod Identity",),
)
def pod_identity(view: View, limits: Limits) -> Iterator[Problem]:
    """Neither by annotation nor by an add-on's role."""
    del limits
    if view.resource.type == ADDON:
        if view.text("serviceAccountRoleArn"):
            fix = "use podIdentityAssociations, or a PodIdentityAssociation"
            yield at(view, "serviceAccountRoleArn", "the add-on gets its role by OIDC", fix)
    elif IRSA_ANNOTATION in view.map("metadata.annotations"):
        yield at(view, "metadata.annotations", f"{IRSA_ANNOTATION} gives a role by OIDC", "add a PodIdentityAssociation")


@PACK.stack(
    "identity-token-unmounted",
    *POD_OWNERS,
    title="Only pods that call the Kubernetes API hold a token for it",
    why="A token is of use to whoever breaks into the pod.",
    fix="Set `automountServiceAccountToken` of the pod to false.",
    severity="medium",
    frameworks=("CIS EKS 4.1.6", "NSA Kubernetes Hardening"),
)
def token_unmounted(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Mounted only where the pod's service account is bound to a role."""
    del limits
    spec = pod_of(view).view("spec")
    if spec.flag("automountServiceAccountToken", default=True):
        account = (namespace_of(view), spec.text("serviceAccountName", "default"))
        bound = {
            (subject.text("namespace") or namespace_of(binding), subject.text("name"))
            for binding in index.of(ROLE_BINDING, CLUSTER_ROLE_BINDING)
            for subject in binding.views("subjects")
        }
        if account not in bound:
            path = "automountServiceAccountToken"
            yield at(spec, path, f"the token of {account[1]} is mounted, which no role is bound to", f"set {path} to false")


@PACK.resource(
    "identity-kubernetes-roles",
    KUBERNETES_ROLE,
    CLUSTER_ROLE,
    ROLE_BINDING,
    CLUSTER_ROLE_BINDING,
    title="No Kubernetes role allows everything, or reads every secret",
    why="A role with * grows with every new kind; who can read all secrets is everyone.",
    fix="List the verbs and resources that are needed, and name the secrets.",
    severity="high",
    frameworks=("CIS EKS 4.1.1", "CIS EKS 4.1.2", "CIS EKS 4.1.3"),
    deferred=frozenset({"roleRef.name"}),
)
def kubernetes_roles(view: View, limits: Limits) -> Iterator[Problem]:
    """No wildcard, no escalating verb, no secrets of a whole cluster, no binding to cluster-admin."""
    del limits
    if view.resource.type in (ROLE_BINDING, CLUSTER_ROLE_BINDING):
        if view.text("roleRef.name") in ("cluster-admin", "admin", "edit"):
            yield at(view, "roleRef.name", f"binds {view.text('roleRef.name')}", "bind a role with what is needed")
        return
    for rule in view.views("rules"):
        for key in ("verbs", "resources", "apiGroups"):
            if "*" in rule.texts(key):
                yield at(rule, key, f"{key} are *", f"list the {key} that are needed")
        for verb in {"escalate", "bind", "impersonate"} & set(rule.texts("verbs")):
            yield at(rule, "verbs", f"{verb} lets its holder become anyone", f"drop {verb}")
        named = bool(rule.get("resourceNames"))  # which ones may be unknown
        if "secrets" in rule.texts("resources") and not named and {"get", "list", "watch"} & set(rule.texts("verbs")):
            yield at(rule, "resources", "reads every secret", "name the secrets in resourceNames, or drop them")


@PACK.resource(
    "identity-no-literal-secrets",
    "*",
    title="No credential stands in a property",
    why="Properties are shown in previews, comments and the state; whoever sees one of them has the credential.",
    fix="Set it with `pulumi config set --secret`, and hand it on as a file or by `secretKeyRef`.",
    severity="critical",
    frameworks=("CIS EKS 4.4.1", "guide: Never commit secrets"),
)
def no_literal_secrets(view: View, limits: Limits) -> Iterator[Problem]:
    """Anything that has the shape of a credential, base64 included; Kubernetes Secrets are where credentials belong."""
    del limits
    if view.resource.type == SECRET:
        return
    for path, text in _texts(view.get(), ()):
        for kind, pattern in CREDENTIALS.items():
            if pattern.search(text) or pattern.search(_decoded(text)):
                where = ".".join(map(str, path))
                yield Problem(where, f"holds {kind}", "set it as a secret of the stack, and mount it or use a secretKeyRef")


def _texts(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        if value not in UNKNOWNS:
            yield path, value
    elif isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _texts(item, (*path, index))


def _decoded(text: str) -> str:
    """What a base64 text says, or nothing."""
    if not 16 <= len(text) <= LONGEST_DECODED or re.fullmatch(r"[A-Za-z0-9+/\s]+=*\s*", text) is None:
        return ""
    try:
        return base64.b64decode(text, validate=False).decode(errors="ignore")
    except (binascii.Error, ValueError):
        return ""
