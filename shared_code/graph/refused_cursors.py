"""Which refused cursors mean that a feed is to be listed again from its start."""

from __future__ import annotations

from shared_code.errors import CursorExpiredError, SourceError, SourceUnavailableError

_REFUSED = 400


class Listings:
    """Remembers which feeds a source is listing from their start, for the length of a slice.

    A cursor that Graph refuses is expired, whatever the words (410, or 400 for a token that it does not understand any
    more). One of a listing that has only just begun is not: beginning once more would bring the same, for ever.
    """

    def __init__(self) -> None:
        self._begun: set[tuple[str, str]] = set()

    def read(self, resource_id: str, feed: str, cursor: str | None, *, finished: bool) -> None:
        """A page of the feed was read; ``finished``: it was the last."""
        if finished:
            self._begun.discard((resource_id, feed))
        elif cursor is None:
            self._begun.add((resource_id, feed))

    def is_expired(self, resource_id: str, feed: str, cursor: str | None, error: SourceError) -> bool:
        """Whether ``error`` says that ``cursor`` is no longer known."""
        refused = isinstance(error, CursorExpiredError) or error.context.get("status") == _REFUSED
        return refused and cursor is not None and (resource_id, feed) not in self._begun


def broken_off(error: SourceError) -> SourceError:
    """A refused cursor that has not expired stands for a listing that broke off: that can be tried again."""
    if isinstance(error, CursorExpiredError):
        return SourceUnavailableError(error.message, **error.context)
    return error
