"""docs/runbooks/index.md: every check of the doctor and every alert, with its page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from components.monitoring import rule_files
from delivery.doctor.checks import CHECKS
from program.evaluation import CHECKOUT

INDEX = Path("docs/runbooks/index.md")
FOLDER = CHECKOUT / INDEX.parent

HEAD = """\
# Runbooks

Made by `make generate` from the checks of the doctor and the alerts; edit the pages, not this one.

Not sure which? `./dwcp doctor --environment production` says. An alert's message links to its page.

Each page says what it means, where to look, how to decide, how to mend it, and when it is over. A test runs the commands against
the embedded cloud, which is why some say `local`: put `production` in its place. One that cannot run there says why above it.
"""


def index() -> str:
    """The index: every check with its page, every alert with its own."""
    return "\n".join([HEAD, *_checks(), "", *_alerts(), "", *_others()]) + "\n"


def _checks() -> Iterator[str]:
    yield "## By finding\n"
    yield "| check | page |\n|---|---|"
    for check, function in CHECKS.items():
        said = (function.__doc__ or "").strip().rstrip(".")
        yield f"| {said} | [{check}]({check}.md) |"


def _alerts() -> Iterator[str]:
    yield "## By alert\n"
    yield "| alert | severity | page |\n|---|---|---|"
    declared = rule_files.rule_file(memory_limit_bytes=1, runbooks=".")
    for alert in sorted(rule_files.alerts(declared), key=lambda each: str(each["alert"])):
        page = str(alert["annotations"]["runbook_url"]).removeprefix("./")
        yield f"| `{alert['alert']}` | {alert['labels']['severity']} | [{page.removesuffix('.md')}]({page}) |"


def _others() -> Iterator[str]:
    yield "## Besides\n"
    known = {*CHECKS, INDEX.stem}
    for page in sorted(FOLDER.glob("*.md")):
        if page.stem not in known:
            yield f"- [{title(page)}]({page.name})"


def title(page: Path) -> str:
    """The first heading of a page."""
    return next(line.removeprefix("# ") for line in page.read_text().splitlines() if line.startswith("# "))


def files() -> dict[Path, str]:
    """The index by its path in the checkout."""
    return {INDEX: index()}
