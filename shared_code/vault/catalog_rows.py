"""Item versions as rows of the catalog, and back, exactly.

Names, senders and properties come from people and programs that nobody vouches for. What is not valid UTF-8,
holds NUL, or does not fit its column goes into the column as something to search and sort by, and exactly into
``properties``, under the key ``_exact``. Columns that things are looked up by get a form that is one to one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared_code.model.item import Change, ChunkRef, Form, ItemKind, ItemVersion, Representation
from shared_code.vault.pack_table import Placement

FORMAT_VERSION = 1
FORMAT_KEY = "m365-backup-catalog"

SPOOL_COLUMNS = {
    "feed": "VARCHAR",
    "item_id": "VARCHAR",
    "kind": "VARCHAR",
    "parent_id": "VARCHAR",
    "name": "VARCHAR",
    "sender": "VARCHAR",
    "time": "TIMESTAMP",
    "size_bytes": "BIGINT",
    "etag": "VARCHAR",
    "content_hash": "VARCHAR",
    "opens_feed": "VARCHAR",
    "skip_cause": "VARCHAR",
    "deleted": "BOOLEAN",
    "seq": "INTEGER",
    "ordinal": "INTEGER",
    "representations": (
        "STRUCT(f VARCHAR, s BIGINT, c STRUCT(p INTEGER, o BIGINT, l INTEGER, s INTEGER, h VARCHAR)[])[]"
    ),
    "properties": "VARCHAR",
}
"""The spool: one JSON object a line. In ``representations`` f is the form, s a plain size, c the chunks; in those p is
the number of the pack, o the offset, l the stored length, h the SHA-256."""

VERSION_COLUMNS = (
    "feed",
    "item_id",
    "kind",
    "parent_id",
    "name",
    "sender",
    "time",
    "size_bytes",
    "etag",
    "content_hash",
    "opens_feed",
    "skip_cause",
    "deleted",
    "seq",
    "representations",
    "properties",
)
"""What ``version_of`` takes, in its order."""

_EXACT = "_exact"
_KEY_COLUMNS = ("item_id", "parent_id", "etag", "content_hash", "opens_feed", "skip_cause")
_TEXT_COLUMNS = ("name", "sender")
_ESCAPED = "\ufffd"
_MAX_BIGINT = 2**63 - 1
_encode = json.JSONEncoder(separators=(",", ":")).encode


def key_text(value: str) -> str:
    """The form of an id in its column: itself, or, where a column cannot hold it, an escaped one that no other id
    has."""
    is_clean = _is_storable(value) and not value.startswith(_ESCAPED)
    return value if is_clean else _ESCAPED + json.dumps(value)


def spool_row(
    feed: str,
    change: Change,
    seq: int,
    ordinal: int,
    representations: Iterable[tuple[Form, Sequence[Placement]]],
) -> dict[str, Any]:
    """One line of the spool."""
    exact: dict[str, Any] = {}
    row: dict[str, Any] = {"feed": key_text(feed)}
    if row["feed"] != feed:
        exact["feed"] = feed
    for column in _KEY_COLUMNS:
        value = getattr(change, column)
        row[column] = stored = key_text(value)
        if stored != value:
            exact[column] = value
    for column in _TEXT_COLUMNS:
        value = getattr(change, column)
        row[column] = stored = _searchable(value)
        if stored != value:
            exact[column] = value
    row["kind"] = str(change.kind)
    row["time"] = _naive_utc(change.time) if change.time else None
    row["size_bytes"] = change.size_bytes
    if not -_MAX_BIGINT <= change.size_bytes <= _MAX_BIGINT:
        row["size_bytes"] = _MAX_BIGINT
        exact["size_bytes"] = change.size_bytes
    row["deleted"] = change.deleted
    row["seq"] = seq
    row["ordinal"] = ordinal
    row["representations"] = [
        {
            "f": str(form),
            "s": sum(place.size_bytes for place in places),
            "c": [
                {"p": pack, "o": offset, "l": length, "s": size_bytes, "h": sha256}
                for pack, offset, length, size_bytes, sha256 in places
            ],
        }
        for form, places in representations
    ]
    properties = dict(change.properties)
    if exact or _EXACT in properties:
        properties = {_EXACT: {"columns": exact, "properties": properties}}
    row["properties"] = _encode(properties) if properties else ""
    return row


def version_of(row: Sequence[Any]) -> ItemVersion:
    """The item version of a row of VERSION_COLUMNS."""
    fields = dict(zip(VERSION_COLUMNS, row, strict=True))
    seq = fields.pop("seq")
    representations = fields.pop("representations") or ()
    fields["properties"] = json.loads(fields["properties"]) if fields["properties"] else {}
    if _EXACT in fields["properties"]:
        exact = fields["properties"][_EXACT]
        fields["properties"] = exact["properties"]
        fields.update(exact["columns"])
    feed = fields.pop("feed")
    fields["kind"] = ItemKind(fields["kind"])
    if fields["time"] is not None:
        fields["time"] = fields["time"].replace(tzinfo=UTC)
    return ItemVersion(
        feed=feed,
        change=Change(**fields),
        seq=seq,
        representations=tuple(_representation(entry) for entry in representations),
    )


def _representation(entry: Mapping[str, Any]) -> Representation:
    return Representation(
        form=Form(entry["form"]),
        size_bytes=entry["size_bytes"],
        chunks=tuple(ChunkRef(**chunk) for chunk in entry["chunks"]),
    )


def _searchable(value: str) -> str:
    if _is_storable(value):
        return value
    return "".join("\ufffd" if c == "\x00" or "\ud800" <= c <= "\udfff" else c for c in value)


def _is_storable(value: str) -> bool:
    if "\x00" in value:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _naive_utc(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
