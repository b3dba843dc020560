"""Who may do what, and how they prove who they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, cast

from policies import credentials, iam
from policies.limits import Limits
from policies.rule import Pack, Problem, at
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
    EXCLUSIVE_ATTACHMENTS,
    GROUP_ATTACHMENT,
    GROUP_POLICY,
    GROUP_POLICY_ATTACHMENT,
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
    TOPIC_POLICY,
    USER_ATTACHMENT,
    USER_POLICY,
)

PACK = Pack("identity")

STATIC = (
    "aws:iam/accessKey:AccessKey",
    "aws:iam/user:User",
    "aws:iam/userLoginProfile:UserLoginProfile",
    "aws:iam/serviceSpecificCredential:ServiceSpecificCredential",
)

ADMIN_POLICIES = ("AdministratorAccess*", "PowerUserAccess", "*FullAccess", "SystemAdministrator", "*Administrator")
"""Names of AWS' own policies that give more than a role of this platform needs."""

IRSA_ANNOTATION = "eks.amazonaws.com/role-arn"


@PACK.stack(
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
def no_wildcard_admin(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Neither every action of a service on everything, nor all but some; a boundary, which nobody is given, allows nothing."""
    del limits
    if view.resource.type == POLICY and not _given_to_anyone(view, index):
        return
    for holder, path in documents_of(view):
        for statement in iam.statements(holder, path):
            if statement.allows:
                yield from _too_wide(statement)


def documents_of(view: View) -> list[tuple[View, str]]:
    """Where a resource holds policy documents."""
    if view.resource.type == ROLE:
        return [(inline, "policy") for inline in view.views("inlinePolicies")]
    return [(view, "policy")]


ATTACHMENTS = (ATTACHMENT, GROUP_ATTACHMENT, USER_ATTACHMENT, GROUP_POLICY_ATTACHMENT)


def _given_to_anyone(view: View, index: ResourceIndex) -> bool:
    """Whether a policy is attached, in any of IAM's ways. One that is not, such as a boundary, gives nothing to anyone.

    Attached by its ARN in another stack it would be seen there: that rule refuses policies that are not declared beside it.
    """
    attached = [*index.users(view, "policyArn", *ATTACHMENTS), *index.users(view, "policyArns", EXCLUSIVE_ATTACHMENTS)]
    return bool(attached or index.users(view, "managedPolicyArns", ROLE))


def _too_wide(statement: iam.Statement) -> Iterator[Problem]:
    holder, path = statement.holder, statement.path
    if statement.not_actions:
        yield at(holder, path, "allows all actions but those of NotAction", "list the actions that are needed in Action")
    if statement.not_resources:
        yield at(holder, path, "allows all resources but those of NotResource", "list the resources in Resource")
    for action in iam.many_services(statement):
        scope = "everything" if iam.everything(statement, "*") else "some resources"
        yield at(holder, path, f"allows {action} on {scope}", "list the actions and the resources that are needed")
    for service in iam.whole_services(statement):
        if service == "*":
            continue
        if iam.everything(statement, service):
            action = next(each for each in statement.actions if each.startswith(f"{service}:"))
            yield at(holder, path, f"allows {action} on everything", "list the actions and the resources that are needed")
        elif service in iam.POWERFUL:
            fix = "list the actions that are needed"
            yield at(holder, path, f"allows every action of {service}, which gives whoever has it all others", fix)


@PACK.stack(
    "identity-no-admin-policies",
    ATTACHMENT,
    GROUP_ATTACHMENT,
    USER_ATTACHMENT,
    GROUP_POLICY_ATTACHMENT,
    EXCLUSIVE_ATTACHMENTS,
    ROLE,
    title="No role has one of AWS' policies for administrators",
    why="They grow with every new service of AWS, and with them what an attacker gets.",
    fix="Attach a policy with the actions that are needed.",
    severity="critical",
    frameworks=("CIS AWS 1.16",),
    deferred=frozenset({"policyArn", "policyArns", "managedPolicyArns"}),
)
def no_admin_policies(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Attached in any of IAM's ways, or given with the role; nor a policy of the account that no rule has seen."""
    del limits
    key = {ROLE: "managedPolicyArns", EXCLUSIVE_ATTACHMENTS: "policyArns"}.get(view.resource.type, "policyArn")
    arns = [view.text(key)] if key == "policyArn" else view.texts(key)
    for arn in arns:
        name = arn.rpartition("/")[2]
        if arn.startswith("arn:aws") and ":aws:policy/" in arn and any(fnmatchcase(name, each) for each in ADMIN_POLICIES):
            yield at(view, key, f"gives {name}", "attach a policy with the actions that are needed")
        elif re.match(r"arn:[\w-]+:iam::\d{12}:policy/", arn) and not index.sources(view, key, POLICY):
            yield at(view, key, f"gives {name}, which is not declared here", "declare the policy beside the role")


WIDENING = (
    *("iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
    *("iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary", "iam:UpdateAssumeRolePolicy"),
)
"""Actions on a role by which it gets more than it was given.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""
WIDENING_POLICIES = ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion")
"""The same, on a policy that is attached to it, or its boundary."""
OTHER_IDENTITIES = (
    *("iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile", "iam:AttachUserPolicy", "iam:PutUserPolicy"),
)
"""Actions that make of any user one who may do what the role may not."""


@PACK.stack(
    "identity-no-self-widening",
    ROLE,
    title="No role can give itself more than it has",
    why="Whoever gets such a role once has the account, whatever its policies say today.",
    fix="Name other roles in the statement, deny the action on the role itself, or require a boundary by a condition.",
    severity="critical",
    frameworks=("AWS IAM: Permissions boundaries for IAM entities",),
    deferred=frozenset({"policy", "inlinePolicies", "permissionsBoundary"}),
)
def no_self_widening(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Neither by its own policies, inline and attached, nor by what its boundary lets through."""
    del limits
    given, own = _policies_of(view, index)
    boundary = index.sources(view, "permissionsBoundary", POLICY) if view.has_or_depends("permissionsBoundary") else []
    limit = [each for policy in boundary for each in iam.statements(policy, "policy")] if boundary else None
    name = view.text("name") if isinstance(view.resource.inputs.get("name"), str) else view.resource.name
    role = f"arn:aws:iam::*:role{view.text('path', '/')}{name}"
    probes = [(action, role) for action in WIDENING]
    probes += [(action, f"arn:aws:iam::*:policy/{policy}") for action in WIDENING_POLICIES for policy in own]
    probes += [(action, "arn:aws:iam::*:user/zq-xw9") for action in OTHER_IDENTITIES]
    probes += [("iam:PassRole", "arn:aws:iam::*:role/zq-xw9")]
    for action, arn in probes:
        found = iam.allowed(action, arn, given, limit)
        if found is not None:
            fix = f"name other roles, or deny {action} on {arn.rpartition(':')[2]}"
            what = "on any role" if action == "iam:PassRole" else f"on {arn.rpartition(':')[2]}"
            yield at(view, "", f"may {action} {what}, by {found.holder.resource.name}", fix)


def _policies_of(role: View, index: ResourceIndex) -> tuple[list[iam.Statement], list[str]]:
    """What a role is given, by inline and attached policies, and the names of the latter."""
    holders = [*documents_of(role), *((each, "policy") for each in index.users(role, "role", ROLE_POLICY))]
    attachments = [*index.users(role, "role", ATTACHMENT), *index.users(role, "roles", GROUP_ATTACHMENT)]
    attached = [policy for each in attachments for policy in index.sources(each, "policyArn", POLICY)]
    for each in [
        *((each, "policyArns") for each in index.users(role, "roleName", EXCLUSIVE_ATTACHMENTS)),
        (role, "managedPolicyArns"),
    ]:
        attached += _listed(*each, index)
    holders += [(policy, "policy") for policy in attached]
    given = [each for holder, path in holders for each in iam.statements(holder, path)]
    return given, [policy.resource.name for policy in attached]


def _listed(holder: View, path: str, index: ResourceIndex) -> list[View]:
    return index.sources(holder, path, POLICY) if holder.has_or_depends(path) else []


DOCUMENTS = {ROLE: "assumeRolePolicy"}


@PACK.resource(
    "identity-no-public-principal",
    ROLE,
    BUCKET_POLICY,
    KEY,
    TOPIC_POLICY,
    title="No role, bucket, key or topic is everyone's",
    why="A principal of * is anyone with an AWS account, and a condition that does not say who calls changes nothing about that.",
    fix="Name the accounts, roles or services in `Principal`, or add a condition on who calls.",
    severity="critical",
    frameworks=("AWS Security Hub S3.2", "AWS Security Hub KMS.5"),
    deferred=frozenset({"policy", "assumeRolePolicy"}),
)
def no_public_principal(view: View, limits: Limits) -> Iterator[Problem]:
    """Only a condition on the caller's account, organisation, network or ARN narrows it."""
    del limits
    path = DOCUMENTS.get(view.resource.type, "policy")
    for statement in iam.statements(view, path):
        if iam.public(statement):
            yield at(view, path, "lets everyone in", "name the accounts, roles or services in Principal")


@PACK.resource(
    "identity-trusted-tokens",
    ROLE,
    title="A role that trusts an OIDC issuer names whose tokens it takes",
    why="GitHub issues tokens to every repository of the world: without a subject each of them may take the role.",
    fix="Add a condition `StringEquals` on the issuer's `sub` with the repository and environment.",
    severity="critical",
    frameworks=("GitHub: Configuring OpenID Connect in Amazon Web Services",),
    deferred=frozenset({"assumeRolePolicy"}),
)
def trusted_tokens(view: View, limits: Limits) -> Iterator[Problem]:
    """By the subject of the token."""
    del limits
    for statement in iam.statements(view, "assumeRolePolicy"):
        if why := iam.lets_in_any_token(statement):
            yield at(view, "assumeRolePolicy", why, "add a condition StringEquals on the issuer's sub")


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
    """No wildcard, no way to another's identity, no secrets of a whole cluster, no binding to cluster-admin or to everyone."""
    del limits
    if view.resource.type in (ROLE_BINDING, CLUSTER_ROLE_BINDING):
        if view.text("roleRef.name") in ("cluster-admin", "admin", "edit"):
            yield at(view, "roleRef.name", f"binds {view.text('roleRef.name')}", "bind a role with what is needed")
        for subject in view.views("subjects"):
            if subject.text("name") in EVERYONE:
                yield at(subject, "name", f"{subject.text('name')} is everyone who reaches the API", "name an account or a group")
        return
    if view.has("aggregationRule"):
        yield at(view, "aggregationRule", "it takes over every role with a label", "list the rules")
    for rule in view.views("rules"):
        yield from _rule_of_role(rule, cluster=view.resource.type == CLUSTER_ROLE)


EVERYONE = ("system:anonymous", "system:unauthenticated", "system:authenticated", "system:serviceaccounts")
INSIDE = ("pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "nodes/proxy", "services/proxy", "pods/ephemeralcontainers")
"""Subresources that lead into a process, or past the API server to the kubelet."""
TOKENS = "serviceaccounts/token"
HOOKS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
WRITE = frozenset({"create", "update", "patch", "*"})


def _rule_of_role(rule: View, *, cluster: bool) -> Iterator[Problem]:
    verbs, resources = set(rule.texts("verbs")), rule.texts("resources")
    for key in ("verbs", "resources", "apiGroups"):
        if "*" in rule.texts(key):
            yield at(rule, key, f"{key} are *", f"list the {key} that are needed")
    for verb in {"escalate", "bind", "impersonate"} & verbs:
        yield at(rule, "verbs", f"{verb} lets its holder become anyone", f"drop {verb}")
    named = bool(rule.get("resourceNames"))  # which ones may be unknown
    if "secrets" in resources and not named and {"get", "list", "watch"} & verbs:
        yield at(rule, "resources", "reads every secret", "name the secrets in resourceNames, or drop them")
    for resource in resources:
        base, _, sub = resource.partition("/")
        if resource in INSIDE or (base == "*" and sub):
            yield at(rule, "resources", f"{resource} leads into other processes", f"drop {resource}")
        elif resource in (TOKENS, *HOOKS) and WRITE & verbs and not named:
            yield at(rule, "resources", f"who may write {resource} can act as others", f"drop {resource}")
        elif resource == "pods" and cluster and WRITE & verbs:
            yield at(rule, "resources", "who may make pods anywhere can use any account", "use a Role in one namespace")


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
        for kind in credentials.kinds_in(text):
            where = ".".join(map(str, path))
            yield Problem(
                where, f"holds a credential: {kind}", "set it as a secret of the stack, and mount it or use a secretKeyRef"
            )


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
