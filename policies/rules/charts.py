"""The rule on a Helm chart's source, version and values.

The rules cannot check the chart's objects, because the program does not declare them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from policies.limits import Limits
from policies.rule import Pack, Problem
from policies.rules._images import image_problems
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
    "allowSnippetAnnotations": (True, "set it to false"),
    "enableSnippets": (True, "set it to false"),
}
"""Security settings of pods and of Ingress controllers, each with the wrong value and the fix. Many charts have values with
these names.

With snippets, everyone who can create an Ingress can change the configuration of the controller.
"""


OTHER_KEYS = ("hostPath", "hostPort", "add", "type", "repository", "registry", "tag", "digest", "externalIPs", "host", "hosts")
"""Names of other values that the rule checks, or that are parts of an image reference. The rule also checks each value whose name
ends with ``image``, and each value ``unconfined``."""


@PACK.rule(
    "workload-chart-values",
    RELEASE,
    title="A Helm chart has a trusted source and a version, and none of its values weakens security",
    why="A chart's objects are created in the cluster, where no preview and no rule can check them.",
    fix="Use a repository of `trustedCharts`, set `version`, and remove the values that weaken the chart's own defaults.",
    severity="high",
    frameworks=("PSS restricted",),
    parameters=("trusted_registries", "trusted_charts"),
)
def chart_values(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield the problems of the chart's source and version, and of its values, at any depth.

    A file with values, and a program that changes the chart's objects (``postrender``), are always problems.
    """
    chart = view.text("chart")
    source, path = (chart, "chart") if "://" in chart else (view.text("repositoryOpts.repo"), "repositoryOpts.repo")
    if not any(f"{source.rstrip('/')}/".startswith(f"{each}/") for each in limits.trusted_charts) or ".." in source:
        yield Problem(path, f"{source or 'a folder'} is not a trusted source of charts", "use a repository of trustedCharts")
    if view.has("postrender"):
        yield Problem("postrender", "a program changes the chart's objects", "remove postrender")
    if not view.text("version"):
        yield Problem("version", "the newest version of the chart is installed", "name a version")
    if view.has("valueYamlFiles"):
        yield Problem("valueYamlFiles", "values in files cannot be checked", "set them in values")
    for path, key, value in _values(view.get("values"), ("values",)):
        is_image = key.lower().endswith("image")
        if (is_image or key in (*SWITCHES, *OTHER_KEYS)) and isinstance(value, str) and value in UNKNOWNS:
            raise UnknownValueError(path)
        wrong, fix = SWITCHES.get(key, (None, ""))
        if fix and type(value) is type(wrong) and value == wrong:
            yield Problem(text(path), f"{key} is {str(value).lower()}", fix)
        elif key == "hostPath" and value:
            yield Problem(text(path), "a folder of the host is mounted", "use a claim")
        elif isinstance(value, str) and value.lower() == "unconfined":
            yield Problem(text(path), f"{key} is {value}", "use RuntimeDefault")
        elif key == "hostPort" and _is_on(value):
            yield Problem(text(path), "a port of the host is open", "use a Service")
        elif key == "add" and "capabilities" in path and value:
            yield Problem(text(path), "capabilities are added", "remove them")
        elif key == "type" and value in ("LoadBalancer", "NodePort"):
            yield Problem(text(path), f"a {value} is an additional entry point", "use ClusterIP")
        elif key == "externalIPs" and value:
            yield Problem(
                text(path), "the Service receives traffic for IP addresses that do not belong to it", "remove externalIPs"
            )
        elif key in ("host", "hosts") and any(str(each).startswith("*") for each in _listed(value)):
            yield Problem(text(path), "the Ingress accepts requests for any host", "name the host")
        elif is_image and value:
            for problem, fix in image_problems(_image(value, limits), limits.trusted_registries):
                yield Problem(text(path), problem, fix)


def _is_on(value: Any) -> bool:
    """Whether a value is set: a number, or an object that is enabled."""
    if not isinstance(value, dict):
        return bool(value)
    return any(cast("dict[str, Any]", value).get(key) for key in ("enable", "enabled"))


def _image(value: Any, limits: Limits) -> str:
    """The image reference in a chart's value, which is a string or an object with the parts of the reference.

    The chart's defaults are not checked. If registry and repository are missing, the reference has a trusted name. If the tag is
    missing, it has the tag ``1.0.0``. A repository without a registry is on Docker Hub.
    """
    if not isinstance(value, dict):
        return str(value)
    given = {key: str(item) for key, item in cast("dict[str, Any]", value).items() if item}
    named = "/".join(given[key] for key in ("registry", "repository") if key in given)
    digest = f"@{given['digest']}" if "digest" in given else ""
    return f"{named or limits.trusted_registries[0].rstrip('/') + '/chart'}:{given.get('tag', '1.0.0')}{digest}"


def _listed(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _values(value: Any, path: Path) -> Iterator[tuple[Path, str, Any]]:
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield (*path, key), key, item
            yield from _values(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _values(item, (*path, index))
