"""What must be survived in mid-rollout: in no case is traffic left where nobody chose, or a receiving track scaled down."""

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

TEN = {"steps": [10]}
STRICT = TEN | {"unmeasuredLimit": 4}
"""One step and a hold: what happens is in the middle of it."""
EMPTY = b'{"status": "success", "data": {"resultType": "vector", "result": []}}'


def nan(path: str, body: bytes, forward: Forward) -> Answer:
    """Every ratio is 0 / 0."""
    number = b'{"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [%d, "NaN"]}]}}'
    return forward() if "time%28%29" in path or "status/config" in path else Answer(200, number % int(time.time()))


def empty(path: str, body: bytes, forward: Forward) -> Answer:
    """It never scraped the service."""
    return forward() if "time%28%29" in path or "status/config" in path else Answer(200, EMPTY)


def partial(path: str, body: bytes, forward: Forward) -> Answer:
    """A store of a federated one is away."""
    answer = forward()
    return Answer(answer.status, answer.body.replace(b'"status":"success"', b'"status":"success","warnings":["a store is away"]'))


def slow(path: str, body: bytes, forward: Forward) -> Answer:
    """Beyond every patience."""
    if "status/config" not in path:
        time.sleep(8)
    return forward()


def down(path: str, body: bytes, forward: Forward) -> Answer:
    """Its load balancer answers for it."""
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
def test_what_cannot_be_measured_is_held_never_passed(live: LivePlatform, fault: object, reason: str) -> None:
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


def test_a_prometheus_that_is_gone_may_mean_going_back(live: LivePlatform) -> None:
    old = live.stable["image"]
    more = {"DWCP_PROMETHEUS_URL": "http://127.0.0.1:1"}
    end = live.rollout(live.new_image(), settings={"onUnmeasured": "abort", "unmeasuredLimit": 4}, more=more).end(ExitCode.FAILED)
    assert end["result"] == "aborted"
    live.assert_taken_back(old)


def test_a_short_absence_of_prometheus_is_no_reason_for_anything(live: LivePlatform) -> None:
    gaps = {20, 21, 22, 23, 24}
    asked: list[str] = []

    def sometimes(path: str, body: bytes, forward: Forward) -> Answer:
        asked.append(path)
        return down(path, body, forward) if len(asked) in gaps else forward()

    with FaultProxy(live.monitoring.prometheus_url, sometimes) as proxy:
        end = live.rollout(live.new_image(), settings=TEN, more={"DWCP_PROMETHEUS_URL": proxy.url}).end(ExitCode.DONE)
    assert end["result"] == "reached"
    assert len(asked) > max(gaps)


def test_a_scrape_that_stopped_is_not_mistaken_for_good_numbers(live: LivePlatform) -> None:
    run = live.rollout(live.new_image(), "--wait-time", "60", settings=STRICT)
    run.until(lambda event: event["event"] == "wait" and event["text"].startswith("passed so far"))
    scraped = live.cloud.processes.running()["simulator"]
    scraped.suspend()
    try:
        assert "could not measure" in run.end(ExitCode.HELD)["text"]
    finally:
        scraped.resume()


def throttle(times: int) -> tuple[list[int], object]:
    count = [0]

    def fault(path: str, body: bytes, forward: Forward) -> Answer:
        count[0] += 1
        return _throttled() if count[0] % 3 and count[0] < times else forward()

    return count, fault


def _throttled() -> Answer:
    error = "<Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error>"
    text = f"<ErrorResponse>{error}<RequestId>{escape('1')}</RequestId></ErrorResponse>"
    return Answer(400, text.encode(), "text/xml")


def test_a_throttled_load_balancer_is_asked_again(live: LivePlatform) -> None:
    count, fault = throttle(20)
    with FaultProxy(f"http://127.0.0.1:{live.cloud.moto_port}", fault) as proxy:  # type: ignore[arg-type]
        end = live.rollout(live.new_image(), settings=TEN, more={"AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": proxy.url}).end(
            ExitCode.DONE
        )
    assert end["result"] == "reached"
    assert live.split == 10
    assert count[0] > 20


def test_a_weight_that_does_not_take_is_given_up_and_one_that_stays_keeps_the_canary(live: LivePlatform) -> None:
    old, image = live.stable["image"], live.new_image()
    stuck = [False]

    def fault(path: str, body: bytes, forward: Forward) -> Answer:
        if stuck[0] and b"Action=ModifyRule" in body:  # answered as if it had been done
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
        assert "the weight does not take: set to 0 %, read back 10 %" in end["text"]
        assert (live.split, live.canary_replicas, live.healthy("canary")) == (10, 1, 1)
        stuck[0] = False
        live.start("rollout", "--abort", *FAST, more=more).end(ExitCode.FAILED)
    live.assert_taken_back(old)


def test_the_api_server_may_restart_in_the_middle(live: LivePlatform) -> None:
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
    ("fate", "reason"),
    [("missing", "ErrImagePull"), ("crash", "CrashLoopBackOff"), ("unready", "did not get ready: 0 pods and 0 targets of 1")],
)
def test_pods_that_never_work_get_no_traffic(live: LivePlatform, fate: str, reason: str) -> None:
    old, lost = live.stable["image"], live.unanswered
    run = live.rollout(live.new_image(fate), settings={"readySeconds": 10})
    text = run.end(ExitCode.FAILED)["text"]
    assert reason in text or (fate == "missing" and "ImagePullBackOff" in text)
    assert {event["split"] for event in run.events if event.get("action") == "Route"} <= {0}
    live.assert_taken_back(old)
    assert live.unanswered == lost


def test_a_canary_that_dies_under_traffic_loses_it(live: LivePlatform) -> None:
    old = live.stable["image"]
    run = live.rollout(live.new_image(), "--wait-time", "60")
    run.phase("analyse")
    _fate(live, "canary", "crash")
    text = run.end(ExitCode.FAILED)["text"]
    assert "the canary is in trouble" in text or "targets are healthy" in text
    live.assert_taken_back(old)


def test_pods_that_crash_after_100_percent_bring_the_previous_release_back(live: LivePlatform) -> None:
    old = live.stable["image"]
    run = live.rollout(live.new_image(), settings={"steps": [100], "bakeSeconds": 60})
    run.phase("bake")
    _fate(live, "stable", "crash")
    end = run.end(ExitCode.FAILED)
    assert end["result"] == "rolled back"
    assert [event["split"] for event in run.events if event.get("action") == "Route"] == [100, 0, 100, 0]
    live.wait(lambda: live.healthy("stable") == 3)
    live.assert_taken_back(old)


def _fate(live: LivePlatform, track: str, fate: str) -> None:
    pods = "/api/v1/namespaces/dwcp-v3/pods"
    for pod in live.api.get(f"{pods}?labelSelector=app%3Ddwcp-v3,track%3D{track}")["items"]:
        change = {"metadata": {"annotations": {"sandbox.dwcp/fate": fate}}}
        live.api.request("PATCH", f"{pods}/{pod['metadata']['name']}", change, "application/merge-patch+json")


def test_a_clock_that_is_minutes_off_changes_nothing(live: LivePlatform, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import time\nreal = time.time\ntime.time = lambda: real() - 600\n")
    end = live.rollout(live.new_image(), settings=TEN, more={"PYTHONPATH": str(tmp_path)}).end(ExitCode.DONE)
    assert end["result"] == "reached"


def test_a_full_disk_does_not_stop_the_way_back(live: LivePlatform) -> None:
    old, image = live.stable["image"], live.new_image()
    live.misbehave(image, errorRate=0.5)

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1600, 1600))  # less than a journal; a full disk's answer but for its number

    run = live.rollout(image, before=no_room)
    end = run.end(ExitCode.FAILED)
    assert end["result"] == "aborted"
    assert any(
        "the journal has one copy only; this machine" in event["text"] for event in run.events if event["event"] == "warning"
    )
    live.assert_taken_back(old)


def test_somebody_elses_hand_on_the_weights_stops_it(live: LivePlatform) -> None:
    run = live.rollout(live.new_image(), "--wait-time", "60")
    run.phase("analyse")
    live.route(33)
    assert "the traffic was moved from outside this rollout: 33 % instead of 10 %" in run.end(ExitCode.HELD)["text"]
    assert live.split == 33


def test_traffic_that_no_journal_accounts_for_is_refused_and_taken_back(live: LivePlatform) -> None:
    old = live.stable["image"]
    live.route(20)
    run = live.rollout(live.new_image())
    run.end(ExitCode.FAILED)
    assert "receives 20 % of the traffic, and no rollout is open" in "".join(run.other)
    live.start("rollout", "--abort", *FAST).end(ExitCode.FAILED)
    live.assert_taken_back(old)


def test_an_up_in_mid_rollout_changes_nothing_of_it(live: LivePlatform) -> None:
    image = live.new_image()
    live.rollout(image, "--percentage", "50").end(ExitCode.DONE)
    before = (live.split, live.flag, live.canary_replicas, live.floors, live.stable["image"])
    live.cloud.engine.pulumi("up", "--yes", "--skip-preview", "--stack", "local")
    assert (live.split, live.flag, live.canary_replicas, live.floors, live.stable["image"]) == before
