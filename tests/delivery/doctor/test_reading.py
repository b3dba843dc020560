"""Reading a platform under faults: no cluster, no credentials, 403, slow answers, an incomplete platform."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from delivery.cli.app import app
from delivery.clients.environment import Environment, UnreachableError
from delivery.doctor import doctor_report
from delivery.doctor.checks import CHECKS
from delivery.doctor.diagnosis import diagnose
from delivery.doctor.facts import Changed
from delivery.doctor.observations import PARTS, Snapshot
from delivery.doctor.reading import observe
from delivery.doctor.sources import Sources
from delivery.errors import DeliveryError, ExitCode, UsageError

KUBECONFIG = "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"
"""The client reads the variable once, when it is imported."""
Answer = tuple[int, dict[str, Any]]
CLUSTER_PARTS = {
    "pods",
    "events",
    "deployments",
    "autoscalers",
    "disruption_budgets",
    "claims",
    "secret_names",
    "nodes",
    "cluster_dns",
}


class ApiServer:
    """An API server whose answer to every request a test sets."""

    def __init__(self) -> None:
        self.answer: Callable[[str], Answer] = lambda _: (200, {"items": []})
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = outer.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def api_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """An API server that KUBECONFIG names; AWS and Prometheus are out of reach."""
    server = ApiServer()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    monkeypatch.setattr(KUBECONFIG, str(file))
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps the credentials of the first caller
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "DWCP_PROMETHEUS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    yield server
    server.released.set()
    server.server.shutdown()
    server.server.server_close()


def read_platform(seconds: float = 10, drift: Callable[[], list[Changed]] = list) -> Snapshot:
    *_, observed = observe(Sources(Environment.open("local"), drift), seconds=seconds)
    return observed


def test_every_part_of_the_snapshot_is_read(api_server: ApiServer) -> None:
    snapshot = read_platform()
    assert [name for name in PARTS if "not read" in getattr(snapshot, name).missing] == []


def test_a_part_that_was_not_read_has_a_reason() -> None:
    assert Snapshot(environment="local").cluster_dns.missing == "cluster dns: not read"


def test_missing_permissions_are_reported_by_part_with_the_servers_message(api_server: ApiServer) -> None:
    api_server.answer = lambda path: (403, {"message": f"User reader cannot list resource at {path.partition('?')[0]}"})
    observed = read_platform()
    assert "with 403: User reader cannot list resource at /api/v1/namespaces/dwcp-v3/pods" in observed.pods.missing
    report = diagnose(observed)
    assert {each.check for each in report.unchecked} == set(CHECKS) - {"drift"}
    assert report.findings == ()


def test_with_some_permissions_some_checks_run(api_server: ApiServer) -> None:
    def answer(path: str) -> Answer:
        return (403, {"message": "no"}) if "/secrets" in path or "/nodes" in path else (200, {"items": []})

    api_server.answer = answer
    observed = read_platform()
    assert observed.pods.value == []
    assert observed.secret_names.missing
    assert "autoscaler-without-metrics" in diagnose(observed).passed


def test_name_servers_outside_of_pods_are_found_by_their_service(api_server: ApiServer) -> None:
    slices = [{"metadata": {"name": "kube-dns"}, "endpoints": [{"addresses": ["10.0.0.10"]}]}]
    api_server.answer = lambda path: (200, {"items": slices if "/endpointslices?" in path and "kube-dns" in path else []})
    assert read_platform().cluster_dns.value == slices


def test_a_namespace_without_deployments_is_not_a_healthy_platform(api_server: ApiServer) -> None:
    observed = read_platform()
    assert observed.deployments.missing == "deployments: there is no platform in namespace dwcp-v3\n    run `pulumi up -s local`"
    assert "redis-down" in {each.check for each in diagnose(observed).unchecked}


def test_a_server_that_does_not_answer_in_time_is_reported_by_part(api_server: ApiServer) -> None:
    def never(_: str) -> Answer:
        api_server.released.wait(60)
        return 200, {"items": []}

    api_server.answer = never
    observed = read_platform(seconds=0.5)
    assert {name for name in CLUSTER_PARTS if "no answer within 0.5 s" in getattr(observed, name).missing} == CLUSTER_PARTS


def test_a_missing_cluster_and_missing_credentials_are_reported(api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KUBECONFIG, "/nowhere")
    observed = read_platform()
    assert "the cluster of local cannot be reached" in observed.pods.missing
    assert "Unable to locate credentials" in observed.tracks.missing
    assert "credentials" in observed.lease.missing
    assert diagnose(observed).exit_code is ExitCode.UNCHECKED


def test_an_unexpected_answer_is_reported(api_server: ApiServer) -> None:
    api_server.answer = lambda _: (200, {"surprise": True})
    assert "pods: the response does not have the expected form: KeyError('items')" in read_platform().pods.missing


def test_alerts_and_scrapes_are_read_from_prometheus(api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {"alertname": "HighLatency", "component": "dwcp-v3-service", "severity": "warning", "track": "stable"}
    failed = {"alertname": "NotificationsFailed", "component": "dwcp-v3-monitoring", "severity": "critical", "integration": "slack"}
    down = {"alertname": "TargetDown", "component": "dwcp-v3-monitoring", "severity": "warning", "job": "dwcp-v3"}
    foreign = {"labels": {"alertname": "Watchdog"}, "annotations": {}, "state": "firing", "value": "1"}
    annotations = {"description": "slow", "runbook_url": "https://example.com/docs/runbooks/performance-issues.md"}
    ours = {"labels": labels, "annotations": annotations, "state": "pending", "value": "2"}

    def answer(path: str) -> Answer:
        if path.startswith("/api/v1/alerts"):
            new = {**ours, "activeAt": datetime.now(UTC).isoformat()}
            more = [{**ours, "labels": labels, "state": "firing"} for labels in (failed, down)]
            return 200, {"data": {"alerts": [foreign, ours, new, *more]}}
        return 200, {"data": {"result": [{"metric": {"job": "dwcp-v3"}, "value": [1, "0"]}]}, "items": []}

    api_server.answer = answer
    monkeypatch.setenv("DWCP_PROMETHEUS_URL", f"{api_server.url}/")
    observed = read_platform()
    assert [(each.name, each.runbook, each.firing) for each in observed.alerts.value] == [
        ("HighLatency", "performance-issues", False),
        ("NotificationsFailed", "performance-issues", True),
    ]
    assert [each.labels for each in observed.scrapes_failing.value] == [{"job": "dwcp-v3"}]


def test_a_skipped_part_has_its_reason(api_server: ApiServer) -> None:
    def refuse() -> list[Changed]:
        raise AssertionError("drift must not be read")

    [observed] = observe(Sources(Environment.open("local"), refuse), seconds=5, skip={"drift": "skipped by --quick"})
    assert observed.drift.missing == "drift: skipped by --quick"


def test_the_first_snapshot_does_not_wait_for_drift(api_server: ApiServer) -> None:
    read = threading.Event()

    def slowly() -> list[Changed]:
        assert read.wait(60)
        return []

    snapshots = observe(Sources(Environment.open("local"), slowly), seconds=10)
    assert next(snapshots).drift.missing == "drift: not read yet"
    read.set()
    assert next(snapshots).drift.value == []


def test_what_is_found_before_drift_is_printed_once(api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person on call reads the first findings while the engine still compares the state with the real resources."""
    printed, print_table = threading.Event(), doctor_report.print_table

    def print_and_go_on(*arguments: Any, **options: Any) -> None:
        print_table(*arguments, **options)
        printed.set()

    def drift(_: Environment) -> list[Changed]:
        assert printed.wait(60)
        return [changed]

    changed = Changed(what="Service web", how="spec.ports differs", cause="Another system edited it.", critical=False)
    waiting = {"name": "web", "state": {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}}
    pod = {
        "metadata": {"name": "web-1", "namespace": "dwcp-v3", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{"name": "web", "image": "web:1.2.3"}]},
        "status": {"phase": "Pending", "containerStatuses": [waiting]},
    }
    monkeypatch.setattr(doctor_report, "print_table", print_and_go_on)
    monkeypatch.setattr("delivery.doctor.drifted.changes_of", drift)
    api_server.answer = lambda path: (200, {"items": [pod] if path.endswith("/pods") else []})
    text = CliRunner().invoke(app, ["doctor", "-e", "local", "--timeout", "5"]).output
    assert text.index("Pod web-1") < text.index("comparing the state with the real resources") < text.index("spec.ports differs")
    assert text.count("Pod web-1") == 1


def test_drift_that_cannot_be_read_is_unchecked(api_server: ApiServer) -> None:
    def lost() -> list[Changed]:
        raise UnreachableError("the engine cannot read stack local back", "")

    assert read_platform(drift=lost).drift.missing == "drift: the engine cannot read stack local back"


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["doctor", *arguments])
    if isinstance(done.exception, UsageError):
        return int(done.exception.exit_code), str(done.exception)
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-e", "prod"), "there is no environment 'prod'"),
        (("-e", "local", "--watch", "1"), "--watch 1 is below 5"),
        (("-e", "local", "--watch", "-5"), "--watch -5 is below 5"),
        (("-e", "local", "--timeout", "0"), "--timeout 0 is not above 0"),
        (("-e", "local", "--timeout", "inf"), "--timeout inf is not above 0 and at most 3600"),
        (("-e", "local", "--timeout", "nan"), "--timeout nan is not above 0"),
    ],
)
def test_invalid_options_are_refused(arguments: tuple[str, ...], message: str) -> None:
    code, text = run(*arguments)
    assert (code, message in text) == (2, True), text


def test_unreachable_parts_are_reported_with_exit_code_5(api_server: ApiServer) -> None:
    api_server.answer = lambda _: (403, {"message": "no"})
    code, text = run("-e", "local", "--quick", "--format", "json", "--timeout", "5")
    assert code == 5
    assert json.loads(text[text.index("{") :])["exitCode"] == 5


def test_an_unreachable_platform_is_one_error_with_the_fix(api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command prints neither one row for each part nor a log of the Kubernetes client."""
    monkeypatch.setattr(KUBECONFIG, "/nowhere")
    done = CliRunner().invoke(app, ["doctor", "-e", "local", "--quick", "--timeout", "5"])
    assert isinstance(done.exception, DeliveryError)
    assert done.exception.exit_code == 5
    assert done.exception.problem.startswith("no part of local can be read: ")
    assert "\n" not in done.exception.problem
    assert done.exception.fix == "make up"
    assert done.output.strip() == "checking local ...", "no table is printed"


def test_watch_repeats_the_checks_and_reads_drift_only_once(api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    api_server.answer = lambda _: (403, {"message": "no"})
    pauses: list[float] = []
    refreshes: list[str] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    def no_drift(environment: Environment) -> list[Changed]:
        refreshes.append(environment.name)
        return []

    monkeypatch.setattr("delivery.cli.doctor.time.sleep", pause)
    monkeypatch.setattr("delivery.doctor.drifted.changes_of", no_drift)
    done = CliRunner().invoke(app, ["doctor", "-e", "local", "--watch", "7", "--format", "markdown", "--timeout", "5"])
    assert done.output.count("## Doctor: local") == 3
    assert (pauses, refreshes) == ([7, 7, 7], ["local"])
    assert "checked only at the start of --watch" in done.output


def test_watch_continues_while_no_part_can_be_read(api_server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        monkeypatch.setattr(KUBECONFIG, str(tmp_path / ("none" if len(pauses) == 1 else "kubeconfig")))
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("delivery.cli.doctor.time.sleep", pause)
    done = CliRunner().invoke(app, ["doctor", "-e", "local", "--watch", "7", "--quick", "--timeout", "5"])
    assert len(pauses) == 3
    assert done.output.count("no part of local can be read: ") == 1
    assert done.output.count("checks did not run completely") == 2
