"""Checks that the program's AWS identity has access to the cluster, before the program creates the first AWS resource."""

from __future__ import annotations

from components.errors import ComponentsError
from components.settings import ClusterSettings


def require_access_entry(caller: str, cluster: ClusterSettings, *, dry_run: bool) -> None:
    """Raise ``ComponentsError`` unless ``caller``, an ARN from STS, has an access entry with sufficient permissions.

    A read-only entry is sufficient for a preview (``dry_run``), but not for an update. Without this check, EKS would reject the
    program's first request to the cluster with status 401. In a first update, the program sends this request only after about 15
    minutes, because it first creates the cluster.
    """
    reading = (cluster.preview_role_arn,) if dry_run and cluster.preview_role_arn else ()
    entries = (*cluster.changing_roles, *reading)
    if _identity(caller) in {_identity(entry) for entry in entries}:
        return
    use = f"use one of these roles: {', '.join(entries)}"
    role = _role_name(caller)
    if cluster.preview_role_arn and _identity(caller) == _identity(cluster.preview_role_arn):
        problem, fix = "may only preview: its access entry to the cluster is read-only", use
    elif role is None:
        problem, fix = "is not a role, and only roles have access entries to the cluster", use
    else:
        problem = "has no access entry to the cluster, so the cluster would reject the program's requests with status 401"
        # The ARN of a session does not contain the role's path, and roles of IAM Identity Center have a path.
        command = f"aws iam get-role --role-name {role} --query Role.Arn --output text"
        fix = f"{use}; or add the role's ARN to cluster.adminRoleArns in the stack file: `{command}` prints the ARN"
    raise ComponentsError(f"the program runs as {caller}, which {problem}\n  fix: {fix}")


def _identity(arn: str) -> tuple[str, str]:
    """The account and the name of a role; for an identity that is not a role, the account and the ARN.

    The ARN of a session contains the role's name without its path, so paths are not compared.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
    """
    _, _, service, _, account, path = arn.split(":", 5)
    kind, _, rest = path.partition("/")
    if service == "sts" and kind == "assumed-role":
        return account, rest.split("/")[0]
    return (account, rest.rpartition("/")[2]) if kind == "role" else (account, arn)


def _role_name(caller: str) -> str | None:
    """The name of the caller's role; ``None`` if the caller is not a role."""
    _, name = _identity(caller)
    return None if name == caller else name
