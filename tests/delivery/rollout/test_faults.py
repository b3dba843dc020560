"""Faults during a rollout: traffic never stays on an unintended split, and a track with traffic is never scaled down."""

from __future__ import annotations

import resource
import signal
import time
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from fault_proxy import Answer, FaultProxy, Forward
from live_platform import FAST, LivePlatform

from delivery.errors import ExitCode
from sandbox.failing_pods import ANNOTATION

TEN = {"steps": [10]}
STRICT = TEN | {"unmeasuredLimit": 4}
"""Settings of a rollout that ends at 10 %, and is held after four analyses without a measurement."""
EMPTY = b'{"status": "success", "data": {"resultType": "vector", "result": []}}'


def nan(path: str, body: bytes, forward: Forward) -> Answer:
    """Prometheus answers NaN, as for the ratio 0 / 0."""
    number = b'{"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [%d, "NaN"]}]}}'
    return forward() if "time%28%29" in path or "status/config" in path else Answer(200, number % int(time.time()))


def empty(path: str, body: bytes, forward: Forward) -> Answer:
    """Prometheus has no samples, as if it never scraped the service."""
    return forward() if "time%28%29" in path or "status/config" in path else Answer(200, EMPTY)


def partial(path: str, body: bytes, forward: Forward) -> Answer:
    """Prometheus warns that a part of the data is missing, as a federated server does."""
    answer = forward()
    return Answer(answer.status, answer.body.replace(b'"status":"success"', b'"status":"success","warnings":["a store is away"]'))


def slow(path: str, body: bytes, forward: Forward) -> Answer:
    """Prometheus answers later than every time limit."""
    if "status/config" not in path:
        time.sleep(8)
    return forward()


def down(path: str, body: bytes, forward: Forward) -> Answer:
    """The load balancer of Prometheus answers with an error."""
    return forward() if "status/config" in path else Answer(503, b"no healthy upstream")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (down, "Prometheus does not answer"),
        (slow, "Prometheus does not answer"),
        (empty, "no result"),
        (nan, "NaN"),
        (partial, "a store is away"),
    ],
)
def test_a_rollout_without_measurements_is_held(live: LivePlatform, fault: object, reason: str) -> None:
    image = live.new_image()
    with FaultProxy(live.monitoring.prometheus_url) as proxy:
        proxy.fault = fault  # type: ignore[assignment]
        more = {"DWCP_PROMETHEUS_URL": proxy.url}
        end = live.rollout(image, settings=STRICT, more=more).end(ExitCode.HELD)
        assert "could not measure 4 times in a row" in end["text"]
        assert reason in end["text"]
        assert live.split == 10
        proxy.fault = lambda path, body, forward: forward()
        assert live.rollout(image, settings=STRICT, more=more).end(ExitCode.DONE)["result"] == "reached"


def test_an_unreachable_prometheus_can_abort_the_rollout(live: LivePlatform) -> None:
    old = live.stable["image"]
    more = {"DWCP_PROMETHEUS_URL": "http://127.0.0.1:1"}
    end = live.rollout(live.new_image(), settings={"onUnmeasured": "abort", "unmeasuredLimit": 4}, more=more).end(ExitCode.FAILED)
    assert end["result"] == "aborted"
    live.assert_rolled_back(old)


def test_a_short_outage_of_prometheus_has_no_effect(live: LivePlatform) -> None:
    gaps = {20, 21, 22, 23, 24}
    requests: list[str] = []

    def sometimes(path: str, body: bytes, forward: Forward) -> Answer:
        requests.append(path)
        return down(path, body, forward) if len(requests) in gaps else forward()

    with FaultProxy(live.monitoring.prometheus_url, sometimes) as proxy:
        end = live.rollout(live.new_image(), settings=TEN, more={"DWCP_PROMETHEUS_URL": proxy.url}).end(ExitCode.DONE)
    assert end["result"] == "reached"
    assert len(requests) > max(gaps)


def test_old_samples_are_not_a_measurement(live: LivePlatform) -> None:
    run = live.rollout(live.new_image(), "--wait-time", "60", settings=STRICT)
    run.until(lambda event: event["event"] == "wait" and event["text"].startswith("passed so far"))
    scraped = live.cloud.processes.running()["simulator"]
    scraped.suspend()
    try:
        assert "could not measure" in run.end(ExitCode.HELD)["text"]
    finally:
        scraped.resume()


def throttle(times: int) -> tuple[list[int], object]:
    """A counter of requests, and a fault that throttles two of three requests until there were ``times``."""
    count = [0]

    def fault(path: str, body: bytes, forward: Forward) -> Answer:
        count[0] += 1
        return _throttled() if count[0] % 3 and count[0] < times else forward()

    return count, fault


def _throttled() -> Answer:
    error = "<Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error>"
    text = f"<ErrorResponse>{error}<RequestId>{escape('1')}</RequestId></ErrorResponse>"
    return Answer(400, text.encode(), "text/xml")


def test_a_throttled_load_balancer_call_is_retried(live: LivePlatform) -> None:
    count, fault = throttle(20)
    with FaultProxy(f"http://127.0.0.1:{live.cloud.moto_port}", fault) as proxy:  # type: ignore[arg-type]
        end = live.rollout(live.new_image(), settings=TEN, more={"AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": proxy.url}).end(
            ExitCode.DONE
        )
    assert end["result"] == "reached"
    assert live.split == 10
    assert count[0] > 20


def test_the_canary_keeps_its_pods_while_its_weight_cannot_be_changed(live: LivePlatform) -> None:
    old, image = live.stable["image"], live.new_image()
    stuck = [False]

    def fault(path: str, body: bytes, forward: Forward) -> Answer:
        if stuck[0] and b"Action=ModifyRule" in body:  # answered without applying it
            return Answer(
                200, b"<ModifyRuleResponse><ModifyRuleResult><Rules/></ModifyRuleResult></ModifyRuleResponse>", "text/xml"
            )
        return forward()

    with FaultProxy(f"http://127.0.0.1:{live.cloud.moto_port}", fault) as proxy:
        more = {"AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": proxy.url}
        run = live.rollout(image, "--wait-time", "60", settings={"weightReadbackSeconds": 2}, more=more)
        run.phase("analyse", 0)
        stuck[0] = True
        run.signal(signal.SIGTERM)
        end = run.end(ExitCode.HELD)
        assert "the weight has no effect: set to 0 %, read back 10 %" in end["text"]
        assert (live.split, live.canary_replicas, live.healthy("canary")) == (10, 1, 1)
        stuck[0] = False
        live.start("rollout", "--abort", *FAST, more=more).end(ExitCode.FAILED)
    live.assert_rolled_back(old)


def test_a_rollout_continues_after_a_restart_of_the_api_server(live: LivePlatform) -> None:
    run = live.rollout(live.new_image(), "--wait-time", "10", settings=TEN)
    run.phase("analyse")
    server = live.cloud.processes.running()["kube-apiserver"]
    server.kill()
    server.wait()
    run.until(lambda event: event["event"] == "warning" and "API server" in event["text"])
    live.cloud.control_plane.launch()
    live.cloud.control_plane.complete()
    assert run.end(ExitCode.DONE)["result"] == "reached"
    assert (live.split, live.healthy("canary")) == (10, 1)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [("missing", "ErrImagePull"), ("crash", "CrashLoopBackOff"), ("unready", "did not become ready: 0 pods and 0 targets of 1")],
)
def test_pods_that_do_not_become_ready_get_no_traffic(live: LivePlatform, failure: str, reason: str) -> None:
    old, lost = live.stable["image"], live.unanswered
    run = live.rollout(live.new_image(failure), settings={"readySeconds": 10})
    text = run.end(ExitCode.FAILED)["text"]
    assert reason in text or (failure == "missing" and "ImagePullBackOff" in text)
    assert {event["split"] for event in run.events if event.get("action") == "Route"} <= {0}
    live.assert_rolled_back(old)
    assert live.unanswered == lost


def test_a_canary_that_crashes_under_traffic_is_rolled_back(live: LivePlatform) -> None:
    old = live.stable["image"]
    run = live.rollout(live.new_image(), "--wait-time", "60")
    run.phase("analyse")
    _make_pods_fail(live, "canary", "crash")
    text = run.end(ExitCode.FAILED)["text"]
    assert "the canary has a problem" in text or "targets are healthy" in text
    live.assert_rolled_back(old)


def test_pods_that_crash_after_100_percent_cause_a_rollback(live: LivePlatform) -> None:
    old = live.stable["image"]
    run = live.rollout(live.new_image(), settings={"steps": [100], "bakeSeconds": 60})
    run.phase("bake")
    _make_pods_fail(live, "stable", "crash")
    end = run.end(ExitCode.FAILED)
    assert end["result"] == "rolled back"
    assert [event["split"] for event in run.events if event.get("action") == "Route"] == [100, 0, 100, 0]
    live.wait(lambda: live.healthy("stable") == 3)
    live.assert_rolled_back(old)


def _make_pods_fail(live: LivePlatform, track: str, failure: str) -> None:
    pods = "/api/v1/namespaces/dwcp-v3/pods"
    for pod in live.api.get(f"{pods}?labelSelector=app%3Ddwcp-v3,track%3D{track}")["items"]:
        change = {"metadata": {"annotations": {ANNOTATION: failure}}}
        live.api.request("PATCH", f"{pods}/{pod['metadata']['name']}", change, "application/merge-patch+json")


def test_a_clock_that_is_minutes_off_has_no_effect(live: LivePlatform, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import time\nreal = time.time\ntime.time = lambda: real() - 600\n")
    end = live.rollout(live.new_image(), settings=TEN, more={"PYTHONPATH": str(tmp_path)}).end(ExitCode.DONE)
    assert end["result"] == "reached"


def test_a_full_disk_does_not_stop_a_rollback(live: LivePlatform) -> None:
    old, image = live.stable["image"], live.new_image()
    live.misbehave(image, errorRate=0.5)

    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1600, 1600))  # less than a journal; as on a full disk, but with another errno

    run = live.rollout(image, before=limit_file_size)
    end = run.end(ExitCode.FAILED)
    assert end["result"] == "aborted"
    warnings = [event["text"] for event in run.events if event["event"] == "warning"]
    assert any("only one copy of the journal was written; this machine" in text for text in warnings)
    live.assert_rolled_back(old)


def test_a_rollout_is_refused_while_the_canary_has_traffic_without_a_rollout(live: LivePlatform) -> None:
    old = live.stable["image"]
    live.route(20)
    run = live.rollout(live.new_image())
    run.end(ExitCode.FAILED)
    assert "receives 20 % of the traffic, and no rollout is open" in "".join(run.other)
    planned = live.start("rollout", "--abort", "--dry-run", *FAST)
    planned.end(ExitCode.DONE)
    assert "canary gets 0 % of the traffic, flag is set to 0 %" in "".join(planned.other)
    assert live.split == 20
    live.start("rollout", "--abort", *FAST).end(ExitCode.FAILED)
    live.assert_rolled_back(old)


def test_pulumi_up_during_a_rollout_does_not_change_it(live: LivePlatform) -> None:
    image = live.new_image()
    live.rollout(image, "--percentage", "50").end(ExitCode.DONE)
    before = (live.split, live.flag, live.canary_replicas, live.floors, live.stable["image"])
    live.cloud.engine.pulumi("up", "--yes", "--skip-preview", "--stack", "local")
    assert (live.split, live.flag, live.canary_replicas, live.floors, live.stable["image"]) == before
