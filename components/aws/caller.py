"""Whether the cluster will let in whoever runs the program: known from its caller, before the first resource is made."""

from __future__ import annotations

from components.errors import ComponentsError
from components.settings import ClusterSettings


def refuse_strangers(caller: str, cluster: ClusterSettings, *, dry_run: bool) -> None:
    """Raise ``ComponentsError`` unless the ``caller``, an ARN as STS gives it, has an access entry that is enough.

    Who reads may preview (``dry_run``), not update. EKS would answer the program's first request to the cluster with 401, after
    the quarter of an hour that making the cluster takes.
    """
    reading = (cluster.preview_role_arn,) if dry_run and cluster.preview_role_arn else ()
    entries = (*cluster.changing_roles, *reading)
    if _identity(caller) in {_identity(entry) for entry in entries}:
        return
    use = f"use one of them: {', '.join(entries)}"
    role = _role_arn(caller)
    if caller and cluster.preview_role_arn and _identity(caller) == _identity(cluster.preview_role_arn):
        problem, fix = "may only preview: its entry to the cluster reads", use
    elif role is None:
        problem, fix = "is no role, and only roles have entries to the cluster", use
    else:
        problem = "has no entry to the cluster, which would refuse the program with 401 once it is made"
        fix = f"{use}; or add {role} to cluster.adminRoleArns in the stack file"
    raise ComponentsError(f"the program runs as {caller}, which {problem}\n  fix: {fix}")


def _identity(arn: str) -> tuple[str, str]:
    """Account and name of a role. A session's ARN has the role's name and not its path, so entries are compared without theirs.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
    """
    _, _, service, _, account, path = arn.split(":", 5)
    kind, _, rest = path.partition("/")
    if service == "sts" and kind == "assumed-role":
        return account, rest.split("/")[0]
    return (account, rest.rpartition("/")[2]) if kind == "role" else (account, arn)


def _role_arn(caller: str) -> str | None:
    """The ARN that an entry names, as far as the session shows it: a role's path is not in it."""
    account, name = _identity(caller)
    return None if name == caller else f"arn:aws:iam::{account}:role/{name}"
