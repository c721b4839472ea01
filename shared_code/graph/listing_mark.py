"""Marks of whole listings: the cursor of a feed that Graph has no delta for says what was listed last.

Nearly always nothing has changed, and then nothing of the feed has to be compared with what is stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from shared_code.model.feed import LISTING_MARK, FeedPage
from shared_code.model.item import Change

_DIGEST_CHARACTERS = 32


def mark_of(changes: Iterable[Change]) -> str:
    """The cursor after a listing: the same for two that say the same, in whatever order."""
    lines = sorted(json.dumps(change.to_json(), sort_keys=True) for change in changes)
    return LISTING_MARK + hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest()[:_DIGEST_CHARACTERS]


def whole_listing(changes: Sequence[Change], cursor: str | None) -> FeedPage:
    """A listing as a page: all of it where nothing was listed before; nothing where it says what it said then.
    Otherwise the cursor counts as expired, so that what is missing from the listing is found to be gone."""
    mark = mark_of(changes)
    if cursor is None:
        return FeedPage(tuple(changes), mark, finished=True)
    if cursor == mark:
        return FeedPage((), mark, finished=True)
    return FeedPage((), None, finished=False, expired=True)


def one_item(change: Change, cursor: str | None) -> FeedPage:
    """A feed of one item that is always there, so that nothing can be missing from it: its etag is what it says."""
    mark = LISTING_MARK + change.etag
    return FeedPage(() if cursor == mark else (change,), mark, finished=True)
