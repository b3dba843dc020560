"""What a Helm chart is told: its objects are made in the cluster, where no rule sees them, so its values are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from policies.limits import Limits
from policies.rule import Pack, Problem
from policies.rules.images import floating
from policies.views import UnknownValueError, View
from program.graph import Path
from program.paths import text
from program.protocol import UNKNOWNS
from program.types import RELEASE

PACK = Pack("workload")

SWITCHES = {
    "privileged": (True, "set it to false"),
    "allowPrivilegeEscalation": (True, "set it to false"),
    "hostNetwork": (True, "set it to false"),
    "hostPID": (True, "set it to false"),
    "hostIPC": (True, "set it to false"),
    "readOnlyRootFilesystem": (False, "set it to true"),
    "runAsNonRoot": (False, "set it to true"),
    "runAsUser": (0, "use 1001"),
}
"""Values that charts hand on to pods under the names that pods have for them, with what is wrong and what to do."""


OTHER_KEYS = ("hostPath", "add", "tag", "type")
"""Other values that are looked at."""


@PACK.resource(
    "workload-chart-values",
    RELEASE,
    title="No chart is told to run without protection",
    why="The objects of a chart are made in the cluster, where no preview and no rule sees them.",
    fix="Leave out what weakens the chart's own defaults, and name a version.",
    severity="high",
    frameworks=("PSS restricted",),
)
def chart_values(view: View, limits: Limits) -> Iterator[Problem]:
    """Its values, at any depth, and its version."""
    del limits
    if not view.text("version"):
        yield Problem("version", "the chart's version is whatever is newest", "name a version")
    for path, key, value in _values(view.get("values"), ("values",)):
        if isinstance(value, str) and value in UNKNOWNS and key in (*SWITCHES, *OTHER_KEYS):
            raise UnknownValueError(path)
        wrong, fix = SWITCHES.get(key, (None, ""))
        if fix and type(value) is type(wrong) and value == wrong:
            yield Problem(text(path), f"{key} is {str(value).lower()}", fix)
        elif key == "hostPath" and value:
            yield Problem(text(path), "a folder of the host is mounted", "use a claim")
        elif key == "add" and "capabilities" in path and value:
            yield Problem(text(path), "capabilities are added", "leave them out")
        elif key == "tag" and isinstance(value, str) and value and floating(value):
            yield Problem(text(path), f"the image's tag {value} names no release", "use a full version")
        elif key == "type" and value in ("LoadBalancer", "NodePort"):
            yield Problem(text(path), f"a {value} is a way in of its own", "use ClusterIP")


def _values(value: Any, path: Path) -> Iterator[tuple[Path, str, Any]]:
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield (*path, key), key, item
            yield from _values(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _values(item, (*path, index))
