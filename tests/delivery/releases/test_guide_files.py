"""`dwcp render`: the guide's files from the evaluated program."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from live_platform import LivePlatform
from recording import ROOT

from delivery.errors import DeliveryError, UsageError
from delivery.releases import guide_files
from program.graph import UNKNOWN, Resource
from tools.compose import files

DEPLOYMENT = PurePosixPath(guide_files.DEPLOYMENT)
MONITORING = PurePosixPath(guide_files.MONITORING)


@cache
def texts() -> dict[PurePosixPath, str]:
    return guide_files.render("production")


def objects(path: PurePosixPath) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(texts()[path]))


def test_the_files_have_the_paths_of_the_guide() -> None:
    wanted = (
        "docker/Dockerfile.dwcp-v3",
        "docker/Dockerfile.dwcp-v3.dockerignore",
        "docker-compose-dwcp-v3.yml",
        "k8s/dwcp-v3-deployment.yaml",
        "k8s/dwcp-v3-monitoring.yaml",
    )
    assert set(map(PurePosixPath, wanted)) <= texts().keys()


def test_the_deployment_has_the_guides_objects_except_the_ingress() -> None:
    found = {(each["kind"], each["metadata"]["name"]) for each in objects(DEPLOYMENT)}
    wanted = {
        ("Namespace", "dwcp-v3"),
        ("Deployment", "dwcp-v3"),
        ("Deployment", "dwcp-v3-redis"),
        ("Service", "dwcp-v3"),
        ("ServiceAccount", "dwcp-v3"),
        ("HorizontalPodAutoscaler", "dwcp-v3"),
    }
    assert wanted <= found
    # The tenth, the Ingress, is disabled until a stack names a certificate's secret or an issuer.
    assert {"ConfigMap", "PersistentVolumeClaim"} <= {kind for kind, _ in found}
    assert "the Secret dwcp-v3 (" in texts()[DEPLOYMENT].splitlines()[1]


def test_monitoring_is_in_its_own_file() -> None:
    names = {each["metadata"]["name"] for each in objects(MONITORING)}
    assert any("prometheus" in name for name in names)
    assert any("grafana" in name for name in names)
    assert not any("prometheus" in each["metadata"]["name"] for each in objects(DEPLOYMENT) if each["kind"] == "Deployment")


def test_an_object_comes_after_those_that_it_needs() -> None:
    needed = {"Namespace", "PriorityClass", "StorageClass", "ServiceAccount", "Role", "ClusterRole", "ConfigMap"}
    for path in (DEPLOYMENT, MONITORING):
        kinds = [each["kind"] for each in objects(path)]
        assert kinds[0] == "Namespace"
        assert {"ServiceAccount", "ConfigMap", "Deployment"} <= set(kinds)
        is_needed = [kind in needed for kind in kinds]
        assert is_needed == sorted(is_needed, reverse=True), kinds


def test_no_value_is_unknown_and_omitted_objects_are_listed() -> None:
    for path in (DEPLOYMENT, MONITORING):
        assert UNKNOWN not in texts()[path]
    header = texts()[DEPLOYMENT].splitlines()[1]
    assert "TargetGroupBinding dwcp-v3" in header
    assert "TargetGroupBinding" not in {each["kind"] for each in objects(DEPLOYMENT)}


def test_secrets_are_omitted_and_listed_with_their_keys() -> None:
    """A placeholder would replace the real secret."""
    for path, name in ((DEPLOYMENT, "dwcp-v3 "), (MONITORING, "grafana")):
        assert "Secret" not in {each["kind"] for each in objects(path)}
        header = texts()[path].splitlines()[1]
        assert "Secrets are omitted" in header
        assert name in header
    assert "redis-password" in texts()[DEPLOYMENT].splitlines()[1]


def test_rendered_files_are_ignored_by_git() -> None:
    """Production is deployed from a commit: a file that git does not know would stop the next deployment, or be committed."""
    paths = [f"{guide_files.FOLDER}/{path}" for path in (*texts(), "docker/secrets/redis_password")]
    done = subprocess.run(["git", "-C", str(ROOT), "check-ignore", *paths], capture_output=True, text=True, check=False)
    assert done.stdout.split() == paths


def test_no_annotation_of_pulumi_is_rendered() -> None:
    for path in (DEPLOYMENT, MONITORING):
        assert "pulumi.com/" not in texts()[path]


def test_the_compose_file_mounts_the_rendered_files(tmp_path: Path) -> None:
    guide_files.write(texts(), tmp_path)
    compose = yaml.safe_load((tmp_path / "docker-compose-dwcp-v3.yml").read_text())
    folders = [
        each["source"]
        for service in compose["services"].values()
        for each in service.get("volumes", [])
        if each["type"] == "bind" and each["source"] != "/"
    ]
    assert folders
    assert all((tmp_path / folder).is_dir() for folder in folders)
    assert compose["secrets"]["redis_password"]["file"] == "./docker/secrets/redis_password"
    assert yaml.safe_load(files()[Path("docker/compose.yaml")])["services"].keys() == compose["services"].keys()


def test_docker_compose_can_build_the_images_from_the_rendered_files(tmp_path: Path) -> None:
    guide_files.write(texts(), tmp_path)
    compose = yaml.safe_load((tmp_path / "docker-compose-dwcp-v3.yml").read_text())
    builds = [service["build"] for service in compose["services"].values() if "build" in service]
    assert [each["dockerfile"] for each in builds] == ["Dockerfile.grafana"]
    for build in builds:
        dockerfile = tmp_path / build["context"] / build["dockerfile"]
        # The context contains nothing that the build could copy.
        assert not re.search(r"^(COPY|ADD)\b", dockerfile.read_text(), re.MULTILINE)


COMPOSE_CONFIG = f"""\
#!{sys.executable}
# A substitute for `docker-compose`, which resolves the paths of secrets against the folder of the compose file.
import json, pathlib, sys, yaml
if sys.argv[1] == "version":
    sys.exit(print("2.40.3"))
file = pathlib.Path(sys.argv[sys.argv.index("--file") + 1])
secrets = yaml.safe_load(file.read_text())["secrets"]
print(json.dumps({{"secrets": {{name: {{"file": str(file.parent.resolve() / each["file"])}} for name, each in secrets.items()}}}}))
"""


def test_the_command_in_the_header_writes_the_secrets_of_the_rendered_compose_file(tmp_path: Path) -> None:
    into = "a folder/of mine"
    guide_files.write(guide_files.docker_files(Path(into)), tmp_path / into)
    compose = tmp_path / into / "docker-compose-dwcp-v3.yml"
    [command] = re.findall(r"^# +\./dwcp (compose secrets .*?)  ", compose.read_text(), re.MULTILINE)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, script in (
        ("docker", '#!/bin/sh\ntest "$1 $2" = "version --format" && echo 29.0.0\n'),
        ("docker-compose", COMPOSE_CONFIG),
    ):
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "delivery", *shlex.split(command)],
        env={**os.environ, "PATH": str(programs)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wanted = [compose.parent / each["file"] for each in yaml.safe_load(compose.read_text())["secrets"].values()]
    assert len(wanted) >= 2
    assert all(file.is_file() for file in wanted)


def test_an_object_without_a_name_gets_its_logical_name() -> None:
    inputs = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}
    resource = Resource(urn="u", type="kubernetes:core/v1:ConfigMap", name="x", inputs=inputs, custom=True)
    assert guide_files.manifest(resource)["metadata"] == {"name": "x"}


def test_an_error_replaces_no_file(tmp_path: Path) -> None:
    (tmp_path / "docker/config").mkdir(parents=True)
    (tmp_path / "docker/config/mine").touch()
    (tmp_path / "k8s").touch()
    with pytest.raises(DeliveryError, match="cannot write .*k8s"):
        guide_files.write(texts(), tmp_path)
    assert (tmp_path / "docker/config/mine").exists()
    assert {each.name for each in tmp_path.iterdir()} == {"docker", "k8s"}


def test_the_checkout_is_not_overwritten() -> None:
    """``--into ""`` means the present folder, whose `docker/config` the command would replace."""
    with pytest.raises(UsageError, match="is the checkout itself"):
        guide_files.write({}, guide_files.CHECKOUT)


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeliveryError, match="cannot write .*file.*\n  fix: name another folder with --into"):
        guide_files.write({PurePosixPath("a"): "x"}, tmp_path / "file")


@pytest.mark.cloud
def test_the_api_server_accepts_every_object(live: LivePlatform, tmp_path: Path) -> None:
    for path, text in guide_files.render("local").items():
        if path.suffix == ".yaml" and path.parent.name == "k8s":
            (tmp_path / path.name).write_text(text)
    kubectl = str(live.cloud.engine.bin / "kubectl")
    command = [kubectl, "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename", str(tmp_path)]
    done = subprocess.run(command, env=live.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "deployment.apps/dwcp-v3 serverside-applied (server dry run)" in done.stdout
