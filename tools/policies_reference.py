"""docs/policies.md and the pack config of each environment, from the rules and their limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic.alias_generators import to_camel

from contract import APPLICATION
from policies.config import config_of, pack_config
from policies.known_types import REVIEWED
from policies.limits import Limits
from policies.prices import prices
from policies.rule import ENVIRONMENTS, Rule
from policies.rules import RULES
from policies.waivers import LONGEST

REFERENCE_FILE = Path("docs/policies.md")
CONFIG_FOLDER = Path("policies/config")

KUBE_SCORE = {
    "container-security-context-user-group-id": "The images' own users are kept (1001 is the guide's), since their files belong to "
    "them; every container runs unprivileged, without capabilities, on a read-only root.",
    "container-image-pull-policy": "Images are named by a fixed tag or digest, and a node that has one must be able to restart "
    "a pod while the registry is away.",
    "pod-probes-identical": "Grafana, Redis and the exporters have one health endpoint each; liveness asks it less often than "
    "readiness, so that a pod leaves its Service before it is restarted.",
    "deployment-targeted-by-hpa-does-not-have-replicas-configured": "The count is for creation only: the program ignores later "
    "changes, which belong to the autoscaler.",
}
"""Critical findings of kube-score on production's manifests that stay, by the identifier of its check, and why."""

HEADER = """\
# Policies

<!-- Made by `make generate` from the rules in policies/rules: edit those. -->

{count} rules limit what the program may declare. The same rules run three ways, with the same results but for one rule (below):

| when | command |
|---|---|
| on the program, without cloud or credentials | `./dwcp policy` (`--stack`, `--format table`, `json` or `sarif`) |
| in the engine, before anything is touched | `pulumi up -s production --policy-pack policies` |
| on what is deployed | `pulumi stack export -s production > state.json`, then `./dwcp policy --state state.json` |

A rule is a pure function in `policies/rules`; packs report and change nothing. `./dwcp policy` exits with 1 if a mandatory rule is
broken or could not be evaluated. A stock `pulumi up` runs no pack unless it is given one.

## Unknown is not green

Before `up` it is not known what a provider will compute. A rule that meets such a value cannot be evaluated, and that counts as
broken: mandatory ones stop the preview. Each rule lists the few properties that may wait (*may be unknown before creation*,
below): these checks are listed as *checked after up*, and the engine makes them during `up`, when the values are there. In an
exported state nothing may be unknown; the values of secrets are, to every rule.

`dwcp policy` and `dwcp preview` look at the program twice: with no output known, as the engine's first preview has it, and with
every output made up from names. A value that is made up never makes a rule pass: a retention that an `apply` computes from a key's
id is not known, whatever it would be here. It can make one fail, because the rest of such a value, an IAM policy with an ARN in it
say, is the program's own. The stack's secrets differ between the two as well, so that
[workload-literal-secrets](#workload-literal-secrets) can tell a literal from a secret of the stack; neither the engine nor a state
can, and that rule says nothing there.

## What is checked

Rules read a normal form, so that a mistake is one mistake however it is spelled: IAM statements by the actions and resources that
they match, in policies of every kind and way of attachment; security groups by the networks that they let in; a pod by its
template, whatever kind, version or `Patch` it stands in; credentials by their shape (`detect-secrets`) and by the last word of
their name.
[Policies beside other checkers](policies-checks.md) compares the rules with the checks of checkov and kube-linter.

A resource of a type that no rule knows is a finding of its own ([types-known](#types-known)), mandatory in production. Known are
the types that rules below name, and these, which need no rule:

| type | why |
|---|---|
{reviewed}

## Levels and parameters

A broken *mandatory* rule stops a preview or update, an *advisory* one is shown. Levels differ by environment (below each rule),
limits too:

| parameter | local | staging | production | what |
|---|---|---|---|---|
{parameters}

They lie in `policies/limits.py`. For one run, `--policy-pack-config FILE` (the engine) or `--config FILE` (`dwcp policy`)
gives others; `policies/config/ENVIRONMENT.json` are such files with everything spelled out. Whose limits hold is said by the
stack's setting `environment.name`, else by its name; a stack that is neither is checked as production is.

## Waivers

What is wrong and has to be accepted for a while goes to `policies/waivers.yaml`:

```yaml
- rule: data-log-retention
  resource: {application}-flow            # logical name, or the whole URN
  reason: the audit of 2026-Q1 needs the old setting until its end
  by: platform
  granted: 2026-01-10
  expires: 2026-03-31               # {longest} days after `granted` at most
```

It holds in all three ways. After its date the waiver itself fails, whether or not anything needs it, until it is deleted or
renewed.

## Cost

`dwcp policy` ends with the monthly estimate of each stack, from the list prices in `policies/prices.yaml` (as of {prices}): what
is always there, and with as many nodes as there may be. What is paid by use, such as traffic and log volume, is not in it. A type
or a size that has no price in the table is named beside the sum, never counted as nothing.
"""


def reference() -> str:
    """The text of ``docs/policies.md``."""
    lines = [
        HEADER.format(
            count=len(RULES),
            parameters="\n".join(_parameters()),
            reviewed="\n".join(f"| `{type_}` | {why} |" for type_, why in sorted(REVIEWED.items())),
            application=APPLICATION,
            longest=LONGEST.days,
            prices=prices().as_of,
        ).rstrip()
    ]
    concern = ""
    for rule in RULES:
        if rule.concern != concern:
            concern = rule.concern
            lines += ["", f"## Rules: {concern}"]
        lines += ["", *_rule(rule)]
    lines += ["", "## kube-score", "", "A test runs kube-score on production's manifests. These critical findings stay:", ""]
    lines += ["| check | why it stays |", "|---|---|", *(f"| `{check}` | {why} |" for check, why in KUBE_SCORE.items())]
    return "\n".join(lines) + "\n"


def _parameters() -> Iterator[str]:
    limits = {name: config_of(each).limits.model_dump(mode="json") for name, each in ENVIRONMENTS.items()}
    for name, field in Limits.model_fields.items():
        if name in ("environment", "today"):
            continue
        values = [_shown(limits[each][name]) for each in ENVIRONMENTS]
        yield f"| `{to_camel(name)}` | {' | '.join(values)} | {field.description} |"


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return ", ".join(f"`{key}`: {item}" for key, item in value.items())  # pyright: ignore[reportUnknownVariableType]
    return f"`{value}`"


def _rule(rule: Rule) -> Iterator[str]:
    levels = [f"{rule.level(environment)} in {environment}" for environment in ENVIRONMENTS.values()]
    level = rule.level("production") if len({each.split()[0] for each in levels}) == 1 else ", ".join(levels)
    kinds = ["every resource"] if "*" in rule.on else [f"`{each.rpartition(':')[2]}`" for each in rule.on]
    yield f"### {rule.name}"
    yield ""
    yield f"**{rule.title}.** {rule.why}"
    yield ""
    yield f"- How to fix: {rule.fix}"
    yield f"- Severity {rule.severity}; {level}. Checks {', '.join(kinds)}{', with what belongs to them' if rule.whole else ''}."
    if rule.parameters:
        yield f"- Parameters: {', '.join(f'`{to_camel(each)}`' for each in rule.parameters)}."
    if rule.deferred:
        yield f"- May be unknown before creation: {', '.join(f'`{each}`' for each in sorted(rule.deferred))}."
    if rule.frameworks:
        yield f"- Also required by: {'; '.join(rule.frameworks)}."


def files() -> dict[Path, str]:
    """The page of rules and the pack configs, by their paths in the checkout."""
    configs = {
        CONFIG_FOLDER / f"{name}.json": json.dumps(pack_config(each, RULES), indent=2) + "\n" for name, each in ENVIRONMENTS.items()
    }
    return {REFERENCE_FILE: reference(), **configs}
