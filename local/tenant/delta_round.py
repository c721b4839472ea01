"""One page of a delta feed, and the cursor that continues it. The same for mail folders, mail items and drives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from local.tenant.answers import Json
from local.tenant.feed_log import Entry
from local.tenant.sealed_text import Sealer

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a reader stands: `since` is what it knew before this round, `round_seq` the newest change when the round
    began, `after` what it has been shown. `options` are the query options that the first request fixed."""

    feed: str
    since: int
    round_seq: int
    after: int
    issued_s: int
    options: Json

    def seal(self, sealer: Sealer) -> str:
        """Return the opaque text of the cursor."""
        return sealer.seal("delta", [self.feed, self.since, self.round_seq, self.after, self.issued_s, self.options])

    def is_older_than(self, lifetime_days: float, now_s: float) -> bool:
        """Whether the service has forgotten this cursor."""
        return now_s - self.issued_s > lifetime_days * _DAY_S


def open_cursor(sealer: Sealer, text: str) -> Cursor:
    """Return the cursor in a text. Raises ValueError for a text that was edited or made elsewhere."""
    feed, since, round_seq, after, issued_s, options = sealer.open("delta", text)
    return Cursor(feed, since, round_seq, after, issued_s, options)


@dataclass(frozen=True, slots=True)
class DeltaPage:
    """Entries of the page and the cursor that follows. `is_last` says that the follower is a deltaLink."""

    values: list[Any]
    following: Cursor
    is_last: bool


def delta_page(
    cursor: Cursor,
    entries: Iterable[Entry],
    newest_seq: int,
    page_size: int,
    now_s: int,
    show: Callable[[Entry], Any],
    show_removed: Callable[[Entry], Any],
) -> DeltaPage:
    """Return up to `page_size` entries after the cursor.

    `show` returns None for an entry that is no longer there; then `show_removed` is asked, unless the reader cannot
    have seen it: it came after what the reader knew and went before this round began, or after what was shown so far.
    What goes while a round is being read may be reported without having been shown, as with Graph itself.
    """
    if cursor.after == cursor.since:  # a round begins: what went before this moment may be left out
        cursor = replace(cursor, round_seq=newest_seq)
    values: list[Any] = []
    after = cursor.after
    for entry in entries:
        if len(values) >= page_size:
            following = replace(cursor, after=after, issued_s=now_s)
            return DeltaPage(values, following, is_last=False)
        after = entry.seq
        value = show(entry)
        if value is None:
            seen = entry.born_seq <= cursor.since or (entry.born_seq <= cursor.after and entry.seq > cursor.round_seq)
            if not seen:
                continue
            value = show_removed(entry)
        values.append(value)
    following = Cursor(cursor.feed, newest_seq, newest_seq, newest_seq, now_s, cursor.options)
    return DeltaPage(values, following, is_last=True)
