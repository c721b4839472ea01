"""Items: what a source reports of them, and what the vault keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self


class ItemKind(StrEnum):
    """The smallest restorable things, and the folders that hold them."""

    MAIL_FOLDER = "mail_folder"
    MESSAGE = "message"
    EVENT = "event"
    CONTACT = "contact"
    TASK = "task"
    NOTE = "note"
    OTHER_MAIL_ITEM = "other_mail_item"
    MAILBOX_SETTINGS = "mailbox_settings"
    FOLDER = "folder"
    FILE = "file"
    FILE_VERSION = "file_version"
    SITE_SETTINGS = "site_settings"
    LIBRARY = "library"
    LIST = "list"
    LIST_ITEM = "list_item"
    PAGE = "page"
    TEAM_SETTINGS = "team_settings"
    CHANNEL = "channel"
    CHANNEL_SETTINGS = "channel_settings"
    CHANNEL_MESSAGE = "channel_message"

    @property
    def is_folder(self) -> bool:
        """Whether other items name this one as their parent."""
        return self in _FOLDERS


_FOLDERS = frozenset({ItemKind.MAIL_FOLDER, ItemKind.FOLDER, ItemKind.LIBRARY, ItemKind.LIST, ItemKind.CHANNEL})


class Form(StrEnum):
    """Stored forms of an item."""

    NATIVE = "native"
    READABLE = "readable"


@dataclass(frozen=True, slots=True)
class ChunkRef:
    """Where one chunk rests: ``length`` stored bytes at ``offset`` of that version of that pack, which decode to
    ``size_bytes`` plain bytes whose SHA-256 is ``sha256`` (hex)."""

    pack: str
    version_id: str
    offset: int
    length: int
    size_bytes: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """JSON form, the same names as in the catalog."""
        return {
            "pack": self.pack,
            "version_id": self.version_id,
            "offset": self.offset,
            "length": self.length,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(
            value["pack"],
            value["version_id"],
            value["offset"],
            value["length"],
            value["size_bytes"],
            value["sha256"],
        )


@dataclass(frozen=True, slots=True)
class Representation:
    """One stored form of an item: its chunks, in order."""

    form: Form
    size_bytes: int
    chunks: tuple[ChunkRef, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON form, the same names as in the catalog."""
        return {
            "form": str(self.form),
            "size_bytes": self.size_bytes,
            "chunks": [chunk.to_json() for chunk in self.chunks],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(
            Form(value["form"]),
            value["size_bytes"],
            tuple(ChunkRef.from_json(chunk) for chunk in value["chunks"]),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What a feed says of one item: that it is so now, or that it is gone (``deleted``).

    ``etag`` changes with anything of the item, ``content_hash`` (``quickXorHash:...``) with its bytes only.
    ``time`` is when it was received, begins or was last modified, whichever people look it up by. ``opens_feed``
    names the feed that this item (a mail folder) brings with it. ``transient`` is never stored (download URLs).
    """

    item_id: str
    kind: ItemKind
    deleted: bool = False
    parent_id: str = ""
    name: str = ""
    sender: str = ""
    time: datetime | None = None
    size_bytes: int = 0
    etag: str = ""
    content_hash: str = ""
    opens_feed: str = ""
    skip_cause: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    transient: Mapping[str, str] = field(default_factory=dict, compare=False)

    def to_json(self) -> dict[str, Any]:
        """JSON form without ``transient``."""
        return {
            "item_id": self.item_id,
            "kind": str(self.kind),
            "deleted": self.deleted,
            "parent_id": self.parent_id,
            "name": self.name,
            "sender": self.sender,
            "time": format_time(self.time) if self.time else None,
            "size_bytes": self.size_bytes,
            "etag": self.etag,
            "content_hash": self.content_hash,
            "opens_feed": self.opens_feed,
            "skip_cause": self.skip_cause,
            "properties": dict(self.properties),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        fields = dict(value)
        fields["kind"] = ItemKind(fields["kind"])
        fields["time"] = parse_time(fields["time"]) if fields["time"] else None
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class ItemVersion:
    """One row of the catalog: an item as it was stored, or its tombstone (``change.deleted``).

    ``seq`` is the snapshot that it was written for. ``representations`` is empty for folders and tombstones.
    """

    feed: str
    change: Change
    seq: int = 0
    representations: tuple[Representation, ...] = ()

    def representation(self, form: Form) -> Representation | None:
        """The stored form asked for, or None."""
        return next((entry for entry in self.representations if entry.form is form), None)


def format_time(value: datetime) -> str:
    """RFC 3339 in UTC with a ``Z``; microseconds only where there are any. ``value`` is aware."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(value: str) -> datetime:
    """Inverse of format_time; takes any RFC 3339 time with a zone. Raises ValueError."""
    parsed = datetime.fromisoformat(value)
    if parsed.tzinfo is None:
        raise ValueError("a time needs a zone, for example 2026-01-31T08:00:00Z")
    return parsed.astimezone(UTC)
