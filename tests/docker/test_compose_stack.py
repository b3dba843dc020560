"""The Docker stack on a real engine, started as by `make compose-up`. Each test continues the previous one."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker_engine.engine import DockerEngine
from docker_engine.stack import GRAFANA_PASSWORD, REDIS_PASSWORD, Running, settings
from docker_engine.substitutes import BASE, ROOT

from components.compose._service import PIDS
from tools.compose import FOLDER, files


@dataclass(frozen=True)
class Compose(Running):
    """The stack of a compose file in a folder of the tests."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "compose.yaml"

    def dwcp(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", "delivery", "compose", *arguments, "--file", self.file)
        return self.engine.run(*command, check=check, cwd=ROOT, env=environment)

    def error_of(self, *arguments: str, **environment: str) -> str:
        """The error message of a command that must fail."""
        done = self.dwcp(*arguments, check=False, **environment)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        assert "fix: " in done.stderr
        return " ".join(done.stderr.split())

    def compose(self, *arguments: str) -> str:
        """Run the guide's command, without `dwcp`."""
        return self.engine.run("docker-compose", "-f", self.file, *arguments).stdout


@pytest.fixture(scope="module")
def stack(engine: DockerEngine, app_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    running = Compose(engine, settings(), "dwcp-v3-", "-1", tmp_path_factory.mktemp("compose"))
    for path, text in files(running.settings).items():
        file = running.folder / path.relative_to(FOLDER)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    yield running
    engine.clear()


def test_a_missing_secret_is_reported(stack: Compose) -> None:
    message = stack.error_of("up")
    assert "5 problems prevent the start" in message  # two passwords, and the files of three receivers, which may be empty
    assert f"the secret redis_password is missing: there is no {stack.folder}/secrets/redis_password" in message
    assert f"run `./dwcp compose secrets --file {stack.file}`" in message


def test_secrets_are_generated_once_and_kept(stack: Compose) -> None:
    secrets = stack.folder / "secrets"
    stack.dwcp("secrets")
    first = (secrets / "redis_password").read_text()
    assert len(first) >= 32
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert (secrets / "alert_slack").read_text() == ""
    assert "every secret exists already" in stack.dwcp("secrets").stdout
    assert (secrets / "redis_password").read_text() == first
    # The next tests use values that require correct quoting.
    for name, value in {"redis_password": REDIS_PASSWORD, "grafana_password": GRAFANA_PASSWORD}.items():
        (secrets / name).chmod(0o644)
        (secrets / name).write_text(value)


def test_a_secret_that_no_container_can_read_is_reported(stack: Compose) -> None:
    file = stack.folder / "secrets/redis_password"
    file.chmod(0o600)
    assert "cannot be read by the containers' users" in stack.error_of("check")
    file.chmod(0o444)


def test_a_port_in_use_is_reported(stack: Compose) -> None:
    port = stack.settings.docker.grafana_port
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        message = stack.error_of("up")
    assert f"port {port} of grafana is in use: another process listens on 127.0.0.1:{port}" in message


def test_an_unreachable_host_is_reported(stack: Compose) -> None:
    message = stack.error_of("up", DOCKER_HOST="tcp://127.0.0.1:1")
    assert "no Docker engine answers at tcp://127.0.0.1:1" in message


def test_an_image_without_the_contract_label_is_reported(stack: Compose) -> None:
    message = stack.error_of("up", DWCP_IMAGE=BASE)
    assert f"the image {BASE} does not follow the service contract" in message


def test_an_image_that_cannot_be_pulled_is_reported(stack: Compose) -> None:
    message = stack.error_of("up", DWCP_IMAGE="dwcp-standin/nowhere:1.0.0")
    assert "the image dwcp-standin/nowhere:1.0.0 is not on the engine and cannot be pulled" in message


def test_refused_commands_start_nothing(stack: Compose) -> None:
    assert stack.engine.leftovers() == {"containers": [], "networks": [], "volumes": []}


def test_up_starts_all_services_in_order_and_waits_until_they_are_healthy(stack: Compose) -> None:
    out = stack.dwcp("up").stdout
    assert f"http://127.0.0.1:{stack.settings.docker.grafana_port}" in out
    stack.assert_healthy_in_order()
    assert stack.is_ready()


def test_containers_have_the_limits_and_restrictions_of_the_services(stack: Compose) -> None:
    stack.assert_confined()
    pids = {stack.container(service.name).attrs["HostConfig"]["PidsLimit"] for service in stack.stack.services}
    assert pids == {PIDS}


def test_docker_inspect_shows_no_secret(stack: Compose) -> None:
    stack.assert_no_secret_in_inspect()


def test_redis_and_the_service_run_without_privileges(stack: Compose) -> None:
    assert stack.container("redis").exec_run(["id", "-u"]).output == b"999\n"
    assert stack.container("dwcp-v3").exec_run(["id", "-u"]).output == b"1001\n"
    assert stack.container("dwcp-v3").exec_run(["sh", "-c", "echo > /app/x"]).exit_code != 0
    assert b"NOAUTH" in stack.container("redis").exec_run(["redis-cli", "dbsize"]).output


def test_redis_has_no_published_port_and_no_egress(stack: Compose) -> None:
    assert stack.engine.client.networks.get("dwcp-v3_data").attrs["Internal"]
    assert not stack.container("redis").attrs["HostConfig"]["PortBindings"]


def test_prometheus_scrapes_all_targets_and_loads_the_rules(stack: Compose) -> None:
    stack.assert_scraped()


def test_a_second_up_changes_nothing(stack: Compose) -> None:
    before = {service.name: stack.container(service.name).id for service in stack.stack.services}
    stack.dwcp("up")
    assert {service.name: stack.container(service.name).id for service in stack.stack.services} == before


def test_a_killed_service_is_restarted(stack: Compose) -> None:
    stack.assert_restarted_after_kill("dwcp-v3")


def test_an_alert_reaches_alertmanager(stack: Compose) -> None:
    stack.assert_alert_when_stopped("redis", "RedisDown")


def test_the_data_survives_down_and_up(stack: Compose) -> None:
    stack.send()
    before = stack.messages()
    oldest = float(stack.query("prometheus_tsdb_lowest_timestamp_seconds")[0]["value"][1])
    assert stack.dwcp("down").stdout.strip() == "the Docker stack is removed; its data is kept (-v removes it)"
    assert stack.engine.leftovers()["containers"] == []
    stack.dwcp("up")
    assert stack.messages() == before
    assert float(stack.query("prometheus_tsdb_lowest_timestamp_seconds")[0]["value"][1]) == oldest


def test_the_commands_of_the_guide_work_unchanged(stack: Compose) -> None:
    assert "Ready to accept connections" in stack.compose("logs", "redis")
    stack.compose("down")
    stack.compose("up", "-d")
    stack.wait_healthy("grafana")
    stack.compose("down", "-v")


def test_down_leaves_nothing(stack: Compose) -> None:
    assert stack.engine.leftovers() == {"containers": [], "networks": [], "volumes": []}
