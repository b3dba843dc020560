"""Rules for rollouts: the two tracks of an application (stable and canary), and the properties that ``dwcp`` changes."""

from __future__ import annotations

from collections.abc import Iterator

from components.field_owners import OWNERSHIP
from contract import APP_LABEL, DEPLOYMENTS, TRACK_LABEL, VERSION_LABEL
from policies.rule import Pack, Problem, at
from policies.rules._kinds import containers, labels_of, name_of, namespace_of, pod_of
from policies.rules.scaling import autoscaler_of
from policies.views import ResourceIndex, View
from program.types import AUTOSCALER, BUDGET, DEPLOYMENT, LISTENER_RULE, NODE_GROUP, SERVICE

PACK = Pack("delivery")

TRACKS = tuple(DEPLOYMENTS)
SELECTOR_PATHS = {DEPLOYMENT: "spec.selector.matchLabels", BUDGET: "spec.selector.matchLabels", SERVICE: "spec.selector"}
ACTIONS = "actions"


@PACK.rule(
    "delivery-selectors",
    DEPLOYMENT,
    SERVICE,
    BUDGET,
    title="Objects of a track (stable or canary) select the application and the track, never the version",
    why="A selector without the track matches the pods of both tracks. With the version, it matches no pods of the next release.",
    fix="Select `app` and `track`, and nothing that changes with a release.",
    severity="high",
)
def selectors(view: View) -> Iterator[Problem]:
    """Yield a problem if an object selects the version, or has the label ``track`` but does not select its app and track."""
    path = SELECTOR_PATHS[view.resource.type]
    selector = view.map(path)
    if VERSION_LABEL in selector:
        yield at(view, path, "the selector contains the version", f"remove {VERSION_LABEL}")
    track = view.map("metadata.labels").get(TRACK_LABEL)
    if track is not None:
        for key in (APP_LABEL, TRACK_LABEL):
            if key not in selector:
                yield at(view, path, f"{key} is not selected", f"add {key}")
        if selector.get(TRACK_LABEL, track) != track:
            yield at(view, path, f"{track} selects the track {selector[TRACK_LABEL]}", f"set {TRACK_LABEL} to {track}")


@PACK.rule(
    "delivery-tracks-agree",
    DEPLOYMENT,
    title="The tracks stable and canary have the same label keys, ports and containers",
    why="A rollout compares the tracks and moves the traffic between them, so each track must be able to replace the other.",
    fix="Declare both tracks with `Track` in `components/workload/_tracks.py`.",
    severity="high",
)
def tracks_agree(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem unless the other track exists, with the same label keys, selector keys, containers and ports."""
    track = labels_of(pod_of(view)).get(TRACK_LABEL)
    if track is None:
        return
    if track not in TRACKS:
        yield at(pod_of(view), "metadata.labels", f"{track} is not a track", f"set {TRACK_LABEL} to one of {', '.join(TRACKS)}")
        return
    app = labels_of(pod_of(view)).get(APP_LABEL)
    other = TRACKS[1 - TRACKS.index(track)]
    peers = [
        each
        for each in index.of(DEPLOYMENT)
        if namespace_of(each) == namespace_of(view)
        and labels_of(pod_of(each)).get(APP_LABEL) == app
        and labels_of(pod_of(each)).get(TRACK_LABEL) == other
    ]
    if len(peers) != 1:
        yield at(
            view,
            "",
            f"{app or name_of(view)} has {len(peers)} Deployments of track {other}",
            f"declare exactly one, labelled {TRACK_LABEL}: {other}",
        )
    for peer in peers:
        for what, mine, theirs in zip(
            ("label keys", "selector keys", "containers and ports"), _contract(view), _contract(peer), strict=True
        ):
            if mine != theirs:
                fix = f"give both tracks the same {what}"
                yield at(view, "spec", f"{what} differ from those of {name_of(peer)}: {mine} and {theirs}", fix)


def _contract(view: View) -> tuple[list[str], list[str], list[str]]:
    pod = pod_of(view)
    ports = [
        # Compare ports by name, because `dwcp` changes the numbers of the canary's ports only at the next rollout.
        f"{container.text('name')}:{port.text('name') or port.number('containerPort')}"
        for container in containers(pod, every=False)
        for port in container.views("ports")
    ]
    return sorted(labels_of(pod)), sorted(view.map("spec.selector.matchLabels")), ports


@PACK.rule(
    "delivery-owned-fields",
    *dict.fromkeys(row.type for row in OWNERSHIP),
    title="The program ignores changes of the properties that an autoscaler or the delivery owns, and of no others",
    why="Otherwise `pulumi up` resets the traffic weights during a rollout, or never applies a change of an ignored property.",
    fix="Pass `ignore_changes=ignored(...)` from `components/field_owners.py`.",
    severity="high",
)
def owned_fields(view: View) -> Iterator[Problem]:
    """Yield a problem unless ``ignoreChanges`` contains exactly the properties that the program does not own.

    A resource without such a property is not checked. The program never owns the actions of a listener rule with several target
    groups, because ``dwcp`` changes the weights in them. The ``ignoreChanges`` of node groups may omit the number of nodes, because
    an update with ``cluster.resizeNodes`` sets this number.
    """
    ignored = view.resource.ignore_changes
    owned = {row.path: row.owner for row in OWNERSHIP if (row.type, row.name) == (view.resource.type, view.resource.name)}
    if view.resource.type == LISTENER_RULE:
        for action in view.views("actions"):
            if len(action.values("forward.targetGroups")) > 1:
                owned[ACTIONS] = "delivery"
    for path, owner in owned.items():
        if path not in ignored and view.resource.type != NODE_GROUP:
            name = "dwcp" if owner == "delivery" else f"an {owner}"
            yield at(view, path, f"{name} changes {path}, but every pulumi up would reset it", f"add {path} to ignoreChanges")
    for path in ignored if owned else ():
        if path not in owned:
            yield at(
                view,
                path,
                "only the program changes this property, but pulumi up ignores the program's changes",
                f"remove {path} from ignoreChanges",
            )


@PACK.rule(
    "delivery-replicas-left-alone",
    DEPLOYMENT,
    title="The program does not change the replicas that an autoscaler owns",
    why="Otherwise each `pulumi up` resets the number of pods, even under load.",
    fix="Add `spec.replicas` to `ignoreChanges`, or do not set the property.",
    severity="high",
    frameworks=("pulumi-kubernetes #2491",),
)
def replicas_left_alone(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if a Deployment has an autoscaler, and ``spec.replicas`` is set and not ignored."""
    if autoscaler_of(view, index) is not None and view.has("spec.replicas") and "spec.replicas" not in view.resource.ignore_changes:
        yield at(
            view, "spec.replicas", "both the program and an autoscaler set the number of pods", "add spec.replicas to ignoreChanges"
        )


@PACK.rule(
    "delivery-tracks-scale",
    DEPLOYMENT,
    title="Each track has an autoscaler and a Service of its own",
    why="A rollout scales the tracks separately and splits the traffic between them.",
    fix="Declare both tracks with `Track` in `components/workload/_tracks.py`.",
    severity="medium",
)
def tracks_scale(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if a Deployment with the label ``track`` has no autoscaler or no Service."""
    labels = labels_of(pod_of(view))
    if TRACK_LABEL not in labels:
        return
    if autoscaler_of(view, index) is None:
        yield at(view, "", f"no autoscaler scales the track {labels[TRACK_LABEL]}", f"add a {AUTOSCALER} for {name_of(view)}")
    tracked = [
        each
        for each in index.of(SERVICE)
        if namespace_of(each) == namespace_of(view) and each.map("spec.selector").get(TRACK_LABEL) == labels[TRACK_LABEL]
    ]
    if not tracked:
        yield at(view, "", f"no Service selects the track {labels[TRACK_LABEL]}", f"add a {SERVICE} that selects the track")
