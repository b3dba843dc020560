"""`dwcp rollout` on the embedded cloud, with traffic, a real Prometheus and faults."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from live_platform import FAST, LEASES, LivePlatform
from recording import ROOT

from delivery.clients.kubernetes import PROGRAM_MANAGER
from delivery.errors import ExitCode

ONE_STEP = {"steps": [100]}
TEN = {"steps": [10]}


def test_a_good_release_is_promoted_without_lost_requests(live: LivePlatform) -> None:
    image, lost = live.new_image(), live.unanswered
    run = live.rollout(image, settings={"bakeSeconds": 3})
    end = run.end(ExitCode.DONE)
    assert end["result"] == "promoted"
    splits = [event["split"] for event in run.events if event.get("action") == "Route"]
    assert splits == [10, 50, 100, 0]
    assert live.stable["image"] == image
    assert (live.split, live.stable["healthy"], live.canary_replicas, live.floors, live.flag) == (0, 3, 0, [3, 3], "100")
    assert live.unanswered == lost
    release = _newest_release(live)
    assert (release["command"], release["result"], release["image"]) == ("rollout", "deployed", image)
    live.cloud.engine.pulumi("up", "--yes", "--skip-preview", "--stack", "local")
    assert live.stable["image"] == image, "`pulumi up` keeps the release"


def test_manual_changes_and_the_lock_of_a_killed_engine_are_reset_and_reported(live: LivePlatform) -> None:
    live.kubectl("set", "image", "deployment/dwcp-v3", f"dwcp-v3={live.new_image()}")
    live.kubectl("scale", "deployment/dwcp-v3-redis", "--replicas", "0")
    live.wait(lambda: live.stable["healthy"] == 3 and live.stable["status"]["updatedReplicas"] == 3)
    image = live.new_image()
    with live.engine_lock():
        run = live.rollout(image, settings=ONE_STEP)
        assert run.end(ExitCode.DONE)["result"] == "promoted"
    warnings = [event["text"] for event in run.events if event["event"] == "warning"]
    assert any(each.startswith("removed the lock of an engine that no longer runs") for each in warnings)
    assert "reset Deployment dwcp-v3 (spec.template.spec.containers[dwcp-v3].image, by kubectl-set)" in warnings
    assert "reset Deployment dwcp-v3-redis (spec.replicas, by an unknown manager)" in warnings
    assert live.stable["image"] == image
    assert live.kubectl("get", "deployment", "dwcp-v3-redis", "-o", "jsonpath={.spec.replicas}") == "1"
    assert live.managers("deployment", "dwcp-v3", of="f:spec") <= {PROGRAM_MANAGER, "dwcp"}


def test_a_rolling_update_of_stable_under_traffic_loses_no_request(live: LivePlatform) -> None:
    """A pod serves during its `preStop` sleep, and meanwhile its target leaves the load balancer."""
    names, lost = live.kubectl("get", "pods", "-l", "track=stable", "-o", "name").split(), live.unanswered
    live.kubectl("rollout", "restart", "deployment/dwcp-v3")
    live.kubectl("wait", "--for=delete", "--timeout=120s", *names)
    assert live.stable["healthy"] == 3
    assert live.unanswered == lost


def test_errors_abort_a_rollout_at_its_first_step(live: LivePlatform) -> None:
    old, image, lost = live.stable["image"], live.new_image(), live.unanswered
    live.misbehave(image, errorRate=0.3)
    with live.engine_lock(host="another-machine"):  # no update of stable is necessary, so the lock does not matter
        run = live.rollout(image)
        end = run.end(ExitCode.FAILED)
    assert end["result"] == "aborted"
    assert "error rate 30 % (limit 5 %)" in end["text"]
    assert [event["split"] for event in run.events if event.get("action") == "Route"] == [10, 0]
    live.assert_rolled_back(old)
    assert live.unanswered == lost
    assert _newest_release(live)["reason"].startswith("error rate 30 %")


def test_latency_is_compared_with_stable(live: LivePlatform) -> None:
    image = live.new_image()
    live.misbehave(image, latencySeconds=0.6)  # below the limit of 1 s, but stable takes 0.2 s
    assert "latency against stable" in live.rollout(image).end(ExitCode.FAILED)["text"]


def test_the_flag_strategy_changes_the_flag_and_no_traffic(live: LivePlatform) -> None:
    """Stable already runs the code behind the flag; errors reset only the flag."""
    image = live.stable["image"]
    live.misbehave(image, errorRate=0.3)
    failed = live.start("rollout", "--strategy", "flag", *FAST)
    assert failed.end(ExitCode.FAILED)["result"] == "aborted"
    assert live.flag == "0"
    live.misbehave(image, errorRate=0)
    run = live.start("rollout", "--strategy", "flag", *FAST)
    assert run.end(ExitCode.DONE)["result"] == "promoted"
    assert [event["flag"] for event in run.events if event.get("action") == "Route"] == [10, 50, 100]
    assert {event["action"] for event in run.events if event["event"] == "action"} == {"Route"}
    assert (live.split, live.flag, live.canary_replicas, live.stable["image"]) == (0, "100", 0, image)


def test_a_rollout_is_held_at_too_little_traffic_and_continues_with_more(live: LivePlatform) -> None:
    old, image = live.stable["image"], live.new_image()
    live.monitoring.control("load", "PUT", requestsPerSecond=5)
    end = live.rollout(image, settings=TEN | {"extendSeconds": 2}).end(ExitCode.HELD)
    assert "too little traffic" in end["text"]
    assert live.split == 10
    live.monitoring.control("load", "PUT", requestsPerSecond=1000)
    assert live.rollout(image, settings=TEN | {"extendSeconds": 2}).end(ExitCode.DONE)["result"] == "reached"
    assert live.start("rollout", "--abort", *FAST).end(ExitCode.FAILED)["result"] == "aborted"
    live.assert_rolled_back(old)


def test_a_percentage_is_reached_raised_and_lowered(live: LivePlatform) -> None:
    old, image = live.stable["image"], live.new_image()
    assert live.rollout(image, "--percentage", "0").end(ExitCode.DONE)["result"] == "reached"
    assert (live.split, live.healthy("canary")) == (0, 1)
    assert live.rollout(image, "--percentage", "50").end(ExitCode.DONE)["result"] == "reached"
    assert (live.split, live.flag, live.healthy("canary")) == (50, "50", 2)
    other = live.rollout(live.new_image())
    other.end(ExitCode.FAILED)
    assert "is open at 50 %" in "".join(other.other)
    assert "dwcp rollout --abort --environment local" in "".join(other.other)
    assert live.rollout(image, "--percentage", "20").end(ExitCode.DONE)["result"] == "reached"
    assert live.split == 20
    live.start("rollout", "--abort", *FAST).end(ExitCode.FAILED)
    live.assert_rolled_back(old)


def test_an_interrupt_aborts_a_rollout(live: LivePlatform) -> None:
    old, image = live.stable["image"], live.new_image()
    run = live.rollout(image, "--wait-time", "60")
    run.phase("analyse")
    run.signal(signal.SIGINT)
    assert "stopped by SIGINT" in run.end(ExitCode.FAILED)["text"]
    live.assert_rolled_back(old)


def test_a_rollout_resumes_after_kill_9_at_any_point(live: LivePlatform, tmp_path: Path) -> None:
    image, lost = live.new_image(), live.unanswered
    for turn in range(60):
        run = live.rollout(image, "--wait-time", "3", settings=ONE_STEP, module="killed", more=_kill_variables(turn))
        run.process.wait(120)
        if run.process.returncode != -signal.SIGKILL:
            break
    run.end(ExitCode.DONE)
    assert turn > 8
    release = _newest_release(live)
    assert (release["command"], release["result"], release["image"]) == ("rollout", "deployed", image)
    assert (live.stable["image"], live.split, live.canary_replicas, live.floors) == (image, 0, 0, [3, 3])
    assert live.unanswered == lost


def _kill_variables(turn: int) -> dict[str, str]:
    """The environment of a command that is killed after the first journal entry, or after the first action."""
    return {"KILL_AFTER": "entry" if turn % 2 else "action", "PYTHONPATH": str(ROOT / "tests/support")}


def test_a_rollout_after_kill_9_can_be_aborted_from_another_machine(live: LivePlatform, tmp_path: Path) -> None:
    old, image = live.stable["image"], live.new_image()
    run = live.rollout(image, "--wait-time", "60")
    run.phase("analyse")
    run.signal(signal.SIGKILL)
    run.process.wait()
    elsewhere = {"DWCP_WORK_DIR": str(tmp_path)}
    refused = live.rollout(image, "--wait-time", "30", more=elsewhere)
    refused.end(ExitCode.FAILED)
    assert "another --wait-time" in "".join(refused.other)
    live.start("rollout", "--abort", *FAST, more=elsewhere).end(ExitCode.FAILED)
    live.assert_rolled_back(old)


def test_a_second_rollout_is_refused_while_the_first_holds_the_lease(live: LivePlatform) -> None:
    image = live.new_image()
    first = live.rollout(image, "--wait-time", "60")
    first.phase("analyse")
    second = live.rollout(live.new_image())
    second.end(ExitCode.FAILED)
    assert "is being changed by `rollout` of" in "".join(second.other)
    first.signal(signal.SIGTERM)
    first.end(ExitCode.FAILED)


def test_a_rollout_that_lost_the_lease_changes_nothing_more(live: LivePlatform) -> None:
    old, image = live.stable["image"], live.new_image()
    run = live.rollout(image, "--wait-time", "60")
    run.phase("analyse")
    lease = {"TableName": LEASES, "Key": {"environment": {"S": "local"}}}
    dynamodb, names = live.aws("dynamodb"), {"#token": "token"}
    dynamodb.update_item(
        **lease,
        UpdateExpression="SET #token = :other",
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={":other": {"S": "another command"}},
    )
    run.end(ExitCode.FAILED)
    dynamodb.update_item(**lease, UpdateExpression="SET held = :no", ExpressionAttributeValues={":no": {"BOOL": False}})
    assert "the lease of local was lost" in "".join(run.other)
    assert (live.split, live.canary_replicas) == (10, 1)
    live.start("rollout", "--abort", *FAST).end(ExitCode.FAILED)
    live.assert_rolled_back(old)


def _newest_release(live: LivePlatform) -> dict[str, object]:
    s3 = live.aws("s3")
    [bucket] = [each["Name"] for each in s3.list_buckets()["Buckets"] if "artifacts" in each["Name"]]
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="releases/")["Contents"]]
    newest = max(key for key in keys if key.endswith("release.json"))
    return json.loads(s3.get_object(Bucket=bucket, Key=newest)["Body"].read())
