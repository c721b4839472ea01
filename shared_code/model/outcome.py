"""What came of an item: failure is data, not an exception."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self

from shared_code.errors import UnsupportedFormatError
from shared_code.model.item import Change

# How many runs try an item before it is given up. A week of daily runs outlasts outages, and throttling by far.
MOST_ATTEMPTS = 7


class SkipCause(StrEnum):
    """Permanent, named causes for not storing an item. Reported, never silent."""

    MALWARE = "malware"
    NOTEBOOK_PACKAGE = "notebook_package"
    LIBRARY_UNREADABLE = "library_unreadable"
    DEFINITION_UNREADABLE = "definition_unreadable"
    """Columns or content types of a list cannot be read; what is in it is stored all the same."""
    COLUMNS_UNREADABLE = "columns_unreadable"
    """A file of a library is stored; what stands in the library's columns beside it cannot be read."""
    LIST_ATTACHMENTS = "list_attachments"
    CORRUPT_AT_SOURCE = "corrupt_at_source"
    CHECKED_OUT_DRAFT = "checked_out_draft"
    """The file is stored as it was last checked in; what its author has changed since is seen by nobody else."""
    VERSIONS_UNREAD = "versions_unread"
    """The file is stored, but the source would not list its earlier versions."""
    CHANNEL_OF_ANOTHER_TEAM = "channel_of_another_team"
    LISTED_NOT_FOUND = "listed_not_found"
    """A listing named it and the source did not know it a moment later. Nearly always it was deleted in between."""
    GIVEN_UP = "given_up"
    """It failed in MOST_ATTEMPTS runs. Unlike the others this is no property of the item: it should have been stored,
    so a snapshot with such a skip is partial."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        """A cause that this release does not know was named by a newer one: its record is no damage."""
        raise UnsupportedFormatError(f"This release knows no skip cause {value!r}. Use the release that wrote it.")


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """An item that could not be stored; the next run tries it first. ``attempts`` counts the runs that tried."""

    feed: str
    change: Change
    error: str
    attempts: int

    def to_json(self) -> dict[str, Any]:
        """JSON form, as it stands in snapshots."""
        return {
            "feed": self.feed,
            "change": self.change.to_json(),
            "error": self.error,
            "attempts": self.attempts,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(value["feed"], Change.from_json(value["change"]), value["error"], value["attempts"])


@dataclass(frozen=True, slots=True)
class ItemSkip:
    """An item that will not be stored until it changes, and why. ``seen_in``: number of the snapshot for which the
    source last told of it. Of one that was given up: ``change``, as it was tried (another etag makes it an ordinary
    item again), and the last ``error``."""

    feed: str
    item_id: str
    name: str
    cause: SkipCause
    seen_in: int = 0
    change: Change | None = None
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON form, as it stands in snapshots."""
        value = {"feed": self.feed, "item_id": self.item_id, "name": self.name, "cause": str(self.cause)}
        seen = {"seen_in": self.seen_in} if self.seen_in else {}
        tried = {"change": self.change.to_json(), "error": self.error} if self.change else {}
        return {**value, **seen, **tried}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(
            value["feed"],
            value["item_id"],
            value["name"],
            SkipCause(value["cause"]),
            value.get("seen_in", 0),
            Change.from_json(value["change"]) if value.get("change") else None,
            value.get("error", ""),
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """What a slice, a snapshot or a run did. Items, except for the two byte counts.

    ``stored``: downloaded and stored; ``reused``: stored version taken over without a download; ``deleted``:
    tombstones; ``gone``: vanished while reading. ``read_bytes`` came from the source; ``written_bytes`` went into
    packs (compressed, without duplicates).
    """

    stored: int = 0
    reused: int = 0
    deleted: int = 0
    skipped: int = 0
    failed: int = 0
    gone: int = 0
    read_bytes: int = 0
    written_bytes: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.stored + other.stored,
            self.reused + other.reused,
            self.deleted + other.deleted,
            self.skipped + other.skipped,
            self.failed + other.failed,
            self.gone + other.gone,
            self.read_bytes + other.read_bytes,
            self.written_bytes + other.written_bytes,
        )

    def to_json(self) -> dict[str, int]:
        """JSON form."""
        return {f.name: getattr(self, f.name) for f in fields(Counts)}

    @classmethod
    def from_json(cls, value: Mapping[str, int]) -> Self:
        """Inverse of to_json."""
        return cls(**value)
