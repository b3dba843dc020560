"""Checks variables, reviewers, tag rules and approvals on GitHub, and adds a fix to errors of actions that state none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from contract import PROJECT
from delivery.errors import UsageError

ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/[\w+=,.@/-]+")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
URL = re.compile(r"https?://[^\sA-Z/]+\S*")
BACKEND = re.compile(r"s3://[a-z0-9.-]+([/?]\S*)?")


@dataclass(frozen=True)
class PipelineVariable:
    """A GitHub variable of an environment, or of the repository if it is ``shared``. A value must match ``form``.

    The words in upper case in ``example`` are placeholders. ``form`` refuses the unchanged example.
    """

    name: str
    form: re.Pattern[str]
    example: str
    shared: bool = False


REPOSITORY = (
    PipelineVariable("AWS_REGION", REGION, "REGION", shared=True),
    PipelineVariable("PULUMI_BACKEND_URL", BACKEND, f"'s3://BUCKET/{PROJECT}?region=REGION&awssdk=v2'", shared=True),
)
DEPLOYS = (
    *REPOSITORY,
    PipelineVariable("ROLE_ARN", ROLE, f"arn:aws:iam::ACCOUNT:role/{PROJECT}-{{environment}}-deploy"),
    PipelineVariable("BASE_URL", URL, "https://HOST"),
)
VARIABLES: Mapping[str, tuple[PipelineVariable, ...]] = {
    "staging": DEPLOYS,
    "production": DEPLOYS,
    "preview": (
        *REPOSITORY,
        PipelineVariable("STAGING_PREVIEW_ROLE_ARN", ROLE, f"arn:aws:iam::ACCOUNT:role/{PROJECT}-staging-preview", shared=True),
        PipelineVariable(
            "PRODUCTION_PREVIEW_ROLE_ARN", ROLE, f"arn:aws:iam::ACCOUNT:role/{PROJECT}-production-preview", shared=True
        ),
    ),
}
"""The variables by GitHub environment. The environment ``production-approval`` has reviewers and no variables."""

EXPLANATIONS = {
    "role": (
        "AWS did not let the job assume the role of the GitHub environment {environment}; nothing was deployed",
        "compare the role with `pulumi stack output pipelines -s account` in bootstrap/: the role must exist, trust this "
        "repository and the environment {environment}, and have a maximum session duration of at least `role-duration-seconds` "
        "in the workflow. If the token has expired, run all jobs again",
    ),
    "registry": (
        "the images were not built and pushed; nothing was deployed",
        "read the log of the failed step. If the registry denied access (`permission_denied: write_package`), give this repository "
        "the role Write in the settings of each package (Package settings, Manage Actions access), then run the failed jobs again",
    ),
}
"""The problem and the fix by topic, for actions whose own message does not state a fix."""


def require_variables(environment: str, given: Mapping[str, str]) -> list[str]:
    """The names of the variables of a GitHub environment. Raises ``UsageError`` with every missing or wrong variable.

    If a workflow names an environment that does not exist, GitHub creates it without variables. This check then fails, except for
    ``preview``, whose variables are all variables of the repository.
    """
    if environment not in VARIABLES:
        problem = f"the GitHub environment {environment!r} is unknown or has no variables"
        raise UsageError(problem, f"choose from {', '.join(VARIABLES)}")
    wrong: list[str] = []
    fixes: list[str] = []
    for each in VARIABLES[environment]:
        value = given.get(each.name, "")
        if each.form.fullmatch(value):
            continue
        example = each.example.format(environment=environment)
        wrong.append(f"{each.name} is not set" if not value else f"{each.name}={value} does not look like {example}")
        place = "" if each.shared else f" --env {environment}"
        fixes.append(f"gh variable set {each.name}{place} --body {example}")
    if wrong:
        problem = f"the GitHub environment {environment} is not set up: {'; '.join(wrong)}; nothing was deployed"
        raise UsageError(problem, " && ".join(fixes))
    return [each.name for each in VARIABLES[environment]]


def require_reviewers(environment: str, *, found: bool) -> None:
    """Raise ``UsageError`` if the GitHub environment has no required reviewers: GitHub then starts the jobs at once."""
    if not found:
        raise UsageError(
            f"the GitHub environment {environment} has no required reviewers; nothing was deployed",
            f"add required reviewers to {environment}. A private repository has this rule only with GitHub Enterprise; without it, "
            "a person deploys to production with `dwcp deploy` and `dwcp rollout`",
        )


def require_release_tags(repository: str, *, restricted: bool) -> None:
    """Raise ``UsageError`` if no ruleset restricts the release tags.

    GitHub takes the workflow from the tagged commit, so a tag could start a workflow without checks and approval.
    """
    if not restricted:
        raise UsageError(
            f"in {repository} no ruleset restricts who may create and move the tags v*; nothing was deployed",
            f"an administrator runs `gh api --method POST repos/{repository}/rulesets --input .github/release-tags.json`",
        )


def require_approval(approved_attempt: str, present_attempt: str) -> None:
    """Raise ``UsageError`` if the approval is of another attempt: GitHub keeps an approval if only some jobs run again."""
    if approved_attempt != present_attempt or not present_attempt.isdecimal():
        attempts = f"the approval is of attempt {approved_attempt or '-'}, and this is attempt {present_attempt or '-'}"
        raise UsageError(
            f"{attempts}; nothing was deployed",
            "run all jobs again, so that the release is approved again",
        )


def explanation(topic: str, environment: str) -> tuple[str, str]:
    """The problem and the fix for an action that failed. Raises ``UsageError`` if the topic is unknown."""
    if topic not in EXPLANATIONS:
        raise UsageError(f"there is no explanation of {topic!r}", f"choose from {', '.join(EXPLANATIONS)}")
    problem, fix = EXPLANATIONS[topic]
    return problem.format(environment=environment), fix.format(environment=environment)
