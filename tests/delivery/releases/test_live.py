"""``dwcp deploy`` and ``rollback`` on the embedded cloud: real engine, real API server, simulated service.

Each test uses the releases of the tests before it.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from checkouts import copy_files, init_repository, use_environment
from live_platform import LivePlatform, Run, alive
from recording import ROOT
from repositories import git
from typer.testing import CliRunner

from delivery.cli.app import app
from delivery.clients.kubernetes import PROGRAM_MANAGER as MANAGER
from delivery.clients.kubernetes import KubernetesClient
from delivery.clients.state_backend import LEASE_KEY, LEASE_TABLE
from delivery.errors import DeliveryError

pytestmark = pytest.mark.cloud
DEPLOYMENT = "/apis/apps/v1/namespaces/dwcp-v3/deployments/dwcp-v3"
BACKUPS = ROOT / "backups/deployments"


class Delivery:
    """Runs the commands on the platform, and reads their effects."""

    def __init__(self, live: LivePlatform) -> None:
        self.live = live

    def command(self, *arguments: str, **how: Any) -> Run:
        more = {
            "DWCP_SERVICE_URL": f"{self.live.monitoring.simulator_url}/tracks/{{track}}",
            "DWCP_METRICS_WINDOW_SECONDS": "3",
            **how.pop("more", {}),
        }
        return self.live.start(*arguments, "--environment", "local", more=more, **how)

    def deploy(self, tag: str, *options: str, **how: Any) -> Run:
        return self.command("deploy", "--tag", tag, "--skip-tests", *options, **how)

    def output_after_exit(self, run: Run, code: int) -> str:
        """The whole output of a command, after it has ended with this exit code."""
        assert run.process.wait(400) == code, run.full_output()
        run._reader.join(5)  # pyright: ignore[reportPrivateUsage]
        return run.full_output()

    def releases(self) -> list[dict[str, Any]]:
        return self.json("releases")

    def json(self, *arguments: str) -> Any:
        """The ``--json`` output of a command that only reads."""
        command = [sys.executable, "-m", "delivery", *arguments, "--json", "--environment", "local"]
        return json.loads(subprocess.check_output(command, cwd=ROOT, env=self.live.environment()))

    def wait_for_volume_size(self, capacity: str) -> None:
        """Wait until the volume of Redis has this size; from then on, the API server refuses a smaller one."""
        claim = "/api/v1/namespaces/dwcp-v3/persistentvolumeclaims/dwcp-v3-redis"
        self.live.wait(lambda: self.live.api.get(claim)["status"]["capacity"]["storage"] == capacity)

    def up_with(self, folder: Path, **settings: Any) -> None:
        """Run `pulumi up` as another person would, with these settings (groups or keys) in place of the checkout's."""
        content = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
        for key, value in settings.items():
            full = f"dwcp-v3:{key}"
            content["config"][full] = {**content["config"].get(full, {}), **value} if isinstance(value, dict) else value
        file = folder / "Pulumi.local.yaml"
        file.write_text(yaml.safe_dump(content))
        options = ("--yes", "--skip-preview", "--stack", "local", "--config-file", str(file))
        self.live.cloud.engine.pulumi("up", *options)

    def settings(self) -> dict[str, str]:
        """The settings in the cluster that the tests change."""
        secret = json.loads(self.live.kubectl("get", "secret", "dwcp-v3-redis", "-o", "json"))["data"]
        claim = json.loads(self.live.kubectl("get", "pvc", "dwcp-v3-redis", "-o", "json"))
        level = self.live.kubectl("get", "configmap", "dwcp-v3", "-o", "jsonpath={.data.LOG_LEVEL}")
        passwords = {base64.b64decode(each).decode() for each in secret.values()}
        return {
            "password": "rotated" if "rotated" in passwords else "first",
            "level": level,
            "storage": claim["spec"]["resources"]["requests"]["storage"],
        }

    def image(self) -> str:
        return self.live.stable["image"]

    def pulumi_up(self) -> None:
        """Run `pulumi up` without dwcp."""
        self.live.cloud.engine.pulumi("up", "--yes", "--skip-preview", "--stack", "local")

    def lease(self) -> dict[str, Any]:
        return self.live.aws("dynamodb").get_item(TableName=LEASE_TABLE, Key={LEASE_KEY: {"S": "local"}})["Item"]


@pytest.fixture(scope="module")
def remove_backups() -> Iterator[None]:
    """Remove the backup files that the tests have written to the checkout, and keep all others."""
    before = set(BACKUPS.glob("*")) if BACKUPS.exists() else set[Path]()
    yield
    for each in set(BACKUPS.glob("*")) - before:
        each.unlink()
    if not any((ROOT / "backups").rglob("*.yaml")):
        shutil.rmtree(ROOT / "backups", ignore_errors=True)


@pytest.fixture
def delivery(live: LivePlatform, remove_backups: None) -> Delivery:
    return Delivery(live)


def wait_for(holds: Callable[[], bool], run: Run, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert run.process.poll() is None, run.full_output()
        assert time.monotonic() < deadline, run.full_output()
        time.sleep(0.05)


def printed(run: Run, text: str) -> Callable[[], bool]:
    return lambda: text in run.full_output()


def test_a_deployment_succeeds_and_a_second_one_is_refused_while_the_first_holds_the_lease(delivery: Delivery) -> None:
    first = delivery.deploy("v5.0.0")
    wait_for(printed(first, "backup"), first)
    second = delivery.deploy("v5.0.1")
    refusal = delivery.output_after_exit(second, 1)
    assert "local is being changed by `deploy` of" in refusal
    assert f"process {first.process.pid}" in refusal
    story = delivery.output_after_exit(first, 0)
    assert delivery.image().endswith(":v5.0.0")
    for step in ("manifests, checked by the API server", "preview with policies", "update", "health checks", "smoke test"):
        assert f"ok      {step}" in story
    release = next(each for each in delivery.releases() if each["tag"] == "v5.0.0")
    assert (release["result"], release["image"]) == ("deployed", delivery.image())
    assert release["commit"]
    assert release["state_version"]


def test_the_tag_that_runs_can_be_deployed_again(delivery: Delivery) -> None:
    """No pod is replaced, and a rollback does not restore the running image."""
    revision = "deployment.kubernetes.io/revision"
    image, before = delivery.image(), delivery.live.api.get(DEPLOYMENT)["metadata"]["annotations"][revision]
    story = delivery.output_after_exit(delivery.deploy(image.rpartition(":")[2]), 0)
    assert "ok      health checks" in story
    assert delivery.image() == image
    assert delivery.live.api.get(DEPLOYMENT)["metadata"]["annotations"][revision] == before
    newest = delivery.releases()[0]
    assert (newest["result"], newest["image"]) == ("deployed", image)
    plan = delivery.output_after_exit(delivery.command("rollback", "--dry-run"), 0)
    assert "plan for local: roll back to " in plan
    assert f"({image})" not in plan


def test_a_release_record_is_complete_and_has_a_backup_file(delivery: Delivery) -> None:
    release = delivery.json("releases", "--show", delivery.releases()[0]["id"])
    kinds = {(each["kind"], each["metadata"]["name"]) for each in release["manifests"]}
    assert ("Deployment", "dwcp-v3") in kinds
    assert not {kind for kind, _ in kinds} & {"Secret"}
    assert release["config_hash"]
    newest = max(BACKUPS.glob("dwcp-v3-local-*.yaml"), key=lambda each: each.stat().st_mtime)
    objects = [each for each in yaml.safe_load_all(newest.read_text()) if each]
    [deployment] = [each for each in objects if each["kind"] == "Deployment"]
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == release["image"]
    assert "replicas" not in deployment["spec"], "the autoscaler owns the number of replicas"


def test_pulumi_up_keeps_the_release(delivery: Delivery) -> None:
    before = delivery.image()
    assert not before.endswith(":v3.0.0"), "this is the image of the stack file"
    delivery.pulumi_up()
    assert delivery.image() == before


def test_a_release_that_answers_500_is_rolled_back(delivery: Delivery) -> None:
    before = delivery.image()
    delivery.live.monitoring.control("versions/v5.1.0", "PUT", healthy=False)
    story = delivery.output_after_exit(delivery.deploy("v5.1.0"), 1)
    assert "/health answers 500" in story
    assert f"{before} runs again" in story
    assert delivery.image() == before
    newest, running = delivery.releases()[:2]
    assert (newest["tag"], newest["result"]) == ("v5.1.0", "rolled back")
    assert "answers 500" in newest["reason"]
    assert running["image"] == before
    assert "incident: s3://" in story


def test_a_deployment_succeeds_after_kill_9_of_the_one_before(delivery: Delivery) -> None:
    """The supervisor ends the engine. The next deployment takes the lease and the lock without waiting for the lease to expire."""
    run = delivery.deploy("v5.2.0")
    wait_for(printed(run, "update ..."), run)
    wait_for(lambda: bool(engines(run)), run)
    engine = engines(run)[0]
    run.signal(signal.SIGKILL)
    run.process.wait()
    psutil.wait_procs([engine], timeout=60)
    assert not alive(engine.pid)
    assert delivery.lease()["held"]["BOOL"], "the killed command cannot release the lease"
    delivery.output_after_exit(delivery.deploy("v5.2.1"), 0)
    assert delivery.image().endswith(":v5.2.1")
    results = {each["tag"]: each["result"] for each in delivery.releases()}
    assert (results["v5.2.0"], results["v5.2.1"]) == ("failed", "deployed")


def engines(run: Run) -> list[psutil.Process]:
    """The engine process of a command."""
    if run.process.poll() is not None:
        return []
    return [each for each in psutil.Process(run.process.pid).children(recursive=True) if each.name() == "pulumi"]


def test_a_second_rollback_returns_to_the_release_that_the_first_one_replaced(delivery: Delivery) -> None:
    """The API server restarts during the first rollback."""
    latest = delivery.image()
    deployed = [each["image"] for each in delivery.releases() if each["result"] == "deployed"]
    before = next(each for each in deployed if each != latest)
    flag = "/api/v1/namespaces/dwcp-v3/configmaps/dwcp-v3-rollout"
    delivery.live.api.request("PATCH", flag, {"data": {"percentage": "50"}}, "application/merge-patch+json")
    run = delivery.command("rollback", "--reason", "a test")
    wait_for(printed(run, "traffic to stable"), run)
    server = delivery.live.cloud.processes.running()["kube-apiserver"]
    server.kill()
    server.wait()
    delivery.live.cloud.control_plane.launch()
    story = delivery.output_after_exit(run, 0)
    assert delivery.image() == before
    assert delivery.live.flag == "0"
    assert "ok      state and configuration follow" in story
    delivery.pulumi_up()
    assert delivery.image() == before, "the stack has the image of the rollback"
    delivery.output_after_exit(delivery.command("rollback"), 0)
    assert delivery.image() == latest
    newest = delivery.releases()[0]
    assert (newest["command"], newest["result"]) == ("rollback", "deployed")


def test_a_staged_release_gets_no_pods_and_no_traffic(delivery: Delivery, tmp_path: Path) -> None:
    """As in production: the program is applied, stable keeps its image, and the canary gets the new image with 0 pods."""
    checkout = copy_with(tmp_path, {"environment": {"deployment": "staged"}})
    before = delivery.image()
    story = delivery.output_after_exit(delivery.deploy("v5.6.0", folder=checkout), 0)
    assert "dwcp rollout --environment local --image ghcr.io/novacron/dwcp-v3:v5.6.0" in story
    canary = delivery.live.api.get(f"{DEPLOYMENT}-canary")["spec"]
    assert canary["template"]["spec"]["containers"][0]["image"].endswith(":v5.6.0")
    assert (canary["replicas"], delivery.live.split, delivery.image()) == (0, 0, before)
    newest = delivery.releases()[0]
    assert (newest["tag"], newest["result"]) == ("v5.6.0", "staged")


def copy_with(folder: Path, settings: dict[str, Any]) -> Path:
    """A copy of the checkout whose local stack has these settings (groups or keys)."""
    checkout = folder / "checkout"
    checkout.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", ".*", "node_modules")
    for part in ("__main__.py", "contract.py", "Pulumi.yaml", "components", "delivery", "policies", "program"):
        source = ROOT / part
        _ = shutil.copytree(source, checkout / part, ignore=ignored) if source.is_dir() else shutil.copy(source, checkout)
    use_environment(checkout)
    content = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
    for key, value in settings.items():
        full = f"dwcp-v3:{key}"
        content["config"][full] = {**content["config"].get(full, {}), **value} if isinstance(value, dict) else value
    (checkout / "Pulumi.local.yaml").write_text(yaml.safe_dump(content))
    return checkout


def test_a_dry_run_prints_the_plan_and_changes_nothing(delivery: Delivery) -> None:
    before = (delivery.image(), len(delivery.releases()), delivery.lease()["fencing"]["N"])
    story = delivery.output_after_exit(delivery.deploy("v5.3.0", "--dry-run"), 0)
    assert "update dwcp-v3-deployment" in story
    assert "spec.template.spec.containers[0].image" in story
    assert "nothing was changed" in story
    assert (delivery.image(), len(delivery.releases()), delivery.lease()["fencing"]["N"]) == before


def test_an_update_is_limited_to_the_plan_of_a_preview(delivery: Delivery, tmp_path: Path) -> None:
    plan = tmp_path / "local.json"
    preview = delivery.live.start("preview", "--engine", "--environment", "local", "--save-plan", str(tmp_path))
    assert preview.process.wait(400) == 0, preview.full_output()
    planned_update = delivery.command("deploy", "--plan", str(plan), "--skip-tests")
    assert "ok      update" in delivery.output_after_exit(planned_update, 0)
    planned = json.loads(plan.read_text())
    urn = next(each for each in planned["resourcePlans"] if each.endswith("Deployment::dwcp-v3-deployment"))
    del planned["resourcePlans"][urn]
    plan.write_text(json.dumps(planned))
    before = delivery.image()
    refused = delivery.output_after_exit(delivery.command("deploy", "--plan", str(plan), "--skip-tests"), 1)
    assert "dwcp-v3-deployment" in refused
    assert delivery.image() == before


def test_failing_tests_stop_a_deployment(delivery: Delivery) -> None:
    before = delivery.image()
    story = delivery.output_after_exit(delivery.command("deploy", "--tag", "v5.4.0", "--tests", "echo $((1 + 1)) failed; false"), 1)
    assert "the tests failed" in story
    assert "2 failed" in story
    assert delivery.image() == before
    assert "ok      update" not in story


def test_a_rollback_restores_a_revision_of_the_deployment(delivery: Delivery) -> None:
    sets = delivery.live.api.items("/apis/apps/v1/namespaces/dwcp-v3/replicasets?labelSelector=app%3Ddwcp-v3%2Ctrack%3Dstable")
    revisions = {
        int(each["metadata"]["annotations"]["deployment.kubernetes.io/revision"]): each["spec"]["template"]["spec"]["containers"][0]
        for each in sets
    }
    number, container = min((number, each) for number, each in revisions.items() if each["image"] != delivery.image())
    refused = delivery.output_after_exit(delivery.command("rollback", "--to-revision", "999"), 1)
    assert "has no revision 999" in refused
    assert re.search(rf"choose from: .*\b{number}\b", refused), refused
    delivery.output_after_exit(delivery.command("rollback", "--to-revision", str(number)), 0)
    assert delivery.image() == container["image"]
    delivery.pulumi_up()
    assert delivery.image() == container["image"]


def test_a_rollback_restores_a_backup_file(delivery: Delivery) -> None:
    """Only the API server is needed to restore the service; the state and its configuration follow."""
    files = sorted(BACKUPS.glob("dwcp-v3-local-*.yaml"), key=lambda each: each.stat().st_mtime)
    wanted = next(each for each in files if ":v5.0.0" in each.read_text())
    delivery.output_after_exit(delivery.command("rollback", "--to", str(wanted)), 0)
    assert delivery.image().endswith(":v5.0.0")
    damaged = wanted.with_name(f"damaged-{wanted.name}")
    damaged.write_text(wanted.read_text().replace("v5.0.0", "v6.6.6"))
    assert "is damaged" in delivery.output_after_exit(delivery.command("rollback", "--to", str(damaged)), 1)
    assert delivery.image().endswith(":v5.0.0")


def test_a_deployment_resets_and_reports_manual_changes(delivery: Delivery) -> None:
    """After the guide's own kubectl commands, the next deployment does not fail with a conflict."""
    image = delivery.image()
    delivery.live.kubectl("rollout", "undo", "deployment/dwcp-v3")
    delivery.live.kubectl("set", "image", "deployment/dwcp-v3", "dwcp-v3=ghcr.io/novacron/dwcp-v3:v0.0.1")
    delivery.live.kubectl("scale", "deployment/dwcp-v3-redis", "--replicas", "0")
    assert {each for each in delivery.live.managers("deployment", "dwcp-v3") if each.startswith("kubectl")}
    story = delivery.output_after_exit(delivery.deploy(image.rpartition(":")[2]), 0)
    assert "reset Deployment dwcp-v3 (" in story
    assert "spec.template.spec.containers[dwcp-v3].image" in story
    assert "reset Deployment dwcp-v3-redis (spec.replicas, by an unknown manager)" in story
    assert delivery.image() == image, "the image is reset even though the release is the same"
    assert delivery.live.kubectl("get", "deployment", "dwcp-v3-redis", "-o", "jsonpath={.spec.replicas}") == "1"
    assert delivery.live.managers("deployment", "dwcp-v3") <= {MANAGER, "dwcp"}
    newest = max(BACKUPS.glob("dwcp-v3-local-*.yaml"), key=lambda each: each.stat().st_mtime)
    delivery.live.kubectl("apply", "-f", str(newest))
    delivery.output_after_exit(delivery.deploy("v5.9.0"), 0)
    assert delivery.image().endswith(":v5.9.0")
    assert delivery.live.managers("deployment", "dwcp-v3", of="f:spec") <= {MANAGER, "dwcp"}, (
        "kubectl apply owns only its annotation"
    )


def test_a_rollback_updates_an_object_that_its_provider_created_by_a_post(delivery: Delivery) -> None:
    """The official provider's POST leaves an `Update` entry in `managedFields`, and no `Apply` entry."""
    live = delivery.live.api.get(DEPLOYMENT)
    manager = next(each["manager"] for each in live["metadata"]["managedFields"] if each["manager"].startswith(MANAGER))
    fields = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"dwcp-v3"}': {"f:image": {}}}}}}}
    entry = {"manager": manager, "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1"}
    patch = [{"op": "replace", "path": "/metadata/managedFields", "value": [{**entry, "fieldsV1": fields}]}]
    delivery.live.api.request("PATCH", DEPLOYMENT, patch, "application/json-patch+json")
    before = live["spec"]["template"]["spec"]["containers"][0]["image"]
    delivery.output_after_exit(delivery.command("rollback"), 0)
    assert delivery.image() != before
    own = [each for each in delivery.live.api.get(DEPLOYMENT)["metadata"]["managedFields"] if each["manager"].startswith(MANAGER)]
    assert manager in {each["manager"] for each in own if each["operation"] == "Apply"}


def test_a_rollback_to_a_missing_image_keeps_the_running_release(delivery: Delivery) -> None:
    before = delivery.image()
    delivery.live.kubectl("set", "image", "deployment/dwcp-v3", "dwcp-v3=ghcr.io/novacron/dwcp-v3:v5.10.0-missing")
    delivery.live.wait(lambda: delivery.live.api.get(DEPLOYMENT)["status"].get("unavailableReplicas", 0) > 0)
    revision = delivery.live.api.get(DEPLOYMENT)["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    delivery.live.kubectl("rollout", "undo", "deployment/dwcp-v3")
    story = delivery.output_after_exit(delivery.command("rollback", "--to-revision", revision), 1)
    assert re.search(r"pod \S+ is in (ErrImagePull|ImagePullBackOff)", story), story
    assert f"{before} was restored and continues to serve" in story
    assert delivery.image() == before


def test_a_stopped_rollout_keeps_a_port_that_another_person_has_set(delivery: Delivery, tmp_path: Path) -> None:
    """Stable already has the new image, so the rollback is an update, but only of the image: the target groups stay."""
    before = delivery.image()
    delivery.up_with(tmp_path, application={"port": 8081})
    live = LivePlatform(cloud=delivery.live.cloud, monitoring=delivery.live.monitoring, state=delivery.live.state)
    live.prepare()
    live.wait(lambda: live.target_ports() == [8081] * 3)
    groups = dict(live.groups)
    try:
        run = live.rollout(live.new_image(), settings={"steps": [100]})
        run.until(lambda event: event["event"] == "action" and event["action"] == "Promote")
        run.signal(signal.SIGTERM)
        assert run.end(1)["result"] == "aborted"
        assert "stopped by SIGTERM" in run.events[-1]["text"]
        assert set(live.target_ports()) == {8081}
        assert live.groups_now() == groups
        live.assert_rolled_back(before)
    finally:
        delivery.live.cloud.engine.pulumi("up", "--yes", "--skip-preview", "--stack", "local")
        delivery.live.forget_groups()
        delivery.live.prepare()


def test_the_first_release_is_rolled_back_to_the_image_and_settings_of_pulumi_up(delivery: Delivery, tmp_path: Path) -> None:
    bucket = next(each["Name"] for each in delivery.live.aws("s3").list_buckets()["Buckets"] if "artifacts" in each["Name"])
    records = delivery.live.aws("s3").list_objects_v2(Bucket=bucket, Prefix="releases/local/").get("Contents", [])
    for each in records:
        delivery.live.aws("s3").delete_object(Bucket=bucket, Key=each["Key"])
    assert delivery.releases() == []
    image_of_up = delivery.image()
    checkout = copy_with(tmp_path, {"application": {"logLevel": "debug"}})
    delivery.output_after_exit(delivery.deploy("v5.11.0", folder=checkout), 0)
    assert delivery.settings()["level"] == "debug"
    story = delivery.output_after_exit(delivery.command("rollback"), 0)
    assert "the deployment before " in story
    assert 'restored: application.logLevel = "info" ("debug" now)' in story
    assert (delivery.image(), delivery.settings()["level"]) == (image_of_up, "info")


@pytest.mark.parametrize("line", ["deploy --tag v5.12.0 --skip-tests", "rollback"])
def test_a_namespace_that_is_being_deleted_is_refused_before_any_change(
    delivery: Delivery, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test changes the response of the API server, because a real deletion would end the platform."""
    for name, value in delivery.live.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    # The client reads the variable once, when it is imported.
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", delivery.live.environment()["KUBECONFIG"])
    request = KubernetesClient.request

    def answer(self: KubernetesClient, verb: str, path: str, *rest: Any, **how: Any) -> Any:
        found = request(self, verb, path, *rest, **how)
        return found | {"status": {"phase": "Terminating"}} if path == "/api/v1/namespaces/dwcp-v3" else found

    monkeypatch.setattr(KubernetesClient, "request", answer)
    before = (delivery.releases(), delivery.lease())
    done = CliRunner().invoke(app, [*line.split(), "--environment", "local"])
    assert isinstance(done.exception, DeliveryError), done.output
    assert done.exception.problem == "the namespace dwcp-v3 is being deleted, so no object can be created in it"
    assert "kubectl wait --for=delete namespace/dwcp-v3" in done.exception.fix
    assert (delivery.releases(), delivery.lease()) == before


def test_a_failed_deployment_and_a_rollback_revert_a_change_of_the_program(delivery: Delivery, tmp_path: Path) -> None:
    """Otherwise the fault would return with the update that follows the restoration of the service."""

    def period() -> str:
        probe = "{.spec.template.spec.containers[?(@.name=='dwcp-v3')].readinessProbe.periodSeconds}"
        return delivery.live.kubectl("get", "deployment", "dwcp-v3", "-o", f"jsonpath={probe}")

    checkout = tmp_path / "checkout"
    copy_files(checkout)
    init_repository(checkout)
    git(checkout, "add", "--all")
    git(checkout, "commit", "--message", "good")
    delivery.output_after_exit(delivery.deploy("v5.9.0", folder=checkout), 0)
    assert period() == "5"
    file = checkout / "components/workload/_tracks.py"
    good, bad = "READINESS_PERIOD_SECONDS = 5", "READINESS_PERIOD_SECONDS = 9"
    assert good in file.read_text()
    file.write_text(file.read_text().replace(good, bad))
    git(checkout, "commit", "--all", "--message", "bad")
    story = delivery.output_after_exit(delivery.deploy("v5.9.1", folder=checkout, more={"DWCP_E2E_COMMAND": "/bin/false"}), 1)
    assert "v5.9.0 runs again" in story
    assert period() == "5"
    delivery.output_after_exit(delivery.deploy("v5.9.1", folder=checkout), 0)
    assert period() == "9"
    story = delivery.output_after_exit(delivery.command("rollback", folder=checkout), 0)
    assert "restored: the program of commit" in story
    assert (period(), delivery.image().rpartition(":")[2]) == ("5", "v5.9.0")
    assert subprocess.check_output(["git", "-C", checkout, "worktree", "list"], text=True).count("\n") == 1


def test_a_rollback_keeps_and_reports_later_settings_of_others(delivery: Delivery, tmp_path: Path) -> None:
    """A rotated password, a changed log level and an enlarged volume stay, and the differences are printed."""
    delivery.output_after_exit(delivery.deploy("v5.7.0"), 0)
    delivery.output_after_exit(delivery.deploy("v5.7.1"), 0)
    delivery.up_with(tmp_path, redisPassword="rotated", application={"logLevel": "error"}, redis={"storage": "12Gi"})
    delivery.wait_for_volume_size("12Gi")
    others = {"password": "rotated", "level": "error", "storage": "12Gi"}
    assert delivery.settings() == others
    delivery.live.kubectl("set", "image", "deployment/dwcp-v3", "dwcp-v3=ghcr.io/novacron/dwcp-v3:v0.0.1")
    delivery.live.kubectl("scale", "deployment/dwcp-v3-redis", "--replicas", "0")
    plan = delivery.output_after_exit(delivery.command("rollback", "--dry-run"), 0)
    assert ":v5.7.1)" in plan, "without --to, only the change by kubectl is reverted"
    story = delivery.output_after_exit(delivery.command("rollback", "--to", _release_id(delivery, "v5.7.0")), 0)
    assert delivery.image().endswith(":v5.7.0")
    assert delivery.settings() == others
    assert "reset Deployment dwcp-v3 (spec.template.spec.containers[dwcp-v3].image, by kubectl-set)" in story
    assert "reset Deployment dwcp-v3-redis (spec.replicas, by an unknown manager)" in story
    assert delivery.live.kubectl("get", "deployment", "dwcp-v3-redis", "-o", "jsonpath={.spec.replicas}") == "1"
    assert delivery.live.managers("deployment", "dwcp-v3") <= {MANAGER, "dwcp"}
    assert 'kept: application.logLevel = "error" ("info" in' in story
    assert "rotated" not in story
    back = delivery.output_after_exit(delivery.command("rollback", "--to", _release_id(delivery, "v5.7.0"), "--with-settings"), 0)
    assert 'restored: application.logLevel = "info" ("error" now)' in back
    assert delivery.settings() == {"password": "rotated", "level": "info", "storage": "12Gi"}


def test_a_failed_deployment_reverts_its_settings_except_credentials_and_sizes(delivery: Delivery, tmp_path: Path) -> None:
    checkout = copy_with(tmp_path, {"application": {"logLevel": "debug"}, "redis": {"storage": "14Gi"}, "redisPassword": "rotated"})
    before = delivery.image()
    story = delivery.output_after_exit(delivery.deploy("v5.8.0", folder=checkout, more={"DWCP_E2E_COMMAND": "/bin/false"}), 1)
    assert f"{before} runs again" in story
    assert delivery.image() == before
    assert delivery.settings() == {"password": "rotated", "level": "info", "storage": "14Gi"}


def _release_id(delivery: Delivery, tag: str) -> str:
    return next(each["id"] for each in delivery.releases() if each["tag"] == tag and each["command"] == "deploy")
