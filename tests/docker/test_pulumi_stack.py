"""The Docker stack on a real engine, created by ``pulumi up`` with the embedded provider. Each test continues the previous one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker_engine.engine import DockerEngine
from docker_engine.stack import GRAFANA_PASSWORD, PLAIN_PARTS, REDIS_PASSWORD, Running, settings
from docker_engine.substitutes import BASE, ROOT

from components.settings import Group, MonitoringSettings
from embedded_cloud.engine import LocalEngine
from sandbox.project import PROJECT, TOOLCHAIN

PROGRAM = Path(__file__).parent / "program"
SECRETS: dict[str, Any] = {
    "redisPassword": REDIS_PASSWORD,
    "grafanaPassword": GRAFANA_PASSWORD,
    "registryUsername": "novacron",
    "registryToken": "registry-secret",
    "apiKeys": {"example": "api-secret"},
}


@dataclass(frozen=True)
class Pulumi(Running):
    """The stack ``local`` of the program in ``tests/docker/program``, with its state in ``folder``."""

    folder: Path
    pulumi: LocalEngine

    def run(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the Pulumi CLI with the current settings."""
        file = self.folder / "Pulumi.local.yaml"
        groups = {name: getattr(self.settings, name) for name in ("environment", "application", "monitoring", "docker")}
        content = {f"dwcp-v3:{name}": _not_default(group) for name, group in groups.items()}
        content |= {f"dwcp-v3:{key}": value for key, value in SECRETS.items()}
        file.write_text(yaml.safe_dump({"config": {"pulumi:disable-default-providers": ["*"], **content}}))
        own = {"PULUMI_BACKEND_URL": f"file://{self.folder}", "PULUMI_CONFIG_PASSPHRASE": "", "PYTHONPATH": str(ROOT)}
        settings = self.pulumi.process_environment() | own | {"DOCKER_HOST": self.engine.host} | environment
        flags = [] if arguments[0] == "stack" else ["--config-file", str(file)]
        done = subprocess.run(
            [self.pulumi.bin / "pulumi", *arguments, "--stack", "local", "--non-interactive", *flags],
            cwd=PROGRAM, env=settings, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def up(self) -> dict[str, int]:
        """Apply with policies enforced; return the number of resources by operation."""
        self.run("up", "--yes", "--skip-preview", "--policy-pack", str(ROOT / "policies"))
        return self.last_changes()

    def last_changes(self) -> dict[str, int]:
        history = self.run("stack", "history", "--json", "--page-size", "1", "--page", "1").stdout
        return json.loads(history)[0]["resourceChanges"]

    def with_scrape_interval(self, seconds: int) -> Pulumi:
        monitoring = MonitoringSettings(scrape_interval_seconds=seconds)
        return replace(self, settings=self.settings.model_copy(update={"monitoring": monitoring}))


def _not_default(group: Group) -> dict[str, Any]:
    return group.model_dump(mode="json", by_alias=True, exclude_defaults=True)


@pytest.fixture(scope="module")
def stack(engine: DockerEngine, app_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulumi]:
    folder = tmp_path_factory.mktemp("pulumi")
    pulumi = LocalEngine(PROJECT, folder, TOOLCHAIN.ensure("pulumi", "pulumi-language-python-exec"), 0, folder / "kubeconfig")
    pulumi.install()
    running = Pulumi(engine, settings(), "dwcp-v3-", "", folder, pulumi)
    running.run("stack", "init", "--no-select")
    yield running
    engine.clear()


def test_an_unreachable_host_is_reported(stack: Pulumi) -> None:
    done = stack.run("up", "--yes", "--skip-preview", check=False, DOCKER_HOST="tcp://127.0.0.1:1")
    assert done.returncode != 0
    assert "the Docker host tcp://127.0.0.1:1 cannot be reached" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_an_image_that_does_not_exist_is_reported(stack: Pulumi) -> None:
    application = stack.settings.application.model_copy(update={"image": "dwcp-standin/nowhere:1.0.0"})
    wrong = replace(stack, settings=stack.settings.model_copy(update={"application": application}))
    done = wrong.run("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "docker:index/remoteImage:RemoteImage dwcp-v3-image-nowhere" in done.stdout


def test_up_starts_all_services_in_order_and_waits_until_they_are_healthy(stack: Pulumi) -> None:
    stack.up()
    stack.assert_healthy_in_order()
    assert stack.is_ready()


def test_containers_have_the_limits_and_restrictions_of_the_services(stack: Pulumi) -> None:
    stack.assert_confined()


def test_neither_docker_inspect_nor_the_state_shows_a_secret(stack: Pulumi) -> None:
    stack.assert_no_secret_in_inspect()
    (state,) = (stack.folder / ".pulumi/stacks/dwcp-v3").glob("local.json")
    secrets = (*PLAIN_PARTS, SECRETS["registryToken"], SECRETS["apiKeys"]["example"])
    assert [each for each in secrets if each in state.read_text()] == []


def test_files_and_secrets_are_read_only_in_the_containers(stack: Pulumi) -> None:
    for service in stack.stack.services:
        mounts: list[dict[str, Any]] = stack.container(service.name).attrs["Mounts"]
        writable = {each["Destination"] for each in mounts if each["RW"]}
        assert writable == {each.target for each in service.data}, service.name


def test_prometheus_scrapes_all_targets_and_loads_the_rules(stack: Pulumi) -> None:
    stack.assert_scraped()


def test_a_second_up_and_a_refresh_change_nothing(stack: Pulumi) -> None:
    assert set(stack.up()) == {"same"}
    stack.run("refresh", "--yes", "--skip-preview")
    assert set(stack.last_changes()) == {"same"}
    assert set(stack.up()) == {"same"}


def test_a_killed_service_is_restarted(stack: Pulumi) -> None:
    stack.assert_restarted_after_kill("redis")


def test_a_changed_file_replaces_only_its_containers_and_keeps_the_data(stack: Pulumi) -> None:
    stack.send()
    names = [service.name for service in stack.stack.services]
    before = {name: stack.container(name).id for name in names}
    oldest = stack.query("prometheus_tsdb_lowest_timestamp_seconds")[0]["value"][1]
    stack.with_scrape_interval(7).up()
    # Grafana's datasource contains the interval.
    assert {name for name in names if stack.container(name).id != before[name]} == {"prometheus", "grafana"}
    assert "scrape_interval: 7s" in stack.prometheus("status/config")["yaml"]
    assert stack.query("prometheus_tsdb_lowest_timestamp_seconds")[0]["value"][1] == oldest


def test_a_removed_container_is_created_again_with_its_data(stack: Pulumi) -> None:
    before = stack.messages()
    stack.container("redis").remove(force=True)
    changed = stack.with_scrape_interval(7)
    changed.run("refresh", "--yes", "--skip-preview")
    changed.up()
    stack.wait_healthy("redis", "dwcp-v3")
    assert stack.messages() == before


def test_an_image_without_a_command_is_reported(stack: Pulumi) -> None:
    application = stack.settings.application.model_copy(update={"image": BASE.replace(":bookworm", ":1.0.0")})
    stack.engine.client.images.get(BASE).tag(*application.image.split(":"))
    wrong = stack.with_scrape_interval(7)
    wrong = replace(wrong, settings=wrong.settings.model_copy(update={"application": application}))
    done = wrong.run("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "docker:index/container:Container dwcp-v3-dwcp-v3" in done.stdout or "dwcp-v3-dwcp-v3:" in done.stdout
    assert "o command specified" in done.stdout  # the first letter depends on the version of the engine


def test_destroy_leaves_nothing(stack: Pulumi) -> None:
    stack.run("destroy", "--yes", "--skip-preview")
    assert stack.engine.leftovers() == {"containers": [], "networks": [], "volumes": []}
