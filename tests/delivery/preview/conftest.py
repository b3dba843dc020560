"""Changed versions of this checkout's program, each a stack of one copy, so that one process evaluates them all."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import yaml
from recording import ROOT

from delivery.preview.change import Preview, StackPreview
from delivery.preview.from_program import compare
from program.evaluation import Worlds, evaluate_worlds
from program.graph import Graph


@dataclass(frozen=True)
class Statement:
    """Complete statements of the program."""

    file: str
    text: str


@dataclass(frozen=True)
class Change:
    """One change of the program: other statements in its code, or other settings in staging's file."""

    code: Mapping[Statement, str] = field(default_factory=dict[Statement, str])
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])


NETWORK = Statement(
    "__main__.py",
    """\
network = Network(
    NAME,
    NetworkArgs(settings=settings.network, environment=settings.environment, application=settings.application, logs=logs),
    aws,
)
""",
)
ARTIFACTS = Statement(
    "__main__.py",
    "artifacts = Artifacts(NAME, ArtifactsArgs(settings=settings.artifacts, environment=settings.environment), aws)\n",
)
COMPONENT = Statement(
    "components/component.py", '        super().__init__(f"dwcp:platform:{type(self).__name__}", name, None, opts)\n'
)
NAME_CHECK = Statement("components/settings/_loading.py", "        mistakes += _wrong_environment(environment)\n")
"""Replaced for every change, because the stacks have the settings of staging and other names."""
ENCRYPTION = Statement(
    "components/aws/_buckets.py",
    """\
        s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=default, bucket_key_enabled=key_arn is not None
                )
            ],
            opts=child,
        )
""",
)
RENAMED = NETWORK.text.replace("NAME,", '"platform",', 1)
ALIASED = """\
        if name == "platform":
            opts = ResourceOptions.merge(opts, ResourceOptions(aliases=[pulumi.Alias(name="dwcp-v3")]))
""".replace("ResourceOptions", "pulumi.ResourceOptions")

CHANGES: dict[str, Change] = {
    "none": Change(),
    "add-zone": Change(settings={"network": {"zones": ["a", "b", "c", "d"]}}),
    "remove-zone": Change(settings={"network": {"zones": ["a", "b"]}}),
    "change-cidr": Change(settings={"network": {"vpcCidr": "10.1.0.0/16"}}),
    "rename-component": Change(code={NETWORK: RENAMED}),
    "rename-with-alias": Change(code={NETWORK: RENAMED, COMPONENT: ALIASED + COMPONENT.text}),
    "flip-nat": Change(settings={"network": {"nat": "per_zone"}}),
    "change-image": Change(settings={"application": {"image": "ghcr.io/novacron/dwcp-v3:v3.1.0"}}),
    "raise-limits": Change(settings={"application": {"cpuLimit": "4000m", "memoryLimit": "4Gi"}}),
    "drop-encryption": Change(code={ENCRYPTION: "        pass\n"}),
    "delete-bucket": Change(code={ARTIFACTS: "artifacts = logs\n"}),
    "change-secret": Change(settings={"redisPassword": {"secure": "v1:abcdef"}}),
}


def write(folder: Path) -> None:
    """A copy of the program with a stack per change: staging's file with other settings, code that depends on the stack."""
    for each in (ROOT / "__main__.py", ROOT / "Pulumi.yaml"):
        shutil.copy(each, folder)
    shutil.copytree(ROOT / "components", folder / "components", ignore=shutil.ignore_patterns("__pycache__"))
    staging = yaml.safe_load((ROOT / "Pulumi.staging.yaml").read_text())["config"]
    variants: dict[Statement, dict[str, str]] = {}
    for stack, change in CHANGES.items():
        config = dict(staging)
        for key, value in change.settings.items():
            old = config.get(f"dwcp-v3:{key}", {})
            config[f"dwcp-v3:{key}"] = value if "secure" in value else {**old, **value}
        (folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))
        for statement, text in change.code.items():
            variants.setdefault(statement, {})[stack] = text
    variants[NAME_CHECK] = dict.fromkeys(CHANGES, "        pass\n")
    for statement, texts in variants.items():
        file = folder / statement.file
        content = file.read_text()
        assert statement.text in content, f"{statement.file} no longer says {statement.text!r}"
        file.write_text(content.replace(statement.text, branches(statement.text, texts)))


def branches(otherwise: str, texts: Mapping[str, str]) -> str:
    """``if`` this stack, that statement; ``else`` the statement as it was."""
    margin = otherwise[: len(otherwise) - len(otherwise.lstrip(" "))]
    lines = [
        f"{margin}{'el' if index else ''}if __import__('pulumi').get_stack() == {stack!r}:\n{indent(text, '    ')}"
        for index, (stack, text) in enumerate(texts.items())
    ]
    return "".join(lines) + f"{margin}else:\n{indent(otherwise, '    ')}"


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Worlds]:
    """The graphs of each change, as if its stack were staging."""
    folder = tmp_path_factory.mktemp("changes")
    write(folder)
    found: dict[str, Worlds] = {}
    for stack, answer in evaluate_worlds(list(CHANGES), folder).items():
        assert isinstance(answer, Worlds), answer
        found[stack] = Worlds(known=_of_staging(answer.known, stack), unknown=_of_staging(answer.unknown, stack))
    return found


def _of_staging(graph: Graph, stack: str) -> Graph:
    return Graph.from_json(re.sub(rf"\burn:pulumi:{stack}::", "urn:pulumi:staging::", graph.to_json().decode()).encode())


@pytest.fixture(scope="session")
def graphs(worlds: dict[str, Worlds]) -> dict[str, Graph]:
    """The graph of each change with example outputs."""
    return {name: each.known for name, each in worlds.items()}


@pytest.fixture(scope="session")
def previews(worlds: dict[str, Worlds]) -> dict[str, StackPreview]:
    """The preview of each change for staging."""
    return {name: compare("staging", worlds["none"], each) for name, each in worlds.items()}


@pytest.fixture(scope="session")
def whole(previews: dict[str, StackPreview]) -> Callable[[str], Preview]:
    """A change's preview as of a pull request."""
    return lambda name: Preview(base="main (1a2b3c4)", head=f"{name} (5d6e7f8)", source="program", stacks=(previews[name],))
