"""The report of a release and the record of an incident, as Markdown."""

from __future__ import annotations

from contract import PROJECT
from delivery.releases.release import Release

HEADLINES = {
    "running": "is not finished",
    "staged": "is staged at 0 %",
    "deployed": "is complete",
    "failed": "failed and was not rolled back",
    "rolled back": "failed; the previous release runs again",
}


def title(release: Release) -> str:
    """The headline of the report, in one line."""
    image = release.tag or release.image
    if release.command == "rollback":
        return f"rollback to {image} in {release.environment} {HEADLINES[release.result].removesuffix(' and was not rolled back')}"
    return f"{release.command} of {image} to {release.environment} {HEADLINES[release.result]}"


def facts(release: Release) -> list[tuple[str, str]]:
    """The facts of a release as pairs of name and value, with the most important first."""
    duration = f"{(release.ended - release.started).total_seconds():.0f} s" if release.ended else ""
    every = [
        ("release", release.id),
        ("result", release.result),
        ("reason", release.reason),
        ("image", release.image),
        ("digest", release.digest),
        ("commit", release.commit),
        ("commit before", release.replaced_program),
        ("started", release.started.isoformat(timespec="seconds")),
        ("duration", duration),
        ("started by", release.who),
        ("previous release", release.previous),
        ("restored release", release.restores),
        ("configuration", release.config_hash),
        ("state version", release.state_version),
    ]
    return [(name, value) for name, value in every if value]


def markdown(release: Release) -> str:
    """The report for a pull request, an issue or a step summary."""
    lines = [f"# {PROJECT}: {title(release)}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in facts(release)]
    lines += ["", "| step | result | seconds | |", "|---|---|---|---|"]
    lines += [f"| {_cell(each.name)} | {each.result} | {each.seconds:.1f} | {_cell(each.detail)} |" for each in release.steps]
    return "\n".join(lines) + "\n"


def incident(release: Release, record_url: str) -> str:
    """The Markdown text of an incident: the start of the release, the failure, what runs now, the next steps and the report."""
    failed = [each for each in release.steps if each.result == "failed"]
    lines = [
        f"# Incident: {title(release)}",
        "",
        f"- when: {release.started.isoformat(timespec='seconds')}",
        f"- what failed: {'; '.join(f'{each.name}: {each.detail}' for each in failed) or release.reason}",
        f"- what runs now: {_running(release)}",
        f"- why: {release.reason or 'not known yet'}",
        "",
        "## Next",
        "",
        f"1. `dwcp status --environment {release.environment}`",
        f"2. `dwcp doctor --environment {release.environment}`",
        f"3. add the cause and its prevention to this document. The release record is `{record_url}`.",
        "",
        markdown(release),
    ]
    return "\n".join(lines)


def _running(release: Release) -> str:
    match release.result:
        case "deployed":
            return release.image
        case "rolled back":
            return release.previous or release.replaced
        case _:
            return "not recorded; `dwcp status` shows it"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")
