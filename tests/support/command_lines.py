"""The ``dwcp`` commands that texts mention, and their validation by the command line parser."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer
from recording import ROOT

from delivery.cli.app import app

PRODUCT = ("components", "delivery", "embedded_cloud", "policies", "program", "sandbox", "tools")
TEXTS = ("*.md", "docs/**/*.md", "scripts/*", ".github/workflows/*.yml", "Makefile")
VALUE = "1"
"""A replacement for a value that is known only at run time. Every kind of option accepts this replacement."""
VERBS = frozenset({"command", "commands", "does", "has", "in"})
"""Words after "dwcp" that show that the text is a sentence about the command, and not a command line."""

DWCP = re.compile(r"(?<![\w/.-])(?:\./)?dwcp +(?=([a-z1][^`\n;|>&]*))")
OTHER = re.compile(r"python3? -m [\w.]+\w|`make [a-z][\w-]*")
INLINE = re.compile(r"`([^`]+)`")
CODE = re.compile(r"^```\w*\n(.*?)^```|`([^`]+)`", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Mention:
    """A command line in a text."""

    where: str
    line: str
    whole: bool
    """Whether the command line is complete; otherwise, required arguments can be missing."""

    def __str__(self) -> str:
        return f"{self.where}: dwcp {self.line}"


def in_product() -> list[Mention]:
    """The ``dwcp`` commands in the strings of the product's code, which include messages and docstrings."""
    files = (file for each in PRODUCT for file in sorted((ROOT / each).rglob("*.py")))
    found = ((file, text, line) for file in files for text in _strings(file) for line in _commands(text))
    return [
        Mention(_name(file), line, whole=" -" in line or f"dwcp {line}" not in (text, *INLINE.findall(text)))
        for file, text, line in found
    ]


def in_texts() -> list[Mention]:
    """The ``dwcp`` commands in code on pages, and in all lines of scripts and pipelines."""
    files = (file for each in TEXTS for file in sorted(ROOT.glob(each)) if file.is_file())
    return [Mention(_name(file), line, whole) for file in files for text, whole in _code(file) for line in _commands(text)]


@cache
def dwcp() -> Any:
    """The click command of ``dwcp``, as built by typer."""
    return typer.main.get_command(app)


def command_paths(command: Any = None, path: str = "") -> Iterator[str]:
    """The words of each command that a user can run, such as ``state verify``."""
    command = command or dwcp()
    if not hasattr(command, "get_command"):
        yield path
        return
    for name, each in command.commands.items():
        if not each.hidden:
            yield from command_paths(each, f"{path} {name}".strip())


def parse(words: list[str]) -> None:
    """Parse ``dwcp WORDS``, including values, without running the command. Raises if the command line is not valid."""
    command, name, context = dwcp(), "dwcp", None
    while True:
        context = command.make_context(name, words, parent=context)
        if not hasattr(command, "resolve_command"):
            return
        found, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None, words
        name = str(found)


def problem_of(line: str, *, whole: bool = True) -> str:
    """The reason why ``dwcp LINE`` is not a valid command; empty if it is valid.

    With ``whole``, required arguments must be present. In a sentence, the text after the command is ignored.
    """
    command = dwcp()
    words = _words(line)
    path = ["dwcp"]
    while hasattr(command, "get_command"):
        if not words or words[0].startswith("-"):
            return "" if words == ["--help"] or len(path) == 1 or not words else f"{words[0]} comes before the command"
        found = command.get_command(None, words[0])
        if found is None:
            return f"{' '.join(path)} knows no command {words[0]!r}"
        command = found
        path.append(words.pop(0))
    return _options(command, words, " ".join(path), whole=whole)


def others() -> Iterator[Mention]:
    """The other commands of this project in the product and in texts: ``python -m MODULE`` and ``make TARGET``."""
    product = ((file, text) for each in PRODUCT for file in sorted((ROOT / each).rglob("*.py")) for text in _strings(file))
    texts = ((file, text) for each in TEXTS for file in sorted(ROOT.glob(each)) if file.is_file() for text, _ in _code(file))
    for file, text in (*product, *texts):
        for found in OTHER.finditer(text):
            yield Mention(_name(file), found[0].strip("`"), whole=True)


def other_problem_of(line: str) -> str:
    """The reason why ``python -m MODULE`` or ``make TARGET`` is not valid; empty if it is valid, and for external modules."""
    tool, *_, name = line.split()
    if tool == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return "" if name in targets else f"the Makefile has no target {name}"
    if name.partition(".")[0] not in (*PRODUCT, "bench"):
        return ""
    spec = find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = find_spec(f"{name}.__main__")
    return "" if spec is not None else f"there is no module {name} to run"


def _options(command: Any, words: list[str], path: str, *, whole: bool) -> str:
    known = {name: each for each in command.params for name in (*each.opts, *each.secondary_opts) if name.startswith("-")}
    arguments = [each.name for each in command.params if each.param_type_name == "argument"]
    given: set[str | None] = set()
    while words:
        word = words.pop(0)
        name, equals, _ = word.partition("=")
        if name == "--help":
            continue
        if name.startswith("-"):
            option = known.get(name)
            if option is None:
                return f"{path} has no option {name}"
            given.add(option.name)
            if not option.is_flag and not equals:
                if not words or words[0].startswith("-"):
                    whole = False
                else:
                    words.pop(0)
        elif arguments:
            given.add(arguments.pop(0))
        else:
            break
    missing = [each.opts[0] for each in command.params if each.required and each.name not in given and not each.envvar]
    return f"{path} needs {', '.join(missing)}" if whole and missing else ""


def _words(line: str) -> list[str]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # the sentence contains a quotation mark
        words = line.split()
    return [bare for each in words if (bare := each.strip(".,:()[]{}\"'")) and bare != "\\"]


def _commands(text: str) -> Iterator[str]:
    text = re.sub(r"\\\n\s*", "", text)
    for found in DWCP.finditer(text):
        line = re.split(r"\)|\"\]| (?:\./)?dwcp ", re.sub(r"\$\{?\w+\}?|\{\w+\}", VALUE, found[1]))[0].strip()
        if line.split()[0].strip(",.:") not in VERBS:
            yield line


def _strings(file: Path) -> Iterator[str]:
    tree = ast.parse(file.read_text())
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node) if part is not node}
    for node in ast.walk(tree):
        if id(node) in inside:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(each.value) if isinstance(each, ast.Constant) else VALUE for each in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _code(file: Path) -> Iterator[tuple[str, bool]]:
    text = file.read_text()
    if file.suffix != ".md":
        yield text, not text.startswith("#!")  # a script passes on its arguments
        return
    for block, inline in CODE.findall(text):
        yield block or inline, bool(block)


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))
