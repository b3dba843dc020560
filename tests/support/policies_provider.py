"""A provider that accepts every resource and creates nothing, for programs that are only checked."""

from __future__ import annotations

from embedded_cloud.providers.plugin import Diff, Plugin, Properties, ResourceState, changes_of, serve


class Echo(Plugin):
    """Returns the inputs of every resource as its state."""

    def diff(self, resource: ResourceState, old_inputs: Properties, old_state: Properties, news: Properties) -> Diff:
        return Diff(changes_of((), old_inputs, news))

    def create(self, resource: ResourceState, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        return ("" if preview else f"{resource.name}-id"), inputs

    def read(self, resource: ResourceState, inputs: Properties, state: Properties) -> tuple[Properties, Properties] | None:
        return inputs, state

    def update(
        self, resource: ResourceState, old_inputs: Properties, old_state: Properties, news: Properties, preview: bool
    ) -> Properties:
        return news

    def delete(self, resource: ResourceState, inputs: Properties, state: Properties) -> None:
        pass


if __name__ == "__main__":
    serve(Echo(), "1.0.0")
