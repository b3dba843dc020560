"""Changes of the rules themselves, of packages and of the project, and errors of git, in repositories."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from recording import ROOT
from repositories import git

import policies
from delivery.errors import UsageError
from delivery.preview import comment
from delivery.preview._packages import compare as compare_packages
from delivery.preview._revisions import fork_point, resolve
from delivery.preview.change import Preview
from delivery.preview.from_program import preview
from policies.limits import LIMITS
from policies.waivers import read_waivers

PROGRAM = """
import pulumi
from pulumi_aws import Provider, vpc

provider = Provider("aws", region="us-east-1", default_tags={"tags": {"environment": "staging"}})
options = pulumi.ResourceOptions(provider=provider)
"""
SSH = """
vpc.SecurityGroupIngressRule(
    "ssh", security_group_id="sg-1", ip_protocol="tcp", from_port=22, to_port=22, cidr_ipv4="0.0.0.0/0", opts=options
)
"""


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose ``main`` has our rules and a small program."""
    folder = tmp_path_factory.mktemp("origin")
    git(folder, "init", "--initial-branch=main")
    for name in ("policies", "program", "components"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "contract.py", folder)
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "Pulumi.yaml").write_text("name: dwcp-v3\nruntime: python\n")
    (folder / "Pulumi.staging.yaml").write_text("config: {}\n")
    (folder / "requirements.txt").write_text("pulumi==3.1.0\nrequests==2.0\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "main")
    return folder


@pytest.fixture
def repository(origin: Path, tmp_path: Path) -> Path:
    """A clone of it on another branch."""
    subprocess.run(["git", "clone", "--quiet", str(origin), str(tmp_path / "clone")], check=True)
    git(tmp_path / "clone", "checkout", "-b", "change")
    return tmp_path / "clone"


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def previewed(repository: Path) -> Preview:
    return preview("origin/main", repository=repository)


def test_a_widened_limit_does_not_let_its_own_change_pass(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        cast("dict[str, Any]", LIMITS), "staging", {**LIMITS["staging"], "public_ports": (22, 80, 443)}
    )  # as in the head that runs
    replaced(
        repository / "policies/limits.py",
        "public_ports: tuple[int, ...] = (80, 443)",
        "public_ports: tuple[int, ...] = (22, 80, 443)",
    )
    (repository / "__main__.py").write_text(PROGRAM + SSH)
    found = previewed(repository)
    [stack] = found.stacks
    assert stack.failed
    assert ("network-open-ports", True) in {(each.policy, each.only_by_base) for each in stack.violations}
    changed = {each.what: (each.before, each.after) for each in found.rules}
    assert changed["limit production public_ports"] == ([80, 443], [22, 80, 443])
    assert changed["file policies/limits.py"] == ("old content", "new content")
    said = comment.render(found)
    assert "The policies themselves change" in said
    assert "Only the changed rules accept these resources" in said


WAIVER = (
    "- {rule: network-open-ports, resource: ssh, reason: needed for a while, by: me, granted: GRANTED, expires: EXPIRES}\n".replace(
        "GRANTED", str(date.today())
    ).replace("EXPIRES", str(date.today() + timedelta(days=30)))
)


def waived(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the head that runs, which these tests' own process is."""
    (repository / "policies/waivers.yaml").write_text(WAIVER)
    monkeypatch.setattr(policies, "read_waivers", partial(read_waivers, file=repository / "policies/waivers.yaml"))


def made_advisory(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced(repository / "policies/rules/network.py", '    parameters=("public_ports",),', '    levels={"staging": "advisory"},')
    lower = [
        replace(each, levels={"staging": "advisory"}) if each.name == "network-open-ports" else each for each in policies.RULES
    ]
    monkeypatch.setattr(policies, "RULES", tuple(lower))


@pytest.mark.parametrize("excuse", [waived, made_advisory])
def test_a_change_that_excuses_its_own_violation_does_not_pass(
    repository: Path, monkeypatch: pytest.MonkeyPatch, excuse: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    excuse(repository, monkeypatch)
    (repository / "__main__.py").write_text(PROGRAM + SSH)
    found = previewed(repository)
    [stack] = found.stacks
    assert {(each.level, each.only_by_base) for each in stack.violations if each.policy == "network-open-ports"} == {
        ("advisory", False),
        ("mandatory", True),
    }
    assert stack.failed
    assert "Only the changed rules accept these resources" in comment.render(found)


def test_a_waiver_for_what_the_base_has_already_passes(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise no waiver could ever be merged: the base's rules find the violation that it is for."""
    (repository / "__main__.py").write_text(PROGRAM + SSH)
    git(repository, "add", "--all")
    git(repository, "commit", "--message", "open")
    git(repository, "checkout", "-b", "waiving")
    waived(repository, monkeypatch)
    found = preview("change", repository=repository)
    [stack] = found.stacks
    assert {each.level for each in stack.violations if each.policy == "network-open-ports"} == {"advisory"}
    assert not any(each.only_by_base for each in stack.violations)
    assert "waiver network-open-ports of ssh" in {each.what for each in found.rules}


def test_a_waiver_and_a_price_are_listed(repository: Path) -> None:
    waiver = "rule: data-log-retention, resource: x, reason: as long as the audit lasts, by: me"
    dates = "granted: 2026-11-01, expires: 2026-12-01"
    (repository / "policies/waivers.yaml").write_text(f"- {{{waiver}, {dates}}}\n")
    replaced(repository / "policies/prices.yaml", "cluster: 0.10", "cluster: 0.01")
    listed = {each.what for each in previewed(repository).rules}
    assert {"waiver data-log-retention of x", "price per_hour cluster"} <= listed


def test_a_rule_that_is_changed_from_outside_its_package_does_not_let_its_own_change_pass(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that the rules import can change them as well as a file of theirs."""
    monkeypatch.setattr("policies.rules.network.internet_in", lambda _: "")  # as in the head that runs
    monkeypatch.setattr("policies.addresses.internet_in", lambda _: "")
    patch = "\nimport policies.addresses\npolicies.addresses.internet_in = lambda _: ''\n"
    module = repository / "components/settings/_mistakes.py"
    module.write_text(module.read_text() + patch)
    (repository / "__main__.py").write_text(PROGRAM + SSH)
    found = previewed(repository)
    [stack] = found.stacks
    assert stack.failed
    assert ("network-open-ports", True) in {(each.policy, each.only_by_base) for each in stack.violations}
    assert "file components/settings/_mistakes.py" in {each.what for each in found.rules}


def test_unchanged_rules_are_not_reported(repository: Path) -> None:
    (repository / "__main__.py").write_text(PROGRAM + SSH)
    found = previewed(repository)
    assert found.rules == ()
    assert not any(each.only_by_base for each in found.stacks[0].violations)


def test_a_base_whose_rules_do_not_run_is_reported(repository: Path) -> None:
    (repository / "policies/rules/broken.py").write_text("x = 1\n")
    git(repository, "checkout", "-b", "older")
    (repository / "policies/__init__.py").write_text("raise ImportError('too old')\n")
    git(repository, "add", "--all")
    git(repository, "commit", "--message", "older")
    git(repository, "checkout", "-b", "newer")
    (repository / "policies/__init__.py").write_text((ROOT / "policies/__init__.py").read_text())
    [stack] = preview("older", repository=repository).stacks
    assert any("The base's rules could not check" in each and "too old" in each for each in stack.notes)


def test_packages_are_named_even_where_the_graph_is_the_same(repository: Path) -> None:
    (repository / "requirements.txt").write_text("pulumi==3.2.0\nevil==1.0\n")
    found = previewed(repository)
    assert {each.name: (each.before, each.after) for each in found.packages} == {
        "pulumi": ("3.1.0", "3.2.0"),
        "requests": ("2.0", ""),
        "evil": ("", "1.0"),
    }
    assert "`pulumi`: `3.1.0` → `3.2.0`" in comment.render(found)


def test_a_lock_file_counts(tmp_path: Path) -> None:
    for folder, version in (("base", "1.0"), ("head", "2.0")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "uv.lock").write_text(f'version = 1\n[[package]]\nname = "Some_Package"\nversion = "{version}"\n')
    [change] = compare_packages(tmp_path / "base", tmp_path / "head")
    assert (change.file, change.name, change.before, change.after) == ("uv.lock", "some-package", "1.0", "2.0")


LOCK = '[[package]]\nname = "x"\nversion = "1"\nsource = {SOURCE}\nwheels = [{url = "u", hash = "HASH"}]\n'
REGISTRY, FORK = '{registry = "https://index.example.com"}', '{git = "https://evil.example.com/x"}'


def lock(source: str = REGISTRY, digest: str = "sha256:aa") -> str:
    return LOCK.replace("{SOURCE}", source).replace("HASH", digest)


@pytest.mark.parametrize(
    ("file", "before", "after", "expected"),
    [
        ("requirements.txt", "x==1\n", "x==1\nevil\n", [("evil", "", "any version")]),
        ("requirements.txt", "x==1\n", "x==1\nevil>1\n", [("evil", "", ">1")]),
        ("requirements.txt", "x==1\n", "x==1\ngit+https://h.example.com/e\n", [("git+https://h.example.com/e", "", "listed")]),
        ("requirements.txt", "x==1\n", "x @ https://h.example.com/x.whl\n", [("x", "1", "https://h.example.com/x.whl")]),
        (
            "requirements.txt",
            "x==1\n",
            "--extra-index-url https://h.example.com\nx==1  # the same\n",
            [("--extra-index-url https://h.example.com", "", "listed")],
        ),
        (
            "requirements.txt",
            "x==1 \\\n    --hash=sha256:aa\n",
            "x==1 \\\n    --hash=sha256:bb\n",
            [("x", "1, hashes sha256:aa", "1, hashes sha256:bb")],
        ),
        ("requirements.txt", "x==1 ; python_version < '3.9'\n", "x==1\n", [("x", '1; python_version < "3.9"', "1")]),
        ("requirements.txt", "# a\nX_y==1\n", "x-y == 1 # b\n", []),
        (
            "uv.lock",
            lock(),
            lock(FORK),
            [("x", "1 from registry https://index.example.com", "1 from git https://evil.example.com/x")],
        ),
        (
            "uv.lock",
            lock(),
            lock(digest="sha256:bb"),
            [("x", *(f"1 from registry https://index.example.com, hashes sha256:{each}" for each in ("aa", "bb")))],
        ),
        ("uv.lock", lock(), lock(), []),
    ],
)
def test_whatever_decides_what_is_installed_is_compared(
    tmp_path: Path, file: str, before: str, after: str, expected: list[tuple[str, str, str]]
) -> None:
    for folder, text in (("base", before), ("head", after)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text(text)
    found = compare_packages(tmp_path / "base", tmp_path / "head")
    assert [(each.name, each.before, each.after) for each in found] == expected


def test_defaults_of_the_project_count(repository: Path) -> None:
    (repository / "__main__.py").write_text(PROGRAM + 'pulumi.export("size", pulumi.Config("dwcp-v3").require("size"))\n')
    (repository / "Pulumi.yaml").write_text("name: dwcp-v3\nruntime: python\nconfig:\n  size: {type: string, default: small}\n")
    [stack] = previewed(repository).stacks
    assert [(each.path, each.after) for each in stack.outputs] == [("size", "small")]


def test_a_renamed_project_is_refused(repository: Path) -> None:
    replaced(repository / "Pulumi.yaml", "name: dwcp-v3", "name: dwcp-v4")
    [stack] = previewed(repository).stacks
    assert "renames the project from dwcp-v3 to dwcp-v4" in stack.problem
    assert stack.failed


# ---- git


def test_a_shallow_clone_is_told_to_fetch_its_history(origin: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    subprocess.run(["git", "clone", "--quiet", str(origin), str(work)], check=True)
    for name in ("main", "change"):
        git(work, "checkout", "-B", name)
        (work / f"{name}.txt").write_text("x")
        git(work, "add", "--all")
        git(work, "commit", "--message", name)
    git(work, "checkout", "main")
    git(work, "commit", "--allow-empty", "--message", "later")
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{work}", str(tmp_path / "shallow")], check=True
    )
    with pytest.raises(UsageError, match="this clone is shallow") as raised:
        fork_point(tmp_path / "shallow", "origin/main", resolve(tmp_path / "shallow", "origin/change"))
    assert "git fetch --unshallow" in raised.value.fix


def test_revisions_without_a_common_history_are_refused(repository: Path) -> None:
    git(repository, "checkout", "--orphan", "other")
    git(repository, "commit", "--allow-empty", "--message", "other")
    with pytest.raises(UsageError, match="have no common history"):
        fork_point(repository, "origin/main", resolve(repository, "HEAD"))


def test_a_folder_of_another_owner_is_refused_with_gits_message(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UsageError, match="dubious ownership") as raised:
        previewed(repository)
    assert "safe.directory" in raised.value.problem
