"""The Docker stack: the compose file and the Docker resources agree, since both come from one list of services."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import replace
from functools import cache
from graphlib import CycleError
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from recording import PROJECT, ROOT, Graph, run, run_platform, stack_config

import policies
from components.component import export
from components.compose._service import HealthCheck, Service, Stack, plain
from components.compose.compose_file import DEFAULTS, compose_file, config_files, content
from components.compose.docker_host import DockerStack, DockerStackArgs, in_order
from components.compose.image import AppImage, AppImageArgs
from components.compose.services import HEALTH_SCRIPT, alertmanager_script, stack
from components.settings import DockerSettings, load
from sandbox.project import TOOLCHAIN

SERVICES = stack(DEFAULTS)
OPTIONAL = {each.secret for service in SERVICES.services for each in service.secrets if each.optional}
COMPOSE: dict[str, Any] = content(SERVICES)
CONTAINER = "docker:index/container:Container"


def program() -> None:
    settings, secrets = load()
    image = AppImage("dwcp-v3", AppImageArgs(settings=settings, registry=secrets.registry))
    export(image=image, stack=DockerStack("dwcp-v3", DockerStackArgs(settings=settings, secrets=secrets, image=image)))


@cache
def graph(changes: str = "{}") -> Graph:
    """The Docker part of the program for the local stack; ``changes`` are JSON of the group ``docker``."""
    config = stack_config("local") | {f"{PROJECT}:docker": json.loads(changes), f"{PROJECT}:monitoring": {}}
    config.setdefault(f"{PROJECT}:grafanaPassword", "grafana-secret")
    return run(program, config)


def enabled_graph() -> Graph:
    return graph('{"enabled": true}')


def containers() -> dict[str, dict[str, Any]]:
    """The containers that run, by service."""
    found = {each.name.removeprefix("dwcp-v3-"): each.inputs for each in enabled_graph().of(CONTAINER)}
    return {name: inputs for name, inputs in found.items() if not name.endswith("-upload")}


def test_compose_and_pulumi_have_the_seven_services_of_the_guide() -> None:
    names = {"dwcp-v3", "redis", "prometheus", "grafana", "node-exporter", "redis-exporter", "alertmanager"}
    assert set(COMPOSE["services"]) == names == set(containers())


def test_the_compose_file_has_the_numbers_of_the_guide() -> None:
    app, redis = COMPOSE["services"]["dwcp-v3"], COMPOSE["services"]["redis"]
    assert app["ports"] == ["127.0.0.1:8080:8080", "127.0.0.1:9090:9090"]
    assert app["deploy"]["resources"]["limits"] == {"cpus": "2", "memory": "2048M", "pids": 256}
    assert redis["deploy"]["resources"]["limits"]["memory"] == "512M"
    assert COMPOSE["services"]["grafana"]["ports"] == ["127.0.0.1:3000:3000"]
    assert COMPOSE["services"]["grafana"]["environment"]["GF_SECURITY_ADMIN_USER"] == "${GRAFANA_ADMIN_USER:-admin}"
    assert "scrape_interval: 30s" in config_files(SERVICES)["prometheus/prometheus.yml"]
    assert "type: redis-datasource" in config_files(SERVICES)["grafana/datasources/datasources.yaml"]


def test_the_compose_file_is_valid_in_the_compose_schema() -> None:
    schema = json.loads(TOOLCHAIN.ensure("compose-spec.json")["compose-spec.json"].read_text())
    jsonschema.validate(yaml.safe_load((ROOT / "docker/compose.yaml").read_text()), schema, jsonschema.Draft7Validator)


def test_the_compose_schema_rejects_a_misspelled_key() -> None:
    schema = json.loads(TOOLCHAIN.ensure("compose-spec.json")["compose-spec.json"].read_text())
    wrong = {**COMPOSE, "services": {"x": {**COMPOSE["services"]["redis"], "reed_only": True}}}
    with pytest.raises(jsonschema.ValidationError, match="reed_only"):
        jsonschema.validate(wrong, schema, jsonschema.Draft7Validator)


@pytest.mark.parametrize("name", [service.name for service in SERVICES.services])
def test_the_container_matches_the_compose_file(name: str) -> None:
    """Every key of the compose file has its counterpart, or is listed here as not supported by Docker's provider."""
    container = containers()[name]
    service = next(each for each in SERVICES.services if each.name == name)
    assert plain(service.image) == enabled_graph().one("RemoteImage", _image_resource(plain(service.image)))["name"]
    unescaped = json.loads(json.dumps(COMPOSE["services"][name]).replace("$$", "$"))
    unescaped.pop("image")
    assert container["user"] == unescaped.pop("user")
    assert container.get("entrypoints", []) == unescaped.pop("entrypoint", [])
    assert container.get("command", []) == unescaped.pop("command", [])
    wanted = {key: plain(value) for key, value in service.environment.items()}
    if "NODE_ENV" in wanted:
        wanted["NODE_ENV"] = "local"
    assert container.get("envs", []) == [f"{key}={value}" for key, value in wanted.items()]
    unescaped.pop("environment", None)
    ports = [f"{each['ip']}:{each['external']}:{each['internal']}" for each in container.get("ports", [])]
    assert ports == unescaped.pop("ports", [])
    assert [each["name"] for each in container.get("networksAdvanced", [])] == [
        f"dwcp-v3-{each}" for each in unescaped.pop("networks", [])
    ]
    assert (container["networkMode"] == "host") == (unescaped.pop("network_mode", None) == "host")
    assert container.get("pidMode") == unescaped.pop("pid", None)
    health = unescaped.pop("healthcheck")
    assert container["healthcheck"] == {
        "tests": health["test"],
        "interval": health["interval"],
        "timeout": health["timeout"],
        "retries": health["retries"],
        "startPeriod": health["start_period"],
    }
    assert container["restart"] == unescaped.pop("restart")
    assert f"{container['stopTimeout']}s" == f"{container['destroyGraceSeconds']}s" == unescaped.pop("stop_grace_period")
    assert container["readOnly"] == unescaped.pop("read_only")
    assert container["capabilities"]["drops"] == unescaped.pop("cap_drop")
    assert container["securityOpts"] == unescaped.pop("security_opt")
    limits = unescaped.pop("deploy")["resources"]["limits"]
    assert (container["cpus"], f"{container['memory']}M") == (limits["cpus"], limits["memory"])
    assert container["logOpts"] == unescaped.pop("logging")["options"]
    assert list(container.get("tmpfs", {})) == [each.partition(":")[0] for each in unescaped.pop("tmpfs", [])]
    read_only = {each["containerPath"]: each.get("readOnly", False) for each in container.get("volumes", [])}
    read_only |= {each["target"]: each.get("readOnly", False) for each in container.get("mounts", [])}
    needed = [each for each in unescaped.pop("secrets", []) if each["source"] not in OPTIONAL]
    # Optional secrets have no value in the stack's configuration here.
    assert read_only.pop("/run/secrets", None) == (True if needed else None)
    assert read_only == {each["target"]: each.get("read_only", False) for each in unescaped.pop("volumes", [])}
    assert waits_for(name) == unescaped.pop("depends_on", {}).keys()
    assert unescaped.keys() <= {"build"}


def waits_for(name: str) -> set[str]:
    """The services whose containers are created before the container of a service."""
    services = {each.urn: each.name.removeprefix("dwcp-v3-") for each in enabled_graph().of(CONTAINER)}
    [container] = [urn for urn, service in services.items() if service == name]
    found = {services[urn] for urn in enabled_graph().by_urn()[container].dependencies if urn in services}
    return found & containers().keys()


def _image_resource(image: str) -> str:
    return f"dwcp-v3-image-{image.rpartition('/')[2].partition(':')[0]}"


def test_every_upload_is_a_file_that_its_container_reads() -> None:
    uploads = {each.name: each for each in enabled_graph().of(CONTAINER) if each.name.endswith("-upload")}
    assert all(not each.inputs["start"] and each.inputs["memory"] for each in uploads.values())
    prometheus = uploads["dwcp-v3-prometheus-files-upload"].inputs["uploads"]
    assert {each["file"] for each in prometheus} == {"/etc/prometheus/prometheus.yml", "/etc/prometheus/dwcp-v3.rules.yml"}
    secret = uploads["dwcp-v3-dwcp-v3-secrets-upload"]
    assert [each["file"] for each in secret.inputs["uploads"]] == ["/run/secrets/redis_password"]
    assert secret.secrets == {"uploads"}
    assert all(not each.secrets for name, each in uploads.items() if "secrets" not in name)


def test_a_changed_secret_replaces_its_volume() -> None:
    before = enabled_graph().one("Volume", "dwcp-v3-redis-secrets")["name"]
    config = stack_config("local") | {f"{PROJECT}:docker": {"enabled": True}, f"{PROJECT}:redisPassword": "another"}
    config.setdefault(f"{PROJECT}:grafanaPassword", "grafana-secret")
    after = run(program, config).one("Volume", "dwcp-v3-redis-secrets")["name"]
    assert before != after
    assert "another" not in after


def test_compose_and_pipeline_build_grafana_from_the_same_file() -> None:
    built = {name: each["build"] for name, each in COMPOSE["services"].items() if "build" in each}
    assert built == {"grafana": {"context": ".", "dockerfile": "Dockerfile.grafana"}}
    assert (ROOT / "docker" / "Dockerfile.grafana").is_file()
    assert COMPOSE["services"]["grafana"]["image"] == DEFAULTS.monitoring.grafana_image


def test_only_the_node_exporter_has_access_to_the_host() -> None:
    assert {name for name, each in containers().items() if each["networkMode"] == "host"} == {"node-exporter"}
    hosts = {name for name, each in containers().items() if any("hostPath" in mount for mount in each.get("volumes", []))}
    assert hosts == {"node-exporter"}


def test_redis_is_on_a_network_without_egress() -> None:
    assert enabled_graph().one("Network", "dwcp-v3-data")["internal"]
    assert COMPOSE["networks"]["data"] == {"internal": True}
    assert COMPOSE["services"]["redis"]["networks"] == ["data"]
    assert "ports" not in COMPOSE["services"]["redis"]


def test_docker_resources_use_the_stacks_own_provider() -> None:
    resources = [each for each in enabled_graph().resources if each.type.startswith("docker:")]
    assert resources
    assert all("dwcp-v3-docker" in each.provider for each in resources)


def test_the_docker_stack_has_no_policy_violations() -> None:
    found = policies.check(enabled_graph().resources, "production")
    assert [
        f"{each.rule}: {each.resource}: {each.message}" for each in found if "$docker:" in each.urn and each.status == "failed"
    ] == []


def test_the_policies_find_a_privileged_container_in_the_hosts_network_without_limits() -> None:
    bad = [
        replace(each, inputs={**each.inputs, "privileged": True, "networkMode": "host", "memory": 0})
        for each in enabled_graph().resources
        if each.type == CONTAINER and each.name == "dwcp-v3-redis"
    ]
    rules = {each.rule for each in policies.check(bad, "production") if each.status == "failed"}
    assert {"docker-unprivileged", "docker-host-isolated", "docker-limits"} <= rules


def test_no_docker_resource_is_created_by_default() -> None:
    assert [each for each in graph().resources if each.type.startswith(("docker", "pulumi:providers:docker"))] == []
    assert graph().exports["stack"] == {"addresses": {}}
    assert graph().exports["image"] == {"reference": "ghcr.io/novacron/dwcp-v3:v3.0.0"}


def test_a_remote_docker_host_gets_the_registry_credentials() -> None:
    remote = graph('{"enabled": true, "host": "ssh://deploy@docker.example.com"}')
    provider = next(each for each in remote.resources if each.type == "pulumi:providers:docker")
    assert provider.inputs["host"] == "ssh://deploy@docker.example.com"
    assert "registryAuth" in provider.secrets


def test_the_image_is_built_and_pushed_with_the_registry_credentials() -> None:
    platforms = ["linux/amd64", "linux/arm64"]
    built = graph(json.dumps({"buildContext": "tests/fixtures/app", "buildPlatforms": platforms, "buildCache": "ghcr.io/a/b:c"}))
    image = next(each for each in built.resources if each.type == "docker-build:index:Image")
    assert image.inputs["tags"] == ["ghcr.io/novacron/dwcp-v3:v3.0.0"]
    assert image.inputs["dockerfile"] == {"location": "docker/Dockerfile.dwcp-v3"}
    assert image.inputs["platforms"] == platforms
    assert image.inputs["push"]
    assert not image.inputs["buildOnPreview"]
    assert image.inputs["cacheFrom"] == [{"registry": {"ref": "ghcr.io/a/b:c"}}]
    assert image.inputs["cacheTo"][0]["registry"]["mode"] == "max"
    assert image.inputs["registries"][0]["address"] == "ghcr.io"
    assert "registries" in image.secrets


def test_a_new_build_with_the_same_tag_replaces_the_image_on_the_host() -> None:
    """The provider pulls only an image that is missing, and the host keeps the tag's old image: the name needs the digest."""
    pushed = graph('{"enabled": true, "buildContext": "tests/fixtures/app"}')
    digest = pushed.exports["image"]["reference"]
    assert pushed.one("RemoteImage", "dwcp-v3-image-dwcp-v3")["name"] == digest != "ghcr.io/novacron/dwcp-v3:v3.0.0"
    loaded = graph('{"enabled": true, "buildContext": "tests/fixtures/app", "buildPush": false}')
    remote = loaded.one("RemoteImage", "dwcp-v3-image-dwcp-v3")
    assert (remote["name"], remote["pullTriggers"]) == ("ghcr.io/novacron/dwcp-v3:v3.0.0", [digest])


def test_the_inputs_are_as_the_provider_reads_them_back() -> None:
    """Otherwise, every preview shows a change: of the swap and the durations, and of the network after a restart of Docker."""
    for each in enabled_graph().of(CONTAINER):
        assert each.inputs["memorySwap"] == 2 * each.inputs["memory"], each.name
    assert containers()["redis"]["healthcheck"]["startPeriod"] == "5m0s"
    network = enabled_graph().one("Network", "dwcp-v3-monitoring")
    assert network["ipamConfigs"] == [{"subnet": "172.30.0.0/24", "gateway": "172.30.0.1"}]


def test_the_health_check_is_the_same_as_in_the_image() -> None:
    assert json.dumps(HEALTH_SCRIPT) in (ROOT / "docker/Dockerfile.dwcp-v3").read_text()


def test_a_dependency_cycle_of_services_is_refused() -> None:
    def service(name: str, *after: str) -> Service:
        redis = SERVICES.services[1]
        return Service(
            name=name, image="x:1", user="1:1", health=HealthCheck(command=("x",)), cpus=redis.cpus, memory_mib=1, after=after
        )

    assert [each.name for each in in_order((service("b", "a"), service("a")))] == ["a", "b"]
    with pytest.raises(CycleError):
        in_order((service("a", "b"), service("b", "a")))


def test_dollar_signs_are_escaped_in_the_compose_file() -> None:
    assert "settings=$$(cat /etc/redis/redis.conf)" in compose_file(SERVICES, file="docker/compose.yaml")
    assert "settings=$(cat /etc/redis/redis.conf)" in containers()["redis"]["command"][0]


def test_promtool_accepts_the_configuration_and_its_rules() -> None:
    tool = TOOLCHAIN.ensure("promtool")["promtool"]
    done = subprocess.run(
        [tool, "check", "config", ROOT / "docker/config/prometheus/prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules found" in done.stdout


@pytest.mark.parametrize(
    "receivers", [each for count in range(4) for each in combinations(("slack", "pagerduty", "webhook"), count)]
)
def test_alertmanager_has_the_receivers_whose_secrets_exist(tmp_path: Path, receivers: tuple[str, ...]) -> None:
    """The script that the container starts assembles a configuration that amtool accepts."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for each in ("slack", "pagerduty", "webhook"):
        (secrets / each).write_text("https://example.com/hook" if each in receivers else "")
    folder = str(ROOT / "docker/config/alertmanager")
    script = alertmanager_script(folder, str(secrets), str(tmp_path), program="true")
    subprocess.run(["sh", "-c", script], check=True)
    file = tmp_path / "alertmanager.yml"
    found = yaml.safe_load(file.read_text())["receivers"]
    assert [each["name"] for each in found] == ["null", "critical", "warning"]
    for each in found[1:]:
        assert each.keys() - {"name"} == {f"{receiver}_configs" for receiver in receivers}
    done = subprocess.run([TOOLCHAIN.ensure("amtool")["amtool"], "check-config", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_configured_receivers_require_their_secrets() -> None:
    monitoring = DEFAULTS.monitoring.model_copy(update={"critical_receivers": ("slack",)})
    service = next(
        each for each in stack(DEFAULTS.model_copy(update={"monitoring": monitoring})).services if each.name == "alertmanager"
    )
    assert service.entrypoint == ()
    assert [(each.secret, each.optional) for each in service.secrets] == [("alert_slack", False)]


@pytest.mark.parametrize("receivers", [("slack",), ()])
def test_the_docker_stack_notifies_the_dead_mans_switch(receivers: tuple[str, ...]) -> None:
    """Kubernetes sends the heartbeat too if the dead-man's switch is the only receiver."""
    monitoring = DEFAULTS.monitoring.model_copy(update={"critical_receivers": receivers, "watchdog": True})
    watched = stack(DEFAULTS.model_copy(update={"monitoring": monitoring}))
    config = yaml.safe_load(config_files(watched)["alertmanager/alertmanager.yml"])
    assert "watchdog" in [each["receiver"] for each in config["route"]["routes"]]
    assert "alert_watchdog" in [each.secret for each in watched.services if each.name == "alertmanager" for each in each.secrets]


def test_redis_scripting_is_disabled_on_kubernetes_and_docker() -> None:
    """Scripting has allowed remote code execution, and the service does not use it."""
    acl = base64.b64decode(run_platform("local").one("kubernetes:core/v1:Secret", "dwcp-v3-redis-secret")["data"]["users.acl"])
    redis = next(each for each in SERVICES.services if each.name == "redis")
    assert b"-@scripting" in acl.split()
    assert "+@all -@scripting" in str(redis)


def test_the_node_exporters_address_follows_the_subnet() -> None:
    settings = DEFAULTS.model_copy(update={"docker": DockerSettings.model_validate({"subnet": "10.9.8.0/24"})})
    other: Stack = stack(settings)
    assert "10.9.8.1:9100" in config_files(other)["prometheus/prometheus.yml"]
    exporter = next(each for each in other.services if each.name == "node-exporter")
    assert "--web.listen-address=10.9.8.1:9100" in exporter.command
