"""The program's Kubernetes objects before they are applied, and their check by the API server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from delivery.clients.kubernetes import ClusterError, KubernetesClient
from delivery.errors import DeliveryError
from program.evaluation import CHECKOUT, EvaluationError, evaluate

SHOWN = 5
BINDING, GROUP = "TargetGroupBinding", "targetGroupARN"
NOT_THERE_YET = frozenset({HTTPStatus.NOT_FOUND})
"""Statuses of the API server for a namespace or kind that does not exist."""
LATER = "later"
"""Result for an object that cannot be checked yet, because the update will create its namespace or kind."""
AT_ONCE = 8
"""Number of parallel dry runs. Each dry run mostly waits for the API server."""


class ManifestError(DeliveryError):
    """The program cannot be evaluated, or the API server refuses one of its objects."""


def declared(environment: str, stack_file_text: str, checkout: Path = CHECKOUT) -> list[dict[str, Any]]:
    """The objects that the program declares with a stack file of this text, with placeholders instead of secrets.

    Objects without ``metadata.name`` and the objects of charts are not included. Raises ``ManifestError`` if the program fails.
    """
    with TemporaryDirectory(prefix="dwcp-manifests-") as folder:
        file = Path(folder) / f"Pulumi.{environment}.yaml"
        file.write_text(stack_file_text)
        graph = evaluate((environment,), checkout, stack_file=file)[environment]
    if isinstance(graph, EvaluationError):
        raise ManifestError(f"the program cannot be evaluated for {environment}: {graph.problem}", graph.fix)
    found = [
        {key: value for key, value in each.inputs.items() if not key.startswith("__")}
        for each in graph.resources
        if each.type.startswith("kubernetes:") and each.custom and "kind" in each.inputs and "metadata" in each.inputs
    ]
    return [each for each in found if each["metadata"].get("name")]


def validate(cluster: KubernetesClient, manifests: list[dict[str, Any]]) -> str:
    """Check every object by a dry run in the API server, and return a summary.

    Raises ``ManifestError`` with the first five refusals and the number of further refusals.
    """
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        answers = list(pool.map(partial(_refusal, cluster), manifests))
    later = sum(answer is LATER for answer in answers)
    refused = [answer for answer in answers if answer is not LATER and answer]
    if refused:
        more = f"; and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
        raise ManifestError("; ".join(refused[:SHOWN]) + more, "correct the program or its settings; nothing was changed")
    waiting = f", {later} need a namespace or kind that this update creates" if later else ""
    return f"the API server accepts {len(manifests) - later} objects{waiting}"


def _refusal(cluster: KubernetesClient, manifest: dict[str, Any]) -> str:
    """The reason why the API server refuses an object; empty if it is accepted, ``LATER`` if it cannot be checked yet."""
    try:
        cluster.check(_as_deployed(cluster, manifest))
    except ClusterError as error:
        if error.status == 0:
            raise
        return LATER if error.status in NOT_THERE_YET else error.problem
    return ""


def _as_deployed(cluster: KubernetesClient, manifest: dict[str, Any]) -> dict[str, Any]:
    """The object as it will be deployed: a TargetGroupBinding gets the target group of the live object with the same name.

    The evaluated TargetGroupBinding has only an example ARN, and the API server refuses a change of the target group.
    """
    if manifest["kind"] != BINDING or (live := cluster.live(manifest)) is None:
        return manifest
    return {**manifest, "spec": {**manifest["spec"], GROUP: live["spec"][GROUP]}}
