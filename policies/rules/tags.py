"""Rules on the tags and labels that identify the owner and the budget of a resource."""

from __future__ import annotations

from collections.abc import Iterator

from contract import APP_LABEL, APPLICATION
from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.rules._kinds import POD_OWNERS, pod_of
from policies.views import ResourceIndex, View
from program.types import AWS_PROVIDER, CLAIM, SERVICE

PACK = Pack("tags")


def environment_tag(provider: View) -> str:
    """The value of the tag ``environment`` in a provider's default tags; empty if it is absent."""
    return provider.document("defaultTags").map("tags").get("environment", "")


@PACK.rule(
    "tags-on-everything",
    AWS_PROVIDER,
    title="Every AWS resource has the required tags",
    why="A resource without an owner is never deleted, and is in no budget. `dwcp drift` finds unmanaged resources by their tags.",
    fix="Add the tag to `tags` in `components/settings/groups/environment.py`, or for `account` in `components/providers.py`.",
    severity="medium",
    frameworks=("AWS Well-Architected: COST03-BP02",),
    parameters=("required_tags", "environment"),
)
def tags_on_everything(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if a provider's default tags lack a required tag, or name another environment."""
    tags = view.document("defaultTags").map("tags")
    for tag in limits.required_tags:
        if not tags.get(tag):
            yield at(view, "defaultTags", f"the tag {tag} is missing", f"set defaultTags.tags.{tag}")
    tagged = environment_tag(view)
    if tagged not in ("", limits.environment):
        message = f"the tag environment is {tagged}"
        yield at(view, "defaultTags", message, f"set defaultTags.tags.environment to {limits.environment}")


@PACK.rule(
    "tags-by-explicit-provider",
    "*",
    title="Every AWS resource uses a provider that tags it",
    why="Pulumi's default provider uses the credentials of the current user, and sets no tags.",
    fix="Pass the provider of `components/providers.py` through the component.",
    severity="medium",
)
def explicit_provider(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if an AWS resource has no explicit provider, or if its provider has no default tags."""
    if not view.resource.type.startswith("aws:"):
        return
    provider = index.provider(view)
    if provider is None or not list(provider.document("defaultTags").items()):
        yield at(
            view, "", "the resource has no provider with default tags", "pass a provider with defaultTags in the resource's options"
        )


@PACK.rule(
    "tags-application-label",
    *POD_OWNERS,
    SERVICE,
    CLAIM,
    title="Pods, Services and claims have the label of their application",
    why="Policies, metrics, dashboards and runbooks select objects by this label.",
    fix="Add the label `app`.",
    severity="low",
    frameworks=(f"guide: kubectl -l {APP_LABEL}={APPLICATION}",),
)
def application_label(view: View) -> Iterator[Problem]:
    """Yield a problem if an object, or the pod that it creates, does not have the label ``app``."""
    holders = [view, *([pod_of(view)] if view.resource.type in POD_OWNERS else [])]
    for holder in holders:
        if not holder.map("metadata.labels").get(APP_LABEL):
            yield at(holder, "metadata.labels", f"the label {APP_LABEL} is missing", f"add the label {APP_LABEL}")
