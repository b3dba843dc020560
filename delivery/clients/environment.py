"""The environment on which a command works: its settings, the outputs of its stack, and its clients."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast, get_args

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]
from pydantic import ValidationError

from components.settings import ClusterSettings, EnvironmentSettings, Group
from contract import APPLICATION, NAMESPACE, PROJECT, EnvironmentName
from delivery.clients import _sandbox, aws
from delivery.clients.kubernetes import KubernetesClient, UnknownClusterError
from delivery.clients.tracks import Tracks
from delivery.errors import DeliveryError, UsageError
from program.errors import ProgramError
from program.evaluation import CHECKOUT, stack_config

ENVIRONMENTS: tuple[str, ...] = get_args(EnvironmentName)
PROMETHEUS_VARIABLE = "DWCP_PROMETHEUS_URL"

Model = TypeVar("Model", bound=Group)


class UnreachableError(DeliveryError):
    """An environment cannot be reached, is not configured correctly, or lacks an output that a command needs."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The environment ``name``, which is also the name of its stack. No property is read before its first use.

    The backend, the credentials and the addresses come from :attr:`variables`.
    """

    name: EnvironmentName
    namespace: str = NAMESPACE

    @classmethod
    def open(cls, name: str) -> Environment:
        """The environment called ``name``. Raises ``UsageError`` for an unknown name."""
        if name not in ENVIRONMENTS:
            raise UsageError(
                f"there is no environment {name!r}", f"choose from {', '.join(ENVIRONMENTS)}, for example --environment staging"
            )
        return cls(name=cast(EnvironmentName, name))

    @property
    def is_production(self) -> bool:
        """Whether this is production, where a change needs a confirmation."""
        return self.name == "production"

    @cached_property
    def sandbox(self) -> Mapping[str, str]:
        """The variables that the sandbox adds to those of this process; empty for every environment but ``local``."""
        return _sandbox.variables(os.environ) if self.name == "local" else {}

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """The variables for a child process that works on the environment: those of this process, and the sandbox's."""
        return {**os.environ, **self.sandbox}

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The stack file's configuration by full key, with placeholders instead of secrets."""
        try:
            return stack_config(CHECKOUT, self.name)
        except ProgramError as error:
            raise UnreachableError(error.problem, error.fix) from error

    def settings(self, key: str, model: type[Model]) -> Model:
        """The settings group ``key`` (for example ``"environment"``) of the stack file, with defaults for missing settings."""
        try:
            return model.model_validate(self.config.get(f"{PROJECT}:{key}", {}), by_alias=True, by_name=False)
        except ValidationError as error:
            raise UnreachableError(
                f"the settings {PROJECT}:{key} of stack {self.name} are wrong: {error.errors()[0]['msg']}",
                f"run `pulumi preview -s {self.name}`, which lists every mistake",
            ) from error

    @property
    def region(self) -> str:
        """The AWS region of the stack."""
        return self.settings("environment", EnvironmentSettings).region

    @cached_property
    def outputs(self) -> Mapping[str, Any]:
        """The stack's outputs: one object per component, as ``__main__.py`` exports it. Secrets are masked.

        The outputs are read from the state, without starting the engine.
        """
        from delivery.clients.checkpoint import States

        return States(self).read().outputs

    def output(self, component: str, name: str) -> Any:
        """One output, for example ``output("loadBalancer", "ruleArn")``. Raises ``DeliveryError`` if it does not exist."""
        found = self.outputs.get(component)
        value: Any = cast("dict[str, Any]", found).get(name) if isinstance(found, dict) else None
        if value is None:
            raise UnreachableError(f"stack {self.name} has no output {component}.{name}", f"run `pulumi up -s {self.name}` first")
        return value

    def aws(self, service: str) -> Any:
        """A client of an AWS service. The client retries throttled calls."""
        return aws.client(service, self.region, self.sandbox)

    def require_aws(self) -> str:
        """The ARN of the current AWS identity. Raises ``DeliveryError`` if there is none."""
        try:
            return cast(str, self.aws("sts").get_caller_identity()["Arn"])
        except (BotoCoreError, ClientError) as error:
            fix = _sandbox.command() if self.name == "local" else "log in, for example with `aws sso login`, or set AWS_PROFILE"
            raise UnreachableError(f"AWS cannot be called with your credentials: {error}", fix) from error

    @cached_property
    def kubernetes(self) -> KubernetesClient:
        """A client of the environment's cluster. The setting ``cluster.kubeconfig`` selects the kubeconfig."""
        try:
            return KubernetesClient.of(self.kubeconfig or self.variables.get("KUBECONFIG"), self.namespace)
        except UnknownClusterError as error:
            fix = _sandbox.command() if self.name == "local" else "check KUBECONFIG, and that the AWS CLI is installed"
            raise UnreachableError(f"the cluster of {self.name} cannot be reached: {error.problem}", fix) from error

    @property
    def tracks(self) -> Tracks:
        """The tracks and the feature flag in the environment's cluster."""
        return Tracks(self.kubernetes)

    @property
    def select_cluster(self) -> str:
        """The command that selects the environment's cluster for kubectl.

        Empty if the setting ``cluster.kubeconfig`` is ``ambient``: ``KUBECONFIG`` or the user's default file selects the cluster.
        """
        if self.settings("cluster", ClusterSettings).kubeconfig == "ambient":
            return ""
        return f"aws eks update-kubeconfig --name {APPLICATION}-{self.name} --region {self.region}"

    @property
    def kubeconfig(self) -> dict[str, Any] | None:
        """The kubeconfig of the cluster; ``None`` means the file in ``KUBECONFIG``, or else the user's default file."""
        if self.settings("cluster", ClusterSettings).kubeconfig == "ambient":
            return None
        from components.aws.kubeconfig import eks_kubeconfig  # a local import: the module imports the Pulumi SDK

        return eks_kubeconfig(
            name=self.output("cluster", "clusterName"),
            endpoint=self.output("cluster", "endpoint"),
            authority=self.output("cluster", "certificateAuthority"),
            region=self.region,
        )

    @property
    def prometheus_url(self) -> str | None:
        """The URL of Prometheus (:data:`PROMETHEUS_VARIABLE`); ``None`` means a forwarded port of the bundled Prometheus."""
        return self.variables.get(PROMETHEUS_VARIABLE) or None
