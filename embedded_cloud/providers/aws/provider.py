"""The plugin of the embedded aws provider. It implements each operation with the class of the resource's type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.aws import functions
from embedded_cloud.providers.aws import types as types  # this import registers all resource types
from embedded_cloud.providers.aws._values import Properties, unmet
from embedded_cloud.providers.aws.resource import AwsResource
from embedded_cloud.providers.aws.session import Aws, explained, unless_absent
from embedded_cloud.providers.paths import top
from embedded_cloud.providers.plugin import UNKNOWN, Change, Diff, NotReadyError, Plugin, ResourceState, changes_of


class AwsPlugin(Plugin):
    """The embedded aws provider."""

    _aws: Aws | None = None

    def configure(self, inputs: Properties) -> None:
        tags = inputs.get("defaultTags", {})
        tags = json.loads(tags) if isinstance(tags, str) and tags != UNKNOWN else tags
        self._aws = Aws(inputs["region"], tags.get("tags", {}) if isinstance(tags, dict) else {})

    @property
    def aws(self) -> Aws:
        """The configured connection. Raises ``EmbeddedCloudError`` before :meth:`configure`."""
        if self._aws is None:
            raise EmbeddedCloudError(
                "the embedded aws provider is not configured", "give the resource an explicit provider with a region"
            )
        return self._aws

    def check(self, resource: ResourceState, olds: Properties, news: Properties) -> Properties:
        return self._kind(resource).check(resource.name, olds, news)

    def diff(self, resource: ResourceState, old_inputs: Properties, old_state: Properties, news: Properties) -> Diff:
        kind = self._kind(resource)
        self.aws.creations.known(resource.urn, resource.id)
        changes = changes_of(kind.replace_on, old_inputs, news)
        replaced = Change.REPLACE in changes.values()
        return Diff(changes, delete_before_replace=replaced and not kind.can_coexist(resource.name, news))

    def create(self, resource: ResourceState, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        kind = self._kind(resource)
        if preview:
            return "", inputs
        with _explaining(resource):
            self._remove_orphan(kind, resource)
            id = self._make(kind, resource, inputs)
        settled = {key: value for key, value in inputs.items() if key in kind.set_by_create()}
        return id, self._settle(kind, resource, id, settled, settled, inputs)

    def read(self, resource: ResourceState, inputs: Properties, state: Properties) -> tuple[Properties, Properties] | None:
        kind = self._kind(resource)
        self.aws.creations.known(resource.urn, resource.id)
        live = self._describe(kind, resource, resource.id, inputs)
        if live is None:
            return None
        return kind.observed(inputs, state, live), live

    def update(
        self, resource: ResourceState, old_inputs: Properties, old_state: Properties, news: Properties, preview: bool
    ) -> Properties:
        kind = self._kind(resource)
        if preview:
            return {key: value for key, value in {**old_state, **news}.items() if key not in kind.volatile}
        return self._settle(kind, resource, resource.id, old_inputs, old_state, news)

    def delete(self, resource: ResourceState, inputs: Properties, state: Properties) -> None:
        self.aws.creations.known(resource.urn, resource.id)
        with _explaining(resource):
            unless_absent(lambda: self._kind(resource).delete(resource.id, inputs or state))

    def invoke(self, token: str, args: Properties) -> Properties:
        return functions.read(self.aws, token, args)

    def _make(self, kind: AwsResource, resource: ResourceState, inputs: Properties) -> str:
        """Create the resource and return its id. moto records the calls, so that the resource of a killed `up` can be found."""
        creations = self.aws.creations
        creations.begin(resource.urn, inputs)
        with creations.calls(resource.urn):
            id = kind.create(inputs)
        creations.made(resource.urn, id)
        return id

    def _remove_orphan(self, kind: AwsResource, resource: ResourceState) -> None:
        """Delete the resource if a killed `up` has created it and the engine does not know it."""
        creations = self.aws.creations
        if (left := creations.left(resource.urn)) is None:
            return
        with creations.calls(resource.urn):
            # If no provider has recorded the id, send the calls again. moto returns its recorded answers, which contain the id.
            id = left["id"] or kind.create(left["inputs"])
        live = self._describe(kind, resource, id, left["inputs"])
        if live is not None:
            kind.delete(id, live)

    def _kind(self, resource: ResourceState) -> AwsResource:
        return cast("Callable[[Aws], AwsResource]", AwsResource.of(resource.type))(self.aws)

    def _settle(
        self, kind: AwsResource, resource: ResourceState, id: str, old: Properties, old_state: Properties, new: Properties
    ) -> Properties:
        """Update an existing resource from the inputs ``old`` to ``new``, and return its state.

        Raises ``NotReadyError`` if the update fails, or if the service's description of the resource then differs from ``new``.
        Raises ``EmbeddedCloudError`` if the service does not know the resource.
        """
        try:
            with _explaining(resource):
                kind.change(id, old, new)
                state = self._describe(kind, resource, id, new)
        except EmbeddedCloudError as error:
            raise NotReadyError(id, old, old_state, [str(error)]) from error
        if state is None:
            raise EmbeddedCloudError(
                f"{resource.type} {resource.name}: {kind.service} does not know {id}", "search for this id with any AWS client"
            )
        wanted = {key: value for key, value in new.items() if key not in kind.provider_only | kind.not_stored.keys()}
        if missing := list(unmet(wanted, state)):
            reason = f"{resource.type} {resource.name}: moto does not store {', '.join(missing)} as requested"
            done = {key: value for key, value in new.items() if key not in {top(path) for path in missing}}
            fix = f"add the property to `not_stored` in {type(kind).__module__} or leave the property out"
            raise NotReadyError(id, done, state, [f"{reason}; {fix}"])
        return state

    def _describe(self, kind: AwsResource, resource: ResourceState, id: str, inputs: Properties) -> Properties | None:
        """The state of a live resource: the service's description, and the inputs that the service does not return.

        ``None`` if the resource does not exist.
        """
        with _explaining(resource):
            live = unless_absent(lambda: kind.read(id))
        if live is None:
            return None
        if "tagsAll" in live:
            own, default = inputs.get("tags", {}), self.aws.default_tags
            live["tags"] = {key: value for key, value in live["tagsAll"].items() if key in own or default.get(key) != value}
        not_returned = {key: inputs[key] for key in kind.provider_only | kind.not_stored.keys() if key in inputs}
        return {**not_returned, **{key: value for key, value in live.items() if value is not None}}


@contextmanager
def _explaining(resource: ResourceState) -> Iterator[None]:
    """Convert every error of the AWS client to one message that names the resource."""
    try:
        yield
    except (EmbeddedCloudError, NotImplementedError):
        raise
    except Exception as error:
        if type(error).__module__.startswith("botocore") or hasattr(error, "response"):
            raise explained(error, f"{resource.type} {resource.name}") from error
        raise
