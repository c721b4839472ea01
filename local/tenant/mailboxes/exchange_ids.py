"""Ids and change keys that look like Exchange's: long, case-sensitive, URL-safe, one prefix for a mailbox."""

from __future__ import annotations

import base64
import hashlib

_FOLDER = 0x2E
_ITEM = 0x46


class ExchangeIds:
    """Makes and reads the ids of one mailbox. Reading is exact: a changed or foreign id names nothing."""

    __slots__ = ("_change", "_folder", "_item")

    def __init__(self, mailbox_guid: str) -> None:
        digest = hashlib.sha256(mailbox_guid.encode()).digest()

        def prefix(kind: int, size: int) -> str:
            raw = b"\x00\x03\x24\x00" + mailbox_guid.encode("ascii") + bytes((0, kind, 0, 0, 0, 0)) + digest * 3
            return base64.urlsafe_b64encode(raw[:size]).decode("ascii")

        self._item = prefix(_ITEM, 105)
        self._folder = prefix(_FOLDER, 81)
        self._change = base64.b64encode(b"\x09\x00\x00\x00\x16\x00\x00\x00" + digest[:16]).decode("ascii")

    def item_id(self, number: int) -> str:
        """Return the id of an item (152 characters)."""
        return self._item + _tail(number)

    def folder_id(self, number: int) -> str:
        """Return the id of a folder (120 characters)."""
        return self._folder + _tail(number)

    def change_key(self, seq: int) -> str:
        """Return the change key at a sequence number (40 characters)."""
        return self._change + base64.b64encode(seq.to_bytes(6, "big")).decode("ascii")

    def item_number(self, item_id: str) -> int | None:
        """Return the number in an item id of this mailbox, else None."""
        return _number(self._item, item_id)

    def folder_number(self, folder_id: str) -> int | None:
        """Return the number in a folder id of this mailbox, else None."""
        return _number(self._folder, folder_id)


def _tail(number: int) -> str:
    # Ends in a zero byte and carries the number backwards, so that neighbours differ in the middle of the text.
    return base64.urlsafe_b64encode(b"\x00" + number.to_bytes(7, "little") + b"\x00").decode("ascii")


def _number(prefix: str, text: str) -> int | None:
    if not text.startswith(prefix) or len(text) != len(prefix) + 12:
        return None
    tail = text[len(prefix) :]
    try:
        number = int.from_bytes(base64.urlsafe_b64decode(tail)[1:8], "little")
    except ValueError:
        return None
    return number if _tail(number) == tail else None
