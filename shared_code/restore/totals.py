"""From the journal to the sums and the verdict of a restore. Pure, so that replays cannot count anything
twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from shared_code.model.restore import Restore, RestoreCounts, RestoreProblem, RestoreState
from shared_code.model.write_back import JournalEntry, WriteState

MOST_PROBLEMS = 200
_LONGEST_ERROR = 500
_UNHEARD_OF = "It was begun and nothing was heard of it again. Restore it once more; what is there is left alone."


def counts_of(items: Mapping[str, JournalEntry], planned: int) -> RestoreCounts:
    """Sums of what the journal knows. ``planned`` is what the selection holds."""
    states = [entry.state for entry in items.values()]
    return RestoreCounts(
        planned=max(planned, len(states)),
        restored=states.count(WriteState.RESTORED),
        existing=states.count(WriteState.EXISTING) + states.count(WriteState.OCCUPIED),
        differs=states.count(WriteState.DIFFERS),
        failed=states.count(WriteState.FAILED),
        written_bytes=sum(entry.written_bytes for entry in items.values()),
    )


def closed(
    restore: Restore,
    items: Mapping[str, JournalEntry],
    folders: Mapping[str, JournalEntry],
    ended_at: datetime,
) -> Restore:
    """The record of a restore whose slices are done.

    Complete: every planned item is at its place, as it was. Failed: there was something to do and nothing of it is
    there. Partial: everything between, so also what was left alone because something else has its place. What was
    begun and never ended counts as failed.
    """
    ended = {
        item_id: entry if entry.state is not None else replace(entry, state=WriteState.FAILED, error=_UNHEARD_OF)
        for item_id, entry in items.items()
    }
    counts = counts_of(ended, restore.counts.planned)
    there = counts.restored + counts.existing
    lost_folders = sum(entry.state is WriteState.FAILED for entry in folders.values())
    occupied = any(entry.state is WriteState.OCCUPIED for entry in ended.values())
    whole = there == counts.planned and not lost_folders and not occupied
    if whole:
        state = RestoreState.COMPLETE
    elif there or counts.differs or (not counts.planned and lost_folders < len(folders)):
        state = RestoreState.PARTIAL
    else:
        state = RestoreState.FAILED
    return replace(restore, state=state, ended_at=ended_at, counts=counts, problems=problems_of({**folders, **ended}))


def problems_of(entries: Mapping[str, JournalEntry]) -> tuple[RestoreProblem, ...]:
    """At most 200 of what was not done as asked: first what is missing, then what differs, then what was left alone
    beside something else, then the notes beside successes; each in the order of ids."""
    order = {WriteState.FAILED: 0, WriteState.DIFFERS: 1, WriteState.OCCUPIED: 2}
    found = sorted(
        (order.get(entry.state, 3) if entry.state else 0, item_id, entry.error)
        for item_id, entry in entries.items()
        if entry.error
    )
    return tuple(RestoreProblem(item_id, error[:_LONGEST_ERROR]) for _, item_id, error in found[:MOST_PROBLEMS])
