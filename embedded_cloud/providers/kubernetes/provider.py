"""The provider's operations: server-side apply, dry run at preview, waiting, replacement, drift."""

# The parameters are those of `Plugin`, whatever each operation needs of them:

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from copy import deepcopy
from functools import cached_property

from embedded_cloud import waiting
from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.kubernetes import drift, readiness, replacement, trouble
from embedded_cloud.providers.kubernetes.connection import ApiError, Connection, Manifest
from embedded_cloud.providers.kubernetes.objects import Objects, UnknownKindError, annotation, group_kind, identity, title
from embedded_cloud.providers.kubernetes.options import Options
from embedded_cloud.providers.paths import differing, segments
from embedded_cloud.providers.plugin import UNKNOWN, Change, Diff, NotReadyError, Plugin, Properties, Resource, is_unknown

AUTONAMED = "pulumi.com/autonamed"
SKIP_AWAIT = "pulumi.com/skipAwait"
PATCH_FORCE = "pulumi.com/patchForce"
TIMEOUT = "pulumi.com/timeoutSeconds"
ANNOTATIONS = {AUTONAMED, SKIP_AWAIT, PATCH_FORCE, TIMEOUT}
"""Those of the official provider's annotations, by which an object says how it wants to be treated, that we obey."""

READY_SECONDS = 600
GONE_SECONDS = 300
DEFINITION_SECONDS = 10
"""How long to wait by default until an object is ready or gone (as the official provider), and until a kind is known."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds between two looks. Looking again needs no bookkeeping of missed events, and the API server is on this machine."""

PREVIEW_NAME_LENGTH = 50
"""What is kept of a name for a dry run beside the object, so that the shortest limit, 63 characters, is kept as well."""


class CancelledError(EmbeddedCloudError):
    """The user pressed Ctrl-C while we waited."""

    def __init__(self, lacking: str) -> None:
        """``lacking`` is what was waited for."""
        super().__init__(f"cancelled while waiting: {lacking}", "run the same command again: it goes on from there")


class KubernetesPlugin(Plugin):
    """Every kind that the API server knows, custom resources included."""

    def __init__(self) -> None:
        """Nothing is connected before the first operation needs it."""
        self.options = Options()
        self.cancelled = threading.Event()

    def configure(self, inputs: Properties) -> None:
        """Take the provider resource's inputs."""
        self.options = Options.parse(inputs)

    @cached_property
    def objects(self) -> Objects:
        """The cluster that the options lead to."""
        return Objects(Connection(self.options.kubeconfig, self.options.context), self.options.namespace)

    def check(self, resource: Resource, olds: Properties, news: Properties) -> Properties:
        """Complete name and namespace; refuse a kind that neither the API server knows nor a CRD can bring."""
        if news.get("kind") != resource.type.rpartition(":")[2] or "apiVersion" not in news:
            raise EmbeddedCloudError(
                f"the embedded cloud does not model {resource.type}",
                "declare the objects it stands for one by one, each by its own kind",
            )
        metadata = dict(news.get("metadata") or {})
        _refuse_annotations(resource, metadata.get("annotations") or {})
        if not metadata.get("name"):
            metadata |= _autonamed(resource, olds, metadata)
        try:
            if self.objects.kind(news).namespaced:
                metadata.setdefault("namespace", self.options.namespace)
        except UnknownKindError as error:
            if not error.may_come:
                raise
        return news | {"metadata": metadata}

    def diff(self, resource: Resource, old_inputs: Properties, old_state: Properties, news: Properties) -> Diff:
        """Compare the inputs; ask the API server by a dry run whether it lets the change happen in place."""
        olds = _placed(old_inputs, old_state)
        news = _placed(news, news if "namespace" in news["metadata"] else old_state)
        changed = list(differing(olds, news))
        replacing = replacement.replacing(news, changed, self.options.mutable)
        if changed and not replacing and not is_unknown(news):
            try:
                self._change(resource, old_inputs, news, dry_run=True)
            except ApiError as error:
                replacing = replacement.refused(error, changed)
            except UnknownKindError:
                pass
        return Diff(
            {path: Change.REPLACE if path in replacing else Change.UPDATE for path in changed},
            delete_before_replace=identity(olds) == identity(news) and annotation(news, AUTONAMED) != "true",
        )

    def create(self, resource: Resource, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        """Apply the object and wait until it is ready; its id is ``NAMESPACE/NAME``."""
        if preview:
            return "", self._previewed(inputs)
        live = self._after_definition(lambda: self.objects.apply(inputs, force=self._forces(inputs)), inputs)
        return identity(live), _outputs(self._awaited(resource, inputs, live))

    def read(self, resource: Resource, inputs: Properties, state: Properties) -> tuple[Properties, Properties] | None:
        """Look the object up by its id; what others changed of it appears in the inputs."""
        try:
            live = self.objects.get(_reference(resource))
        except UnknownKindError:
            return None
        if live is None:
            return None
        if not inputs:
            return drift.intent(live), _outputs(live)
        desired = drift.yielding_to_controllers(self._desired(inputs, live), live)
        inputs = drift.observed_inputs(inputs, desired, live)
        if annotation(inputs, SKIP_AWAIT) != "true" and (lacking := self._lacking(live)):
            raise NotReadyError(resource.id, inputs, _outputs(live), [lacking, *trouble.reasons(self.objects, live)])
        return inputs, _outputs(live)

    def update(
        self, resource: Resource, old_inputs: Properties, old_state: Properties, news: Properties, preview: bool
    ) -> Properties:
        """Apply the change and wait until the object is ready again."""
        if preview and is_unknown(news):
            return drift.overlaid(old_state, news)
        live = self._change(resource, old_inputs, news, dry_run=preview)
        return _outputs(live if preview else self._awaited(resource, news, live))

    def delete(self, resource: Resource, inputs: Properties, state: Properties) -> None:
        """Delete the object and wait until it is gone."""
        reference = _reference(resource)
        try:
            before = self.objects.get(reference)
            if before is None:
                return
            self.objects.delete(reference)
        except UnknownKindError:
            return
        if annotation(before, SKIP_AWAIT) != "true":
            seconds = _seconds(resource, before, GONE_SECONDS)
            self._wait(lambda: self._remainder(before), seconds, title(before))

    def invoke(self, token: str, args: Properties) -> Properties:
        """Charts and YAML files are expanded by functions of the official plugin."""
        raise EmbeddedCloudError(f"the embedded cloud has no function {token}", "declare the objects one by one in the program")

    def cancel(self) -> None:
        """End all waiting at once."""
        self.cancelled.set()

    def _change(self, resource: Resource, old_inputs: Manifest, news: Manifest, *, dry_run: bool) -> Manifest:
        """Apply ``news`` over the live object.

        A field that somebody else has taken over since is a conflict, as with the official provider. One that a refresh
        has shown, so that the plan says what happens to it, is taken back.
        """
        live = self.objects.get(_reference(resource))
        if live is None:
            return self.objects.apply(news, dry_run=dry_run)
        body = drift.without_foreign(news, live, [segments(path) for path in resource.ignore_changes])
        try:
            return self.objects.apply(body, dry_run=dry_run, force=self._forces(news))
        except ApiError as error:
            if error.code != 409 or drift.observed_inputs(old_inputs, self._desired(old_inputs, live), live) != old_inputs:
                raise
        return self.objects.apply(body, dry_run=dry_run, force=True)

    def _desired(self, inputs: Manifest, live: Manifest) -> Manifest:
        """What the API server would hold if ``inputs`` were applied to ``live``."""
        try:
            return self.objects.apply(inputs, dry_run=True, force=True)
        except ApiError:
            return drift.overlaid(live, inputs)  # someone made another object of the same name, which cannot become ours

    def _forces(self, manifest: Manifest) -> bool:
        return self.options.force or annotation(manifest, PATCH_FORCE) == "true"

    def _previewed(self, inputs: Manifest) -> Properties:
        """The object as a dry run makes it; as it is given where the API server cannot judge it before ``up``."""
        if is_unknown(inputs):
            return inputs
        try:
            return _with_unknowns(inputs, self._tried(inputs))
        except UnknownKindError:
            return inputs  # `check` has made sure that a definition may come

    def _tried(self, inputs: Manifest) -> Manifest:
        """A dry run of a creation, in a place of its own where the real one is not free or not there yet."""
        try:
            return self.objects.apply(inputs, dry_run=True, force=self._forces(inputs))
        except ApiError as error:
            metadata = inputs["metadata"]
            if error.code == 404 and f'namespaces "{metadata.get("namespace")}" not found' in error.message:
                place = {"namespace": "default"}  # this very update brings the namespace
            elif (live := self.objects.get(inputs)) and drift.is_ours(live):
                place = {}  # a replacement deletes it first
            else:
                raise
        beside = metadata | place | {"name": f"{metadata['name'][:PREVIEW_NAME_LENGTH]}-preview"}
        tried = self.objects.apply(inputs | {"metadata": beside}, dry_run=True)
        own = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
        return tried | {"metadata": tried["metadata"] | own}

    def _after_definition(self, apply: Callable[[], Manifest], inputs: Manifest) -> Manifest:
        """Apply a custom resource as soon as the API server serves its kind: shortly after its definition is established."""
        unknown = EmbeddedCloudError("", "")
        for _ in waiting.looks(DEFINITION_SECONDS, pause=FIRST_PAUSE, sleep=self.cancelled.wait):
            try:
                return apply()
            except UnknownKindError as error:
                unknown = error
                if not error.may_come or self.cancelled.is_set():
                    break
        raise EmbeddedCloudError(f"{title(inputs)}: {unknown.problem}", unknown.fix) from unknown

    def _awaited(self, resource: Resource, inputs: Manifest, live: Manifest) -> Manifest:
        """The object when it is ready; raises :class:`NotReadyError`, since by now it exists."""
        if annotation(inputs, SKIP_AWAIT) == "true":
            return live

        def lacking() -> str | None:
            nonlocal live
            live = self.objects.get(live) or live
            return readiness.missing(self.objects, live)

        try:
            if readiness.missing(self.objects, live):
                self._wait(lacking, _seconds(resource, inputs, READY_SECONDS), title(live))
        except EmbeddedCloudError as error:
            reasons = [f"{title(live)}: {error.problem}", *self._reasons(live)]
            raise NotReadyError(identity(live), inputs, _outputs(live), reasons) from error
        return live

    def _reasons(self, live: Manifest) -> list[str]:
        try:
            return trouble.reasons(self.objects, live)
        except EmbeddedCloudError:
            return []  # the API server is gone, which is the reason already given

    def _lacking(self, live: Manifest) -> str | None:
        try:
            return readiness.missing(self.objects, live)
        except readiness.NeverReadyError as error:
            return error.problem

    def _remainder(self, before: Manifest) -> str | None:
        """What still keeps a deleted object, or None when it is gone, perhaps with another one in its place."""
        live = self.objects.get(before)
        if live is None or live["metadata"]["uid"] != before["metadata"]["uid"]:
            return None
        finalizers = live["metadata"].get("finalizers") or (live.get("spec") or {}).get("finalizers") or []
        return f"it is still there{', held by ' + ', '.join(finalizers) if finalizers else ''}"

    def _wait(self, lacking: Callable[[], str | None], seconds: float, what: str) -> None:
        """Return when ``lacking()`` is None; raise after ``seconds``, or when the user cancels."""
        lack = None
        for _ in waiting.looks(seconds, pause=FIRST_PAUSE, longest_pause=LONGEST_PAUSE, sleep=self.cancelled.wait):
            if lack and self.cancelled.is_set():
                raise CancelledError(f"{what}: {lack}")
            if not (lack := lacking()):
                return
        fix = f"look at it with `kubectl describe`; {TIMEOUT} sets how long to wait"
        raise EmbeddedCloudError(f"after {seconds:.0f} s {lack}", fix)


def _refuse_annotations(resource: Resource, annotations: Properties) -> None:
    refused = sorted(name for name in annotations if name.startswith("pulumi.com/") and name not in ANNOTATIONS)
    if refused:
        listed = ", ".join(refused)
        raise EmbeddedCloudError(f"the embedded cloud does not model the annotation {listed} of {resource.name}", "leave it out")


def _autonamed(resource: Resource, olds: Properties, metadata: Properties) -> Properties:
    """The name chosen at creation, or a new one: the logical name and a random suffix, so that a replacement fits beside it."""
    old = olds.get("metadata") or {}
    kept = old.get("name") if (old.get("annotations") or {}).get(AUTONAMED) == "true" else None
    return {
        "name": kept or f"{resource.name}-{secrets.token_hex(4)}",
        "annotations": (metadata.get("annotations") or {}) | {AUTONAMED: "true"},
    }


def _reference(resource: Resource) -> Manifest:
    """Just enough of a manifest to find the object: the type token and the id say it all."""
    _, api_version, kind = resource.type.split(":")
    namespace, _, name = resource.id.rpartition("/")
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version.removeprefix("core/"), "kind": kind, "metadata": metadata}


def _placed(inputs: Properties, state: Properties) -> Properties:
    """``inputs`` with the namespace that the object went to: one of a kind unknown at the time was checked without."""
    namespace = (state.get("metadata") or {}).get("namespace")
    return inputs if namespace is None else inputs | {"metadata": {"namespace": namespace} | inputs["metadata"]}


def _seconds(resource: Resource, manifest: Manifest, default: float) -> float:
    """How long to wait: the resource option ``custom_timeouts``, else the annotation, else ``default``."""
    given = annotation(manifest, TIMEOUT)
    try:
        return resource.timeout or (float(given) if given else default)
    except ValueError as error:
        fix = "give the number of seconds, such as '120'"
        raise EmbeddedCloudError(f"{title(manifest)}: {TIMEOUT} is {given!r}", fix) from error


def _outputs(live: Manifest) -> Properties:
    """The live object without the record of who owns which field, which is long and changes at every look."""
    metadata = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    return live | {"metadata": metadata}


def _with_unknowns(inputs: Manifest, tried: Manifest) -> Properties:
    """The result of a dry run, in which what the API server makes up at creation is not known yet."""
    outputs = deepcopy(_outputs(tried))
    outputs["metadata"] |= dict.fromkeys(("uid", "resourceVersion", "creationTimestamp"), UNKNOWN)
    if "status" in outputs:
        outputs["status"] = UNKNOWN
    if group_kind(tried) == "core/Service" and not inputs["spec"].get("clusterIP"):
        outputs["spec"] |= {"clusterIP": UNKNOWN, "clusterIPs": UNKNOWN}
    return outputs
