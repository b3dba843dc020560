"""The toolchain on a small Go module of the test, compiled by the real Go; the pinned tools have the `cloud` mark."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.instructions import Instructions
from embedded_cloud.toolchain import Cache, Toolchain, _progress, cache, copy, go
from embedded_cloud.toolchain.catalogue import BUNDLES, Bundle, Tool
from sandbox.project import TOOLCHAIN

PROGRAM = """package main

import "os"

var version = "unstamped"

func main() { os.Stdout.WriteString("hello version " + version + "\\n") }
"""


INSTRUCTIONS = Instructions(setup="run `make setup`")


@pytest.fixture
def cache_folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def pinned(cache_folder: Path) -> Toolchain:
    """The real catalogue, with an empty cache."""
    return Toolchain(cache=Cache(cache_folder, "TEST_TOOLCHAIN"), instructions=INSTRUCTIONS)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(_progress, "print_line", lines.append)
    return lines


@pytest.fixture
def hello(tmp_path: Path) -> Bundle:
    """A bundle of one program, `hello` 1.2.3, and one folder of files, whose module is on disk."""
    module = tmp_path / "module"
    (module / "hello" / "notes").mkdir(parents=True)
    (module / "go.mod").write_text(
        "module example.test/tools\n\ngo 1.27\n\nreplace example.test/hello => ./hello\n\n"
        "tool example.test/hello\n\nrequire example.test/hello v1.2.3\n"
    )
    (module / "go.sum").write_text("")
    (module / "hello" / "go.mod").write_text("module example.test/hello\n\ngo 1.27\n")
    (module / "hello" / "main.go").write_text(PROGRAM)
    return Bundle(
        name="hello",
        source=str(module),
        usual_seconds=1,
        tools={"hello": Tool(package="example.test/hello", stamps={"main.version": "v{version}"})},
    )


@pytest.fixture
def toolchain(hello: Bundle, pinned: Toolchain) -> Toolchain:
    """A toolchain of only that bundle."""
    return replace(pinned, bundles=(hello,))


def output(program: Path) -> str:
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout


def left_over(folder: Path) -> list[str]:
    """The content of the cache without locks and logs."""
    return sorted(path.name for path in folder.iterdir() if path.suffix not in (".lock", ".log"))


def test_it_builds_a_program_and_stamps_the_version_of_go_mod(hello: Bundle, toolchain: Toolchain) -> None:
    program = toolchain.ensure("hello")["hello"]
    assert output(program) == "hello version v1.2.3\n"
    assert program.parent == toolchain.cache.entry(hello)


def test_a_built_program_is_not_built_again(toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch) -> None:
    first = toolchain.ensure("hello")
    monkeypatch.setattr(go.Go, "build", lambda *_: pytest.fail("built again"))
    assert toolchain.ensure("hello") == first


def test_a_build_says_what_it_builds_and_how_long_that_usually_takes(toolchain: Toolchain, said: list[str]) -> None:
    toolchain.ensure("hello")
    assert said[0] == "building hello (usually 1 s on 2 cores)"
    assert re.fullmatch(r"building hello: done in \d+ s", said[-1])


def test_a_build_counts_its_packages(hello: Bundle, toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Go prints them: `list` names all that there are, `build -v` each that it compiles, downloads and remarks in between."""
    compiler = tmp_path / "go"
    compiler.write_text(
        "#!/bin/sh\n"
        "case $1 in list) printf 'go: downloading example.test/far v1.0.0\\nunsafe\\nruntime\\nfmt\\nexample.test/hello\\n';;\n"
        f"*) printf 'runtime\\n# a remark\\nfmt\\nexample.test/hello\\n'; touch {tmp_path}/built/hello;; esac\n"
    )
    compiler.chmod(0o755)
    monkeypatch.setattr(go.Go, "command", lambda *_: str(compiler))
    shown: list[str] = []
    for folder in (tmp_path / "built", toolchain.cache.folder):
        folder.mkdir()
    toolchain.go(hello).build(hello, tmp_path / "built", shown.append)
    assert shown[0] == "downloading example.test/far"
    assert [each.partition(",")[0] for each in shown[1:]] == [f"{count} of 4 packages compiled" for count in (1, 2, 3)]
    assert all(", about " in each and each.endswith(" left") for each in shown[1:])


def truncate(entry: Path) -> None:
    os.truncate(entry / "hello", 100)


def overwrite(entry: Path) -> None:
    program = entry / "hello"
    program.write_bytes(bytes(program.stat().st_size))
    os.utime(program, (program.stat().st_mtime + 60,) * 2)


def remove_program(entry: Path) -> None:
    (entry / "hello").unlink()


def remove_manifest(entry: Path) -> None:
    (entry / cache.MANIFEST).unlink()


def spoil_manifest(entry: Path) -> None:
    (entry / cache.MANIFEST).write_text('{"hello": [1')


def test_every_damage_of_an_entry_is_found(toolchain: Toolchain, tmp_path: Path) -> None:
    built = toolchain.ensure("hello")["hello"].parent
    for damage in (truncate, overwrite, remove_program, remove_manifest, spoil_manifest):
        entry = tmp_path / damage.__name__
        shutil.copytree(built, entry)
        assert cache.is_whole(entry)
        damage(entry)
        assert not cache.is_whole(entry), damage.__name__


def test_a_damaged_entry_is_built_again(toolchain: Toolchain) -> None:
    program = toolchain.ensure("hello")["hello"]
    remove_manifest(program.parent)
    truncate(program.parent)
    assert output(toolchain.ensure("hello")["hello"]) == "hello version v1.2.3\n"


def test_a_file_that_was_only_touched_is_still_good(toolchain: Toolchain) -> None:
    program = toolchain.ensure("hello")["hello"]
    os.utime(program, (program.stat().st_mtime + 60,) * 2)
    assert cache.is_whole(program.parent)


def test_another_version_gets_another_entry(hello: Bundle, toolchain: Toolchain) -> None:
    before = toolchain.cache.entry(hello)
    go_mod = hello.folder / "go.mod"
    go_mod.write_text(go_mod.read_text().replace("v1.2.3", "v1.2.4"))
    after = Bundle(name="hello", source=hello.source, usual_seconds=1, tools=hello.tools)
    assert toolchain.cache.entry(after) != before


def test_a_build_removes_versions_that_were_long_not_used(toolchain: Toolchain, cache_folder: Path) -> None:
    long_ago = time.time() - cache.UNUSED_SECONDS - 60
    for name, used in (
        ("hello-000000000000", long_ago),
        ("hello-111111111111", time.time()),
        ("hello-more-000000000000", long_ago),
    ):
        (cache_folder / name).mkdir(parents=True)
        os.utime(cache_folder / name, (used, used))
    toolchain.ensure("hello")
    assert not (cache_folder / "hello-000000000000").exists()
    assert (cache_folder / "hello-111111111111").exists()
    assert (cache_folder / "hello-more-000000000000").exists()


def test_use_keeps_a_version(toolchain: Toolchain) -> None:
    folder = toolchain.ensure("hello")["hello"].parent
    os.utime(folder, (0, 0))
    toolchain.ensure("hello")
    assert folder.stat().st_mtime > time.time() - 60


def test_a_compile_error_names_the_line_and_the_log_and_leaves_nothing(
    hello: Bundle, toolchain: Toolchain, cache_folder: Path
) -> None:
    main = hello.folder / "hello" / "main.go"
    main.write_text("package main\n\nfunc main() { undefined() }\n")
    with pytest.raises(EmbeddedCloudError, match="the Go command for hello failed: hello/main.go:3:15: undefined:") as error:
        toolchain.ensure("hello")
    assert error.value.fix == f"read the whole output in {cache_folder / 'hello.log'}"
    assert "undefined: undefined" in (cache_folder / "hello.log").read_text()
    assert left_over(cache_folder) == []
    main.write_text(PROGRAM)
    assert output(toolchain.ensure("hello")["hello"]) == "hello version v1.2.3\n"


def test_what_a_killed_build_left_is_removed(hello: Bundle, toolchain: Toolchain, cache_folder: Path) -> None:
    (cache_folder / ".hello-abc" / "result").mkdir(parents=True)
    toolchain.ensure("hello")
    assert left_over(cache_folder) == [toolchain.cache.entry(hello).name]


def test_a_second_builder_waits_for_the_first_and_uses_its_result(
    hello: Bundle, toolchain: Toolchain, cache_folder: Path, said: list[str]
) -> None:
    cache_folder.mkdir()
    waiting = threading.Thread(target=toolchain.ensure, args=("hello",))
    with toolchain.cache.lock(hello):
        waiting.start()
        while not said:
            assert waiting.is_alive(), "the second builder ended without a message"
            waiting.join(0.01)
        toolchain.make(hello)
        made = (toolchain.cache.entry(hello) / cache.MANIFEST).stat().st_mtime_ns
    waiting.join(30)
    assert not waiting.is_alive()
    assert said[0] == f"hello: waiting for another build (pid {os.getpid()})"
    assert (toolchain.cache.entry(hello) / cache.MANIFEST).stat().st_mtime_ns == made


def test_a_full_disk_while_go_builds_is_one_error(hello: Bundle, toolchain: Toolchain) -> None:
    error = toolchain.go(hello).failure(
        hello, ["fmt", "# example.test/hello", "write $WORK/b001/_pkg_.a: no space left on device", "exit status 1"]
    )
    assert error.problem == "the disk is full during the build of hello: write $WORK/b001/_pkg_.a: no space left on device"
    assert "free some disk space" in error.fix


def test_a_full_disk_at_the_end_leaves_nothing(toolchain: Toolchain, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(cache, "sha256", full)
        with pytest.raises(EmbeddedCloudError, match=rf"{cache_folder}: No space left on device"):
            toolchain.ensure("hello")
    assert left_over(cache_folder) == []
    assert toolchain.ensure("hello")["hello"].exists()


def test_a_cache_that_cannot_be_written_is_one_error(toolchain: Toolchain, cache_folder: Path) -> None:
    cache_folder.write_text("a file where the folder should be")
    with pytest.raises(EmbeddedCloudError, match=rf"cannot write the toolchain's cache {cache_folder}") as error:
        toolchain.ensure("hello")
    assert "TEST_TOOLCHAIN" in error.value.fix


def test_go_too_old_names_the_version_found(hello: Bundle, toolchain: Toolchain) -> None:
    go_mod = hello.folder / "go.mod"
    go_mod.write_text(go_mod.read_text().replace("go 1.27", "go 1.99"))
    with pytest.raises(EmbeddedCloudError, match=r"go is Go 1\.\d+\S*, but hello needs Go 1.99 or newer") as error:
        toolchain.ensure("hello")
    assert "make setup" in error.value.fix


def test_go_missing_says_how_to_get_it(toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go.sysconfig, "get_path", lambda _: str(tmp_path / "bin"))
    with pytest.raises(EmbeddedCloudError, match=rf"Go 1.27 is missing: there is no {tmp_path}/bin/go") as error:
        toolchain.ensure("hello")
    assert "make setup" in error.value.fix


@pytest.mark.parametrize("name", ["actionlint", "kwok-stages"])
def test_a_registry_out_of_reach_names_the_module(
    name: str, pinned: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:1")
    with pytest.raises(EmbeddedCloudError, match=r"cannot download the sources of \S+: .*@v\d.*connection refused") as error:
        pinned.ensure(name)
    assert "GOPROXY" in error.value.fix


def script(folder: Path, name: str, answer: str) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("answer", ["hello v1.2.9", "1.2.3", "hello, version 1.2.0 (branch: none)\n  go version: go1.30.1"])
def test_a_fitting_program_on_path_is_used(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    program = script(tmp_path / "bin", "hello", answer)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    assert toolchain.ensure("hello") == {"hello": program}


@pytest.mark.parametrize("answer", ["hello v1.3.0", "hello v1.20.0", "hello v11.2.0", "", "no version"])
def test_a_program_on_path_of_another_version_is_not_used(
    hello: Bundle, toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    script(tmp_path / "bin", "hello", answer)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    assert toolchain.on_path(hello, "hello") is None


def test_a_hard_link_to_the_caches_own_program_is_not_taken_for_another(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = toolchain.ensure("hello")["hello"]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "hello").hardlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    assert toolchain.ensure("hello")["hello"] == program


def test_the_cache_on_path_is_still_checked(toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch) -> None:
    program = toolchain.ensure("hello")["hello"]
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    os.truncate(program, 100)
    assert output(toolchain.ensure("hello")["hello"]) == "hello version v1.2.3\n"


def test_copied_files_can_be_changed_and_removed_although_gos_cache_is_read_only(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "a.yaml").write_text("a: 1\n")
    for path in (source / "inner" / "a.yaml", source / "inner", source):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)
    copy(source, tmp_path / "target")
    copied = tmp_path / "target" / "inner" / "a.yaml"
    assert copied.read_text() == "a: 1\n"
    assert all(path.stat().st_mode & stat.S_IWUSR for path in (copied, copied.parent, copied.parent.parent))


def test_an_unknown_name_lists_the_known_ones(pinned: Toolchain) -> None:
    with pytest.raises(EmbeddedCloudError, match="the toolchain has no kube-dns") as error:
        pinned.ensure("etcd", "kube-dns")
    assert "kube-apiserver" in error.value.fix


def test_the_command_ends_with_one_line_and_no_traceback() -> None:
    run = subprocess.run([sys.executable, "-m", "sandbox", "tools", "kube-dns"], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith("error: the toolchain has no kube-dns\n  fix: choose from etcd, ")


def test_the_list_shows_every_name_and_version() -> None:
    run = subprocess.run([sys.executable, "-m", "sandbox", "tools", "--list"], capture_output=True, text=True, check=True)
    rows = dict(line.split()[:2] for line in run.stdout.splitlines()[1:])
    assert rows.keys() == {name for bundle in BUNDLES for name in bundle.names}
    modules = "\n".join(bundle.go_mod for bundle in BUNDLES)
    [kubernetes] = set(re.findall(r"\tk8s\.io/kubernetes v(\S+)", modules))
    [(major, minor, patch)] = set(re.findall(r"\tgithub\.com/prometheus/prometheus v0\.(\d)(\d\d)\.(\d+)", modules))
    assert rows["kube-apiserver"] == kubernetes
    assert rows["prometheus"] == f"{major}.{int(minor)}.{patch}", "3.16.0 is published as the Go module v0.316.0"


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_the_catalogue_agrees_with_go_mod(bundle: Bundle) -> None:
    tools = set(re.findall(r"^(?:tool |\t)([^\s=]+)$", bundle.go_mod, re.MULTILINE))
    assert {tool.package for tool in bundle.tools.values() if not tool.module} <= tools
    for package in [tool.module or tool.package for tool in bundle.tools.values()] + [
        each.module for each in bundle.files.values()
    ]:
        assert re.fullmatch(r"\d+\.\d+\.\d+(-\d{14}-[0-9a-f]{12})?", bundle.version(package))
        assert f"v{bundle.version(package)}" in bundle.go_mod or package.startswith("github.com/prometheus/prometheus/")


def test_every_program_of_kubernetes_has_one_version() -> None:
    pins = [re.search(r"\tk8s\.io/kubernetes (v\S+)", bundle.go_mod) for bundle in BUNDLES]
    versions = [pin[1] for pin in pins if pin]
    assert len(versions) > 1
    assert len(set(versions)) == 1


def test_names_are_unique() -> None:
    names = [name for bundle in BUNDLES for name in bundle.names]
    assert len(names) == len(set(names))


TOOLS = {name: bundle for bundle in BUNDLES for name, tool in bundle.tools.items() if tool.ask_version}


@pytest.mark.cloud
@pytest.mark.parametrize("name", TOOLS)
def test_a_pinned_tool_reports_its_pinned_version(name: str) -> None:
    bundle = TOOLS[name]
    tool = bundle.tools[name]
    assert tool.ask_version
    run = subprocess.run([TOOLCHAIN.ensure(name)[name], tool.ask_version], capture_output=True, text=True, check=True)
    assert bundle.version(tool.package) in run.stdout + run.stderr


@pytest.mark.cloud
def test_the_files_beside_the_tools_are_there() -> None:
    paths = TOOLCHAIN.ensure("kwok-stages", "pulumi-language-python-exec", "prometheus-operator-crds")
    assert {path.name for path in (paths["kwok-stages"] / "pod" / "fast").glob("*.yaml")} >= {"pod-ready.yaml", "pod-delete.yaml"}
    assert "import pulumi" in paths["pulumi-language-python-exec"].read_text()
    assert (paths["prometheus-operator-crds"] / "monitoring.coreos.com_prometheusrules.yaml").exists()
