"""The pages: links resolve, every item of the guide and every resource type is covered, generated parts are up to date."""

from __future__ import annotations

import base64
import hashlib
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from browser import NEEDS_CHROMIUM, seen_by_browser
from fences import DOCS, fences
from recording import ROOT, run_platform

from components.monitoring import rule_files
from delivery.doctor.checks import CHECKS

RULES = rule_files.rule_file(memory_limit_bytes=1, cpu_limit_cores=1, runbooks="https://example.com/docs/runbooks")
ALERTS = {each["alert"]: each["annotations"]["runbook_url"] for each in rule_files.alerts(RULES)}


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_links_to_a_page_that_names_it_or_its_kind(alert: str) -> None:
    page = DOCS / "runbooks" / ALERTS[alert].rpartition("/")[2]
    text = page.read_text()
    kinds = {"AvailabilityBudgetBurn": "burn rates of the availability", "LatencyBudgetBurn": "burn rates of the latency"}
    kind = next((name for start, name in kinds.items() if alert.startswith(start)), alert)
    assert kind in text or (alert.endswith("MetricsAbsent") and "alerts on absent metrics" in text)


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_has_a_page_with_all_sections(check: str) -> None:
    text = (DOCS / "runbooks" / f"{check}.md").read_text()
    assert f"`{check}`" in text
    for part in ("**What it means.**", "## Investigate", "## Done when"):
        assert part in text, part


def test_every_runbook_belongs_to_an_existing_check() -> None:
    assert {page.stem for page in (DOCS / "runbooks").glob("*.md")} == {*CHECKS, "index", "debug-commands"}


def test_the_migration_page_contains_all_terms_of_the_guide() -> None:
    text = (DOCS / "migrating.md").read_text()
    for term in (
        *(
            "deployments/docker/Dockerfile.dwcp-v3",
            "deployments/docker-compose-dwcp-v3.yml",
            "deployments/k8s/dwcp-v3-deployment.yaml",
        ),
        *(
            "deployments/k8s/dwcp-v3-monitoring.yaml",
            "deployments/terraform/dwcp-v3/main.tf",
            "variables.tf",
            "backups/deployments",
        ),
        *("./scripts/deploy-dwcp-v3.sh", "./scripts/rollout-dwcp-v3.sh", "novacron-terraform-state", "dwcp-v3/terraform.tfstate"),
        *(".github/workflows/dwcp-v3-ci.yml", ".github/workflows/dwcp-v3-cd.yml", "--skip-tests", "--no-rollback", "--dry-run"),
        *("--percentage", "--wait-time", "--error-threshold", "terraform init", "terraform plan", "terraform apply"),
        *("terraform output", "terraform destroy", "rollout undo", "--to-revision", "kubectl scale", "kubectl edit", "regcred"),
        *("NODE_ENV", "PORT", "LOG_LEVEL", "REDIS_URL", "PROMETHEUS_PORT", "DWCP_VERSION", "MAX_CONNECTIONS", "BUFFER_SIZE"),
    ):
        assert re.search(rf"(?<![\w-]){re.escape(term)}(?![\w-])", text), term


def test_every_resource_type_has_its_import_id_on_the_page() -> None:
    text = (DOCS / "importing.md").read_text()
    listed = set(re.findall(r"^\| `((?:aws|kubernetes):[^`]+)` \|", text, re.MULTILINE))
    resources = [each for stack in ("staging", "production") for each in run_platform(stack).resources]
    used = {each.type for each in resources if each.custom and not each.type.startswith("pulumi:")}
    assert used <= listed, used - listed


def test_most_blocks_are_run_and_the_others_state_the_reason() -> None:
    blocks = fences()
    unmarked = [str(each) for each in blocks if each.info and not each.reason]
    assert unmarked == [], "the info string of a fence is a title with the reason, or nothing"
    run = [each for each in blocks if not each.reason]
    assert len(run) > max(30, len(blocks) / 2), f"{len(run)} of {len(blocks)} blocks are run"


SECTION = re.compile(r"^(?=#{2,3} )", re.MULTILINE)
CHANGES_A_SHARED_STACK = re.compile(
    r"pulumi config set\b[^\n`]* (-s|--stack)[ =](staging|production)|`Pulumi\.(staging|production)\.yaml`(,\s+then run|;|, commit)"
)


def sections_that_change_a_stack_file() -> list[str]:
    texts = [part for page in sorted(DOCS.rglob("*.md")) for part in SECTION.split(page.read_text())]
    return [text for text in texts if CHANGES_A_SHARED_STACK.search(text)]


@pytest.mark.parametrize("text", sections_that_change_a_stack_file(), ids=lambda text: text.split("\n", 1)[0].strip("# "))
def test_who_changes_a_shared_stack_file_is_told_to_commit_it(text: str) -> None:
    """A pipeline applies the stack file of its commit, so a change that is not committed is reverted by the next release."""
    assert re.search(r"\bcommit\b.*(\bmerge\b|git push|\bpush\b)", text, re.IGNORECASE | re.DOTALL)


def debug_and_log_commands() -> list[str]:
    """The commands of the pages whose arguments ``refused_by_kubectl`` checks."""
    return [
        line.strip()
        for page in sorted(DOCS.rglob("*.md"))
        if page.stem != "guide"  # the original, unchanged
        for line in page.read_text().replace("\\\n", " ").splitlines()
        if line.strip().startswith(("kubectl debug ", "kubectl logs "))
    ]


def refused_by_kubectl(command: str) -> str:
    """Why kubectl refuses a command in any cluster; empty if it does not."""
    words = shlex.split(command.partition(" -- ")[0])
    if words[1] == "debug":
        target = next((each for each in words[2:] if re.match(r"[a-z.]+/|\$\(kubectl get ", each)), "pod/x")
        if not re.match(r"(po|pods?|no|nodes?)/|\$\(kubectl get (po|pods?|no|nodes?)\b.* -o name", target):
            return "kubectl debug accepts only a pod or a node"
    follows, selects = ({*names} & {*words} for names in (("-f", "--follow"), ("-l", "--selector")))
    if words[1] == "logs" and follows and selects and not any(each.startswith("--max-log-requests=") for each in words):
        return "kubectl logs follows at most 5 pods"
    return ""


@pytest.mark.parametrize("command", debug_and_log_commands())
def test_kubectl_accepts_the_debug_and_logs_commands_of_the_pages(command: str) -> None:
    assert refused_by_kubectl(command) == ""


@pytest.mark.parametrize(
    ("command", "refused"),
    [
        ("kubectl debug -n x -it deploy/dwcp-v3 --image=curlimages/curl:8 -- curl http://localhost/x", True),
        ('kubectl debug -n x -it "$(kubectl get deploy -n x -o name)" --image=alpine', True),
        ('kubectl debug -n x -it "$(kubectl get pods -n x -o name | head -1)" --image=curlimages/curl:8', False),
        ("kubectl debug node/a --image=alpine", False),
        ("kubectl logs -n x -l app=y -f", True),
        ("kubectl logs -n x -l app=y -f --max-log-requests=20", False),
        ("kubectl logs -n x -l app=y --tail=5", False),
        ("kubectl logs -n x deploy/y -f", False),
    ],
)
def test_commands_that_kubectl_refuses_are_found(command: str, refused: bool) -> None:
    assert bool(refused_by_kubectl(command)) is refused


def test_every_page_is_in_the_menu() -> None:
    class Loader(yaml.SafeLoader):
        """A loader that ignores the tags for Python objects in mkdocs.yml."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda *_: None)
    menu = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)["nav"]
    named = set(re.findall(r"[\w/-]+\.md", str(menu)))
    existing = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert {each for each in existing if not each.startswith("runbooks/")} <= named, existing - named


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_builds_without_broken_links(site: Path) -> None:
    assert (site / "index.html").is_file()
    assert (site / "runbooks" / "high-error-rate.html").is_file()


def test_no_page_of_the_site_loads_from_another_host(site: Path) -> None:
    external = re.compile(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=[\"']?(https?:)?//", re.IGNORECASE)
    loading = [str(page.relative_to(site)) for page in site.rglob("*.html") if external.search(page.read_text())]
    assert loading == []
    assert (site / "assets" / "mermaid.min.js").stat().st_size > 1_000_000
    pages = {page: (site / page).with_suffix(".html").read_text() for page in pages_with_diagrams()}
    assert pages
    assert [page for page, text in pages.items() if "assets/mermaid.min.js" not in text] == []


def test_a_library_that_its_package_does_not_contain_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks: dict[str, Any] = runpy.run_path(str(DOCS / "site" / "hooks.py"))
    archive = tmp_path / "package.tgz"
    tarfile.open(archive, "w:gz").close()
    checksum = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    monkeypatch.setitem(hooks["_fetch"].__globals__, "npm", lambda command: shutil.copy(archive, command[3]) and 0)
    library = hooks["Library"](package="x@1", integrity=checksum, member="package/x.js", target="x.js")
    with pytest.raises(hooks["PluginError"], match="the package x@1 does not contain package/x.js"):
        hooks["_fetch"](library, tmp_path / "x.js")


PHONE_PIXELS, SMALLEST_LETTERS = 390, 11
OPEN_SHADOWS = """<head><script>
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function () { return attach.call(this, { mode: "open" }); };
</script>"""
"""The theme draws diagrams in closed shadow trees, which a test cannot read."""
MEASURE = """<!doctype html><body><iframe src="PAGE" style="width: WIDTHpx; height: 844px; border: 0"></iframe><script>
  const measure = () => {
    const page = document.querySelector("iframe").contentDocument;
    const drawings = [...page.querySelectorAll("div.mermaid")].map((each) => each.shadowRoot?.querySelector("svg"));
    if (drawings.length < DIAGRAMS || !drawings.every((each) => each?.querySelector("text, span"))) return setTimeout(measure, 100);
    const seen = drawings.map((drawing) => {
      const scale = drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width;
      const sizes = [...drawing.querySelectorAll("text, span")].map((each) => parseFloat(getComputedStyle(each).fontSize));
      return { letters: Math.min(...sizes) * scale, right: drawing.getBoundingClientRect().right };
    });
    document.body.replaceChildren(document.createTextNode("SEEN" + JSON.stringify(seen) + "NEES"));
  };
  onload = measure;
</script>"""
DIAGRAM = "```mermaid\n"


def pages_with_diagrams() -> list[str]:
    return sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if DIAGRAM in page.read_text())


@NEEDS_CHROMIUM
@pytest.mark.parametrize("page", pages_with_diagrams())
def test_a_phone_shows_every_diagram_in_readable_letters_without_scrolling(site: Path, tmp_path: Path, page: str) -> None:
    file = (site / page).with_suffix(".html")
    shown = file.with_name(f"phone-{file.name}")
    shown.write_text(file.read_text().replace("<head>", OPEN_SHADOWS, 1))
    diagrams = (DOCS / page).read_text().count(DIAGRAM)
    outer = file.with_name(f"outer-{file.name}")
    outer.write_text(MEASURE.replace("PAGE", shown.name).replace("WIDTH", str(PHONE_PIXELS)).replace("DIAGRAMS", str(diagrams)))
    seen = seen_by_browser(outer, tmp_path, "--allow-file-access-from-files", milliseconds=20_000)
    assert len(seen) == diagrams
    assert min(each["letters"] for each in seen) >= SMALLEST_LETTERS, seen
    assert max(each["right"] for each in seen) <= PHONE_PIXELS, seen
