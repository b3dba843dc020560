"""The dry run of the manifests before a deployment, with a substitute for the cluster."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, cast

import pytest
from manifests import evaluate
from recording import ROOT

from delivery.clients.kubernetes import ClusterError, KubernetesClient
from delivery.releases import manifests
from delivery.releases.manifests import ManifestError, validate
from embedded_cloud.controllers.target_group_bindings import definition
from program import evaluation_process

DEPLOYED = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/dwcp-v3-stable-1a2b3c4/5d6e7f"


class Webhook:
    """A cluster with deployed bindings, whose load balancer controller refuses to bind one to another target group."""

    def __init__(self, live: dict[str, str]) -> None:
        self.groups = live

    def live(self, manifest: dict[str, Any]) -> dict[str, Any] | None:
        group = self.groups.get(manifest["metadata"]["name"])
        return None if group is None else {**manifest, "spec": {**manifest["spec"], "targetGroupARN": group}}

    def check(self, manifest: dict[str, Any]) -> None:
        name = manifest["metadata"]["name"]
        if manifest["kind"] == "TargetGroupBinding" and self.groups.get(name, "") not in ("", manifest["spec"]["targetGroupARN"]):
            raise ClusterError("spec.targetGroupARN is immutable", "", status=403)


def validated(live: dict[str, str], objects: list[dict[str, Any]]) -> str:
    return validate(cast(KubernetesClient, Webhook(live)), objects)


def test_a_deployed_target_group_binding_is_validated_with_its_present_group() -> None:
    objects = evaluate("production").everything
    assert "the API server accepts" in validated({"dwcp-v3": DEPLOYED, "dwcp-v3-canary": DEPLOYED}, objects)
    assert "the API server accepts" in validated({}, objects)


def test_any_other_refusal_is_reported() -> None:
    class Strict(Webhook):
        def check(self, manifest: dict[str, Any]) -> None:
            raise ClusterError(f"the API server refuses {manifest['kind']}", "", status=422)

    with pytest.raises(ManifestError, match="refuses TargetGroupBinding"):
        validate(cast(KubernetesClient, Strict({})), evaluate("production").all("TargetGroupBinding"))


def test_the_embedded_cloud_also_refuses_to_change_the_target_group() -> None:
    [version] = definition()["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert {each["rule"] for each in spec["targetGroupARN"]["x-kubernetes-validations"]} == {"self == oldSelf"}


def test_an_evaluation_that_does_not_end_is_reported_with_the_fix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("Pulumi.yaml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "__main__.py").write_text("import time\ntime.sleep(300)\n")
    monkeypatch.setattr(evaluation_process, "TIMEOUT_SECONDS", 2)
    with pytest.raises(ManifestError, match="cannot be evaluated for local: .* did not end within 2 s") as error:
        manifests.declared("local", "config: {}\n", tmp_path)
    assert error.value.fix.startswith("remove the call that the program waits for")
