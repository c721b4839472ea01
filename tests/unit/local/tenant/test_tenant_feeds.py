"""Change logs, delta rounds and cursors, without HTTP."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.tenant.delta_round import Cursor, delta_page, open_cursor
from local.tenant.feed_log import Entry, FeedLog, Run
from local.tenant.sealed_text import Sealer

STEPS = st.lists(st.tuples(st.sampled_from(["add", "change", "remove", "run", "page", "round"]), st.integers(0, 30)))


class Feed:
    """A feed with what is really in it."""

    def __init__(self) -> None:
        self.log = FeedLog()
        self.alive: dict[int, int] = {}
        self.seq = 0
        self.next = 1

    def apply(self, step: str, choice: int) -> None:
        numbers = sorted(self.alive)
        if step == "add":
            self.seq += 1
            self.log.record(self.next, self.seq, entered=True)
            self.alive[self.next] = self.seq
            self.next += 1
        elif step == "run":
            self.log.add_run(Run(self.seq, self.next, choice + 1))
            for index in range(choice + 1):
                self.alive[self.next + index] = self.seq + 1 + index
            self.next += choice + 1
            self.seq += choice + 1
        elif step in ("change", "remove") and numbers:
            number = numbers[choice % len(numbers)]
            self.seq += 1
            self.log.record(number, self.seq)
            if step == "change":
                self.alive[number] = self.seq
            else:
                del self.alive[number]


@given(STEPS)
def test_a_reader_that_follows_every_cursor_knows_the_truth(steps: list[tuple[str, int]]) -> None:
    feed = Feed()
    known: dict[int, int] = {}
    cursor = Cursor("f", 0, 0, 0, 0, {})

    def show(entry: Entry) -> tuple[int, int] | None:
        version = feed.alive.get(entry.number)
        return None if version is None else (entry.number, version)

    def read() -> bool:
        nonlocal cursor
        page = delta_page(
            cursor, feed.log.entries(cursor.after), feed.seq, 3, 0, show, lambda entry: (entry.number, -1)
        )
        for number, version in page.values:
            if version >= 0:
                known[number] = version
            else:
                known.pop(number, None)
        cursor = page.following
        return page.is_last

    for step, choice in steps:
        if step == "page":
            read()
        elif step == "round":
            while not read():
                pass
        else:
            feed.apply(step, choice)
    while not read():
        pass
    while not read():
        pass
    assert known == feed.alive


def test_what_came_and_went_between_two_rounds_is_in_neither() -> None:
    feed = Feed()
    feed.apply("add", 0)
    first = delta_page(
        Cursor("f", 0, 0, 0, 0, {}), feed.log.entries(0), feed.seq, 9, 0, lambda e: e.number, lambda _: -1
    )
    feed.apply("add", 0)
    feed.apply("remove", 1)
    after = first.following.after
    second = delta_page(
        first.following, feed.log.entries(after), feed.seq, 9, 0, lambda e: feed.alive.get(e.number), lambda _: -1
    )
    assert (first.values, second.values) == ([1], [])


def test_a_cursor_cannot_be_edited_or_used_for_something_else() -> None:
    sealer = Sealer()
    text = Cursor("feed", 1, 2, 3, 4, {"top": 5}).seal(sealer)
    assert open_cursor(sealer, text) == Cursor("feed", 1, 2, 3, 4, {"top": 5})
    for position in range(0, len(text), 7):
        changed = text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]
        with pytest.raises(ValueError, match=r".+"):
            open_cursor(sealer, changed)
    with pytest.raises(ValueError, match="changed"):
        sealer.open("download", text)
    with pytest.raises(ValueError, match="changed"):
        open_cursor(Sealer(), text)


def test_a_log_that_is_rewritten_often_stays_small() -> None:
    log = FeedLog()
    for seq in range(1, 50_000):
        log.record(seq % 10, seq)
    assert [entry.number for entry in log.entries(0)] == [seq % 10 for seq in range(49_990, 50_000)]
    assert len(log._seqs) < 5_000
