"""What people look a message up by, out of its MIME headers. Never raises, whatever the bytes are."""

from __future__ import annotations

import binascii
import codecs
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import parseaddr, parsedate_to_datetime

MAX_TEXT = 1000

_MAX_BLOCK_BYTES = 256 * 1024
_MAX_RAW = 8000
_WANTED = re.compile(rb"^(subject|from|sender|date|message-id)[ \t]*:", re.IGNORECASE)
_END = re.compile(rb"\r?\n\r?\n|\r\r")
_LINES = re.compile(rb"\r\n|\n|\r")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
# Ways in which the standard library is known to fail on hostile headers.
_BROKEN = (
    HeaderParseError,
    binascii.Error,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
)
# Python's own transformations go by names too, and senders choose the name.
_NO_CHARSETS = frozenset({"unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined"})


@dataclass(frozen=True, slots=True)
class MailHeaders:
    """Decoded, one line each, at most MAX_TEXT characters, printable; "" and None where a header is missing
    or cannot be read."""

    subject: str = ""
    sender: str = ""
    time: datetime | None = None
    message_id: str = ""


def read_headers(mime: bytes) -> MailHeaders:
    """Read the header block of a message; its body is not looked at."""
    found = _wanted_headers(mime)
    return MailHeaders(
        subject=_decoded(found.get("subject", "")),
        sender=_address(found.get("from", "") or found.get("sender", "")),
        time=_time(found.get("date", "")),
        message_id=_clean(found.get("message-id", "")),
    )


def _wanted_headers(mime: bytes) -> dict[str, str]:
    block = mime[:_MAX_BLOCK_BYTES]
    end = _END.search(block)
    if end:
        block = block[: end.start()]
    found: dict[str, str] = {}
    name = ""
    for line in _LINES.split(block):
        if line[:1] in (b" ", b"\t"):
            if name and len(found[name]) < _MAX_RAW:
                found[name] += " " + _text(line.strip())
            continue
        match = _WANTED.match(line)
        name = match[1].decode("ascii").lower() if match else ""
        if not match:
            continue
        if name in found:  # the first one counts, as in every mail client
            name = ""
        else:
            found[name] = _text(line[match.end() :].strip())
    return found


def _text(raw: bytes) -> str:
    raw = raw[:_MAX_RAW]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _decoded(value: str) -> str:
    """Resolve encoded words (RFC 2047)."""
    if "=?" not in value:
        return _clean(value)
    try:
        parts = decode_header(value[:_MAX_RAW])
        decoded = _clean("".join(_part(text, charset) for text, charset in parts))
    except _BROKEN:
        decoded = ""
    return decoded or _clean(value)


def _part(text: bytes | str, charset: str | None) -> str:
    if isinstance(text, str):
        return text
    if charset is None:  # plain text between encoded words, which the library hands out in its raw spelling
        return text.decode("raw-unicode-escape", "replace")
    try:
        codec = codecs.lookup(charset).name
        return text.decode("latin-1" if codec in _NO_CHARSETS else codec, "replace")
    except (LookupError, ValueError):
        return text.decode("latin-1")


def _address(value: str) -> str:
    """``Name <address>`` of the first sender."""
    try:
        name, address = parseaddr(value[:_MAX_RAW])
    except (*_BROKEN, IndexError):
        name, address = "", ""
    except RecursionError:  # deeply nested comments
        name, address = "", ""
    if not address:
        return _decoded(value)
    name = _decoded(name)
    return _clean(f"{name} <{address}>" if name else address)


def _time(value: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value[:200])
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        return parsed.astimezone(UTC)
    except (*_BROKEN, IndexError):
        return None


def _clean(value: str) -> str:
    return _UNPRINTABLE.sub(" ", value).strip()[:MAX_TEXT]
