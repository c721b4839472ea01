"""From raw MIME to Graph's message properties. Never refuses: what cannot be read is left empty."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from local.tenant.answers import Json

_PREVIEW_CHARACTERS = 255
_IMPORTANCE = {"1": "high", "2": "high", "4": "low", "5": "low", "high": "high", "low": "low"}


def clean(text: str) -> str:
    """Return the text with what UTF-8 and JSON cannot carry replaced."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def message_properties(mime: bytes, received: str) -> Json:
    """Return the properties of a message that was received at `received` and is unread."""
    message = message_from_bytes(mime, policy=policy.compat32)
    kind, text, has_attachments = _body(message)
    sent = _date(_header(message, "Date"))
    sender = _recipients(message, "Sender") or _recipients(message, "From")
    author = _recipients(message, "From")
    priority = _header(message, "X-Priority")[:1] or _header(message, "Importance").lower()
    properties: Json = {
        "receivedDateTime": received,
        "sentDateTime": sent or received,
        "hasAttachments": has_attachments,
        "internetMessageId": _header(message, "Message-ID").strip(),
        "subject": _header(message, "Subject"),
        "bodyPreview": " ".join(text.split())[:_PREVIEW_CHARACTERS],
        "importance": _IMPORTANCE.get(priority, "normal"),
        "isRead": False,
        "isDraft": False,
        "inferenceClassification": "focused",
        "body": {"contentType": kind, "content": text},
        "toRecipients": _recipients(message, "To"),
        "ccRecipients": _recipients(message, "Cc"),
        "bccRecipients": _recipients(message, "Bcc"),
        "replyTo": _recipients(message, "Reply-To"),
        "flag": {"flagStatus": "notFlagged"},
    }
    if author:
        properties["from"] = author[0]
        properties["sender"] = sender[0]
    return properties


def received_time(mime: bytes) -> str | None:
    """Return the time in the Date header, or None when there is none that can be read."""
    return _date(_header(message_from_bytes(mime, policy=policy.compat32), "Date"))


def _header(message: Message, name: str) -> str:
    try:
        raw = message.get(name)
    except (MessageError, ValueError):
        return ""
    if raw is None:
        return ""
    parts: list[str] = []
    try:
        for part, charset in decode_header(raw):
            parts.append(part if isinstance(part, str) else _decoded(part, charset))
    except (MessageError, ValueError):
        return clean(str(raw))
    return clean(" ".join("".join(parts).split()))


def _decoded(data: bytes, charset: str | None) -> str:
    try:
        return data.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return data.decode("latin-1")


def _recipients(message: Message, name: str) -> list[Json]:
    text = _header(message, name)
    if not text:
        return []
    return [
        {"emailAddress": {"name": shown or address, "address": address}}
        for shown, address in getaddresses([text])
        if shown or address
    ]


def _date(text: str) -> str | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    try:
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        return None
    if not 1970 <= moment.year <= 2100:
        return None
    return datetime.strftime(moment, "%Y-%m-%dT%H:%M:%SZ")


def _body(message: Message) -> tuple[str, str, bool]:
    plain: str | None = None
    html: str | None = None
    has_attachments = False
    for part in message.walk():
        if part.is_multipart():
            continue
        kind = part.get_content_type()
        try:
            named = bool(part.get_filename()) or part.get_content_disposition() == "attachment"
        except (ValueError, TypeError, AttributeError):
            named = False
        if named or not kind.startswith("text/"):
            has_attachments = has_attachments or part.get_content_disposition() != "inline"
        elif kind == "text/html" and html is None:
            html = _text(part)
        elif plain is None and kind != "text/html":
            plain = _text(part)
    return ("html", html, has_attachments) if html is not None else ("text", plain or "", has_attachments)


def _text(part: Message) -> str:
    try:
        data = part.get_payload(decode=True)
    except (ValueError, AssertionError):
        data = None
    if not isinstance(data, bytes):
        return clean(str(part.get_payload()))
    return clean(_decoded(data, part.get_content_charset()))
