"""The verdict of a restore."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared_code.model.restore import Restore, RestoreCounts, RestoreRequest, RestoreState, Selection
from shared_code.model.write_back import JournalEntry, WriteState
from shared_code.restore.totals import closed

NOW = datetime(2026, 11, 24, tzinfo=UTC)
REQUEST = RestoreRequest("r", "acme", "drive.d", 1, Selection(everything=True))


def verdict(*states: WriteState | None) -> Restore:
    restore = Restore(REQUEST, RestoreState.RUNNING, NOW, counts=RestoreCounts(planned=len(states)))
    items = {f"i{place}": JournalEntry(state, error=f"{state}") for place, state in enumerate(states)}
    return closed(restore, items, {}, NOW)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([WriteState.RESTORED, WriteState.EXISTING], RestoreState.COMPLETE),
        ([WriteState.RESTORED, WriteState.OCCUPIED], RestoreState.PARTIAL),
        ([WriteState.OCCUPIED, WriteState.OCCUPIED], RestoreState.PARTIAL),
        ([WriteState.RESTORED, WriteState.FAILED], RestoreState.PARTIAL),
        ([WriteState.RESTORED, None], RestoreState.PARTIAL),
        ([WriteState.DIFFERS], RestoreState.PARTIAL),
        ([WriteState.FAILED, None], RestoreState.FAILED),
        ([], RestoreState.COMPLETE),
    ],
)
def test_only_what_is_there_as_it_was_is_complete(states: list[WriteState | None], expected: RestoreState) -> None:
    assert verdict(*states).state is expected


def test_what_was_left_alone_beside_something_else_is_counted_and_named() -> None:
    restore = verdict(WriteState.EXISTING, WriteState.OCCUPIED, WriteState.DIFFERS, WriteState.FAILED)
    assert restore.counts.existing == 2
    assert [problem.item_id for problem in restore.problems] == ["i3", "i2", "i1", "i0"]
