"""The comment: the most severe first, always within the limit, and no value of the program becomes markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from delivery.preview import comment as markdown
from delivery.preview._markdown import code, escape, fenced
from delivery.preview.change import (
    AlertChange,
    Cost,
    Kind,
    PolicyViolation,
    Preview,
    PropertyChange,
    ResourceChange,
    RuleChange,
    StackPreview,
)
from delivery.preview.comment import LIMIT, MARKER, render
from program.catalogue import Replaces
from program.protocol import MASK

HTML = MarkdownIt("commonmark").enable("table")


def change(name: str, kind: Kind = Kind.UPDATE, *, after: object = "new", loses: str = "", values: int = 1) -> ResourceChange:
    properties = tuple(
        PropertyChange(path=f"spec.value{index}", before="old", after=after, replaces=Replaces.NO) for index in range(values)
    )
    return ResourceChange(
        kind=kind,
        urn=f"urn:pulumi:s::dwcp-v3::aws:s3/bucket:Bucket::{name}",
        type="aws:s3/bucket:Bucket",
        name=name,
        properties=properties if kind is Kind.UPDATE else (),
        loses=loses,
    )


def preview(*stacks: StackPreview) -> Preview:
    return Preview(base="main (1a2b3c4)", head="change", source="program", stacks=stacks)


def stack(*changes: ResourceChange, name: str = "staging", **rest: object) -> StackPreview:
    return StackPreview(stack=name, changes=changes, **rest)  # type: ignore[arg-type]


def balanced(text: str) -> bool:
    """Whether nothing is truncated: every fold and every code block that opens also closes."""
    fences = re.findall(r"^\s*(`{3,})\w*$", text, re.MULTILINE)
    return text.count("<details>") == text.count("</details>") and len(fences) % 2 == 0 and text.endswith("\n")


@pytest.mark.parametrize(
    ("count", "values", "after"),
    [
        (1, 1, "new"),
        (150, 3, "x" * 90),
        (400, 1, "line\n" * 60),
        (600, 2, "x" * 90),
        (2000, 1, "new"),
        (20_000, 1, "new"),
    ],
)
def test_it_fits_and_is_whole_however_much_changes(count: int, values: int, after: str) -> None:
    text = render(preview(stack(*(change(f"resource-{index}", after=after, values=values) for index in range(count)))))
    assert len(text) <= LIMIT
    assert balanced(text)
    assert text.startswith(MARKER)
    assert f"{count} changed" in text


def test_it_fits_with_any_number_of_stacks() -> None:
    text = render(preview(*(stack(change("a"), name=f"stack-{index}-{'x' * 60}") for index in range(2000))))
    assert len(text) <= LIMIT
    assert balanced(text)


def test_losses_are_shown_in_full_and_all_else_is_folded() -> None:
    lost = change("the-bucket", Kind.DELETE, loses="its objects")
    text = render(preview(stack(lost, *(change(f"resource-{index}", after="x" * 90, values=4) for index in range(300)))))
    assert len(text) <= LIMIT
    assert text.index("the-bucket") < text.index("All changes")
    assert "its objects" in text
    assert "Only replaced resources have details here." in text


@given(st.integers(0, 6), st.integers(0, 30), st.integers(1, 4), st.integers(600, 4000))
def test_any_limit_is_kept_by_whole_parts(lost: int, others: int, values: int, limit: int) -> None:
    changes = [change(f"lost-{index}", Kind.REPLACE, loses="data") for index in range(lost)]
    changes += [change(f"other-{index}", values=values) for index in range(others)]
    text = render(preview(stack(*changes)), limit)
    assert len(text) <= limit
    assert balanced(text) or not text


def test_each_level_tells_less_than_the_one_before() -> None:
    whole = preview(stack(change("a", after="x\n" * 90, values=3), change("b", Kind.DELETE, loses="data")))
    sizes = [len(markdown._render(whole, level)) for level in markdown.Detail]  # pyright: ignore[reportPrivateUsage]
    notes = 120  # each level but the first ends with what it omits
    assert all(later <= earlier + notes for earlier, later in pairwise(sizes))
    assert sizes[-1] < sizes[0]


HOSTILE = [
    "`code` breaks out",
    "```\nfence\n```",
    "a | b | c",
    "<script>alert(1)</script>",
    "@everyone see #1",
    "[link](https://example.com)",
    "![image](https://example.com/a.png)",
    "**bold** _and_ ~~struck~~",
    "</details><h1>x</h1>",
    "line\nline",
    "`",
    "",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_value_becomes_markup(text: str) -> None:
    hostile = change(text or "empty", after=text)
    violation = PolicyViolation(policy=text or "p", level="mandatory", name=text or "n", message=text, new=True)
    alert = AlertChange(name=text or "a", kind=Kind.CREATE)
    cost = Cost(before=1, after=2, as_of="2026-11", changes=((text or "item", 1.0),))
    said = render(preview(stack(hostile, violations=(violation,), alerts=(alert,), cost=cost)))
    html = HTML.render(said)
    for forbidden in ("<script", "<h1", "<a ", "<img"):
        assert forbidden not in html, said
    assert html.count("</details>") == html.count("<details>")
    rows = [line for line in said.splitlines() if line.startswith("| ") and "mandatory" in line]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)


@pytest.mark.parametrize("text", HOSTILE)
def test_code_and_blocks_say_exactly_what_they_hold(text: str) -> None:
    if "\n" not in text and text:
        assert HTML.renderInline(code(text)).replace("&lt;", "<").replace("&gt;", ">") == f"<code>{text.strip()}</code>"
    [block] = [token for token in HTML.parse(fenced(text)) if token.type == "fence"]
    assert block.content.rstrip("\n") == text.rstrip("\n")


def test_mentions_do_not_mention() -> None:
    assert "@team" not in escape("@team")


def test_a_secret_is_said_to_change() -> None:
    secret = PropertyChange(path="data.password", before=MASK, after=MASK, replaces=Replaces.NO)
    found = ResourceChange(kind=Kind.UPDATE, urn="u", type="kubernetes:core/v1:Secret", name="s", properties=(secret,))
    assert "`data.password`: the secret changes" in render(preview(stack(found)))


def test_policies_show_what_is_new_and_what_is_mandatory() -> None:
    violations = [
        PolicyViolation(policy="a", level="mandatory", name="n", message="broken", new=True),
        PolicyViolation(policy="b", level="advisory", name="n", message="new advice", new=True),
        PolicyViolation(policy="c", level="advisory", name="n", message="old advice", new=False),
    ]
    text = render(preview(stack(violations=tuple(violations))))
    assert "❌ mandatory" in text
    assert "new advice" in text
    assert "old advice" not in text
    assert "1 older advisory violations are not shown" in text
    assert "stopped by policy" in text


def test_only_old_advisory_findings_are_not_reported() -> None:
    old = PolicyViolation(policy="c", level="advisory", name="n", message="old advice", new=False)
    assert render(preview(stack(violations=(old,)))) == ""


def test_one_silent_stack_of_two_is_one_line() -> None:
    text = render(preview(stack(name="production"), stack(change("a"))))
    assert "### production: no change" in text


def test_it_renders_as_lists_tables_and_folds(whole: Callable[[str], Preview]) -> None:
    html = HTML.render(render(whole("change-cidr")))
    assert "<blockquote>" in html
    assert html.count("<li>") > 40
    assert "**" not in re.sub(r"<code>.*?</code>", "", html)


@pytest.mark.parametrize(("count", "folds"), [(5, 0), (6, 1)])
def test_a_long_list_of_changed_policies_is_folded_below_the_warning(count: int, folds: int) -> None:
    rules = tuple(RuleChange(what=f"limit staging limit_{number}", before=1, after=2) for number in range(count))
    text = render(replace(preview(stack()), rules=rules))
    assert "**The policies themselves change.** The base's rules are applied as well." in text
    assert (text.count("limit staging limit_"), text.count("<details>")) == (count, folds)
    assert balanced(text)
