"""The pages on what is covered, against the code: what the one names, the other has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from shared_code.model import census, item, outcome

REPOSITORY = Path(__file__).resolve().parents[2]
FRAME = REPOSITORY / "docs" / "coverage.md"
PARTS = REPOSITORY / "docs" / "coverage"
_NAMED = re.compile(r"`(ItemKind|SkipCause|NotCoveredCause)\.(\w+)`")
_LINK = re.compile(r"\(coverage/(\w+)\.md\)")


def rows(heading: str) -> dict[str, list[str]]:
    """First cell (without its backticks) -> the others, of the only table below a heading of the frame."""
    section = FRAME.read_text("utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip().strip("|").split("|") for line in section.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line] for line in lines]
    assert all(re.fullmatch(r"`\w+`", first) for first, *_ in cells), "the first cell names one thing"
    assert len({first for first, *_ in cells}) == len(cells), "a thing is named once"
    return {first.strip("`"): rest for first, *rest in cells}


def pages() -> dict[str, Path]:
    return {page.stem: page for page in sorted(PARTS.glob("*.md"))}


def test_every_item_kind_is_described_and_every_described_one_exists() -> None:
    assert rows("Item kinds").keys() == {str(kind) for kind in item.ItemKind}


def test_every_skip_cause_is_explained_and_every_explained_one_exists() -> None:
    assert rows("Items that are not in a restore point").keys() == {str(cause) for cause in outcome.SkipCause}


def test_every_cause_of_what_is_not_covered_is_listed_as_the_run_says_it() -> None:
    listed = {name: sentence for name, [sentence] in rows("Not covered").items()}
    assert listed == {cause.name.lower(): cause.value for cause in census.NotCoveredCause}


def test_the_number_of_tries_is_that_of_the_code() -> None:
    assert outcome.MOST_ATTEMPTS == 7
    assert "It is tried in seven runs." in FRAME.read_text("utf-8")


def test_nothing_is_said_to_be_not_covered_for_another_cause() -> None:
    """A cause in free text would be on no page."""
    calls = list(_calls_of("NotCovered"))
    assert calls, "nothing in the product says what is not covered?"
    for where, call in calls:
        cause = call.args[1] if len(call.args) > 1 else None
        assert isinstance(cause, ast.Attribute), f"{where}: the cause is no member of NotCoveredCause"
        assert isinstance(cause.value, ast.Name) and cause.value.id == "NotCoveredCause", where


def _calls_of(name: str) -> Iterator[tuple[str, ast.Call]]:
    for path in sorted((REPOSITORY / "shared_code" / "graph").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield f"{path.name}:{node.lineno}", node


def test_every_part_is_linked_and_every_link_leads_somewhere() -> None:
    linked = set(_LINK.findall(FRAME.read_text("utf-8")))
    assert pages().keys() == linked


def test_kinds_are_in_parts_that_are_linked() -> None:
    linked = set(_LINK.findall(FRAME.read_text("utf-8")))
    assert {cells[-1] for cells in rows("Item kinds").values()} <= linked


def test_what_the_parts_name_by_its_name_in_the_code_exists() -> None:
    enums = {"ItemKind": item.ItemKind, "SkipCause": outcome.SkipCause, "NotCoveredCause": census.NotCoveredCause}
    for page in [FRAME, *pages().values()]:
        for enum, member in _NAMED.findall(page.read_text("utf-8")):
            assert member in enums[enum].__members__, f"{page.name}: there is no {enum}.{member}"
