"""Reads the load balancer's weighted rule and the rule's two target groups, and sets the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from contract import TrackName
from delivery.clients.aws import error_code
from delivery.clients.environment import Environment
from delivery.errors import DeliveryError

DRAIN_ATTRIBUTE = "deregistration_delay.timeout_seconds"
TRANSIENT = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable", "InternalFailure"})
"""Error codes of calls that can succeed if they are repeated (AWS: Common errors of Elastic Load Balancing; botocore: retries)."""

Answer = TypeVar("Answer")


class LoadBalancerError(DeliveryError):
    """The API refused a call or did not answer, even after retries, or the rule does not forward to the two target groups."""

    def __init__(self, problem: str, fix: str, *, transient: bool = False) -> None:
        super().__init__(problem, fix)
        self.transient = transient
        """Whether the same call can succeed a moment later."""


@dataclass(frozen=True)
class Weights:
    """The weights of the two target groups in the rule."""

    stable: int
    canary: int

    @property
    def split(self) -> int | None:
        """The canary's share in whole percent; ``None`` if neither group gets traffic."""
        total = self.stable + self.canary
        return round(100 * self.canary / total) if total else None


class WeightedRule:
    """The weighted rule of one environment. Each call reads from the API; nothing is cached."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._rule: str = environment.output("loadBalancer", "ruleArn")
        self._groups: dict[TrackName, str] = {
            "stable": environment.output("loadBalancer", "stableTargetGroupArn"),
            "canary": environment.output("loadBalancer", "canaryTargetGroupArn"),
        }

    @cached_property
    def _client(self) -> Any:
        return self._environment.aws("elbv2")

    def weights(self) -> Weights:
        """The current weights of the rule."""
        by_group = {each["TargetGroupArn"]: each.get("Weight", 0) for each in self._forward()["TargetGroups"]}
        if by_group.keys() != set(self._groups.values()):
            raise self._wrong_actions(f"forwards to {', '.join(sorted(by_group))}, not to the stack's two target groups")
        return Weights(stable=by_group[self._groups["stable"]], canary=by_group[self._groups["canary"]])

    def set(self, canary: int) -> None:
        """Set the canary's weight to ``canary`` percent, and stable's weight to the rest. The rule's other fields do not change."""
        weights = {self._groups["stable"]: 100 - canary, self._groups["canary"]: canary}
        forward = self._forward()
        forward["TargetGroups"] = [{**each, "Weight": weights[each["TargetGroupArn"]]} for each in forward["TargetGroups"]]
        action = {"Type": "forward", "ForwardConfig": forward}
        _call(lambda: self._client.modify_rule(RuleArn=self._rule, Actions=[action]))

    def healthy(self, track: TrackName) -> frozenset[str]:
        """Addresses of a track's healthy targets."""
        answer = _call(lambda: self._client.describe_target_health(TargetGroupArn=self._groups[track]))
        described: list[dict[str, Any]] = answer["TargetHealthDescriptions"]
        return frozenset(each["Target"]["Id"] for each in described if each["TargetHealth"]["State"] == "healthy")

    def drain_seconds(self) -> float:
        """The longer deregistration delay of the two target groups."""
        return max(self._drain_seconds(arn) for arn in self._groups.values())

    def _drain_seconds(self, arn: str) -> float:
        answer = _call(lambda: self._client.describe_target_group_attributes(TargetGroupArn=arn))
        attributes = {each["Key"]: each["Value"] for each in answer["Attributes"]}
        return float(attributes.get(DRAIN_ATTRIBUTE, "300"))  # AWS' default

    def _forward(self) -> dict[str, Any]:
        [rule] = _call(lambda: self._client.describe_rules(RuleArns=[self._rule]))["Rules"]
        for action in rule["Actions"]:
            if action["Type"] == "forward" and "ForwardConfig" in action:
                return cast("dict[str, Any]", action["ForwardConfig"])
        raise self._wrong_actions("does not forward to target groups")

    def _wrong_actions(self, problem: str) -> LoadBalancerError:
        """An error whose fix sends all requests to the stable track. ``pulumi up`` would ignore the rule's actions."""
        stable, canary = self._groups["stable"], self._groups["canary"]
        groups = f"[{{TargetGroupArn={stable},Weight=100}},{{TargetGroupArn={canary},Weight=0}}]"
        return LoadBalancerError(
            f"the rule {self._rule} {problem}",
            f"aws elbv2 modify-rule --region {self._environment.region} --rule-arn {self._rule} "
            f"--actions 'Type=forward,ForwardConfig={{TargetGroups={groups}}}'",
        )


def _call(call: Callable[[], Answer]) -> Answer:
    try:
        return call()
    except ClientError as error:
        raise LoadBalancerError(
            f"the load balancer's API refuses a call: {error}",
            "fix the cause if the message names one, then run the same command again; an interrupted rollout continues",
            transient=error_code(error) in TRANSIENT,
        ) from error
    except BotoCoreError as error:
        raise LoadBalancerError(
            f"the load balancer's API does not answer: {error}", "check the network and your AWS credentials", transient=True
        ) from error
