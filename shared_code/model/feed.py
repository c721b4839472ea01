"""What a source answers: pages of feeds, and what came of fetching items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared_code.model.item import Change, Form
from shared_code.model.outcome import SkipCause

LISTING_MARK = "listing:"
"""A cursor that begins so tells what a whole listing said."""
DOUBT = "?"
"""Behind LISTING_MARK: what is stored is not what that listing said, so the same listing is news again."""


def doubted(cursor: str | None) -> str | None:
    """The cursor of a listing, in doubt; None for the cursor of a feed that tells of changes by itself. What the cursor
    remembers besides is kept, and the feed is not begun anew: what is missing from the next listing is gone."""
    if cursor is None or not cursor.startswith(LISTING_MARK):
        return None
    return LISTING_MARK + DOUBT + cursor.removeprefix(LISTING_MARK).removeprefix(DOUBT)


@dataclass(frozen=True, slots=True)
class FeedPage:
    """One page of one feed.

    ``cursor`` is where to go on: the next page, or, when ``finished``, the delta link that the next run
    starts from. ``expired``: the cursor is no longer known to the source; the feed starts again without one.
    ``gone``: the source knows no such feed now; it is asked again by the next run, for only the deletion of its
    folder proves that what it held is gone. ``error`` says why it could not be read.
    """

    changes: tuple[Change, ...]
    cursor: str | None
    finished: bool
    expired: bool = False
    gone: bool = False
    error: str = ""


class FetchState(StrEnum):
    """The outcomes of fetching one item, as of the architecture: failure is data."""

    FETCHED = "fetched"
    SKIPPED = "skipped"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of fetching one item. ``change`` is the item as it was read, which can be newer than what was
    asked for, or richer (a subject found in the message). ``forms`` is empty unless FETCHED."""

    asked: Change
    change: Change
    state: FetchState
    forms: Mapping[Form, bytes]
    skip_cause: SkipCause | None = None
    error: str = ""
