"""One item of a mailbox, and its native form."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable

from local.tenant.answers import Json

_MAGIC = b"\x01\x00FTSIM\x02"
_HEAD = struct.Struct("<II")
_BASE_SIZE_BYTES = 640

LazyMime = Callable[[], bytes]
LazyProperties = Callable[[], Json]


class MailItem:
    """Everything about an item. MIME and properties of generated items are computed when first asked for.

    `properties` follows Graph's schema of the item's class, without id, changeKey and parentFolderId. `extended` maps
    extended property ids ("String {guid} Name x") to values.
    """

    __slots__ = (
        "_mime",
        "_properties",
        "categories",
        "created",
        "export_error",
        "extended",
        "folder",
        "item_class",
        "modified",
        "number",
        "seq",
        "size_bytes",
    )

    def __init__(
        self,
        item_class: str,
        properties: Json | LazyProperties,
        mime: bytes | LazyMime | None,
        *,
        created: str,
        modified: str,
        categories: list[str] | None = None,
        extended: dict[str, str] | None = None,
        size_bytes: int | None = None,
    ) -> None:
        self.number = 0
        self.folder = 0
        self.seq = 0
        self.item_class = item_class
        self._properties = properties
        self._mime = mime
        self.created = created
        self.modified = modified
        self.categories = categories or []
        self.extended = extended or {}
        self.export_error: tuple[str, str] | None = None
        self.size_bytes = self._measure() if size_bytes is None else size_bytes

    def _measure(self) -> int:
        body = self.mime
        text = len(body) if body is not None else len(json.dumps(self.properties))
        return _BASE_SIZE_BYTES + text + sum(len(value) for value in self.extended.values())

    @property
    def mime(self) -> bytes | None:
        """The message as it went over the wire, or None for an item that is not mail."""
        if callable(self._mime):
            self._mime = self._mime()
        return self._mime

    @property
    def properties(self) -> Json:
        """Properties in Graph's schema."""
        if callable(self._properties):
            self._properties = self._properties()
        return self._properties

    @property
    def is_unread_mail(self) -> bool:
        """Whether it counts as unread."""
        return self.item_class.startswith("IPM.Note") and not self.properties.get("isRead", True)

    def native(self) -> bytes:
        """Return the item in native form: every property, the same bytes for the same item."""
        head = json.dumps(
            {
                "class": self.item_class,
                "created": self.created,
                "modified": self.modified,
                "categories": self.categories,
                "properties": self.properties,
                "extended": self.extended,
                "size": self.size_bytes,
                "has_mime": self.mime is not None,
            },
            separators=(",", ":"),
        ).encode()
        tail = self.mime or b""
        checksum = zlib.crc32(tail, zlib.crc32(head))
        return b"".join((_MAGIC, _HEAD.pack(checksum, len(head)), head, tail))

    def describe(self) -> Json:
        """Return everything that a restored item must have in common with this one, except for the MIME itself."""
        return {
            "class": self.item_class,
            "created": self.created,
            "modified": self.modified,
            "categories": self.categories,
            "properties": self.properties,
            "extended": dict(sorted(self.extended.items())),
            "size": self.size_bytes,
        }


def item_from_native(data: bytes) -> MailItem:
    """Return a new item from its native form. Raises ValueError when the form is damaged."""
    start = len(_MAGIC) + _HEAD.size
    if not data.startswith(_MAGIC) or len(data) < start:
        raise ValueError("not a FastTransfer stream")
    checksum, head_size = _HEAD.unpack_from(data, len(_MAGIC))
    if zlib.crc32(data[start:]) != checksum:
        raise ValueError("the FastTransfer stream is damaged")
    head = json.loads(data[start : start + head_size])
    return MailItem(
        head["class"],
        head["properties"],
        data[start + head_size :] if head["has_mime"] else None,
        created=head["created"],
        modified=head["modified"],
        categories=head["categories"],
        extended=head["extended"],
        size_bytes=head["size"],
    )
