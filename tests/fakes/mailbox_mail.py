"""Messages and events of every odd kind, as bytes and as Graph tells of them."""

from __future__ import annotations

import base64
from email.message import EmailMessage
from typing import Any

_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def plain(number: int, body: str = "body") -> bytes:
    """A small message that is like no other."""
    return (
        f"From: a@b.c\r\nTo: d@e.f\r\nSubject: {number}\r\nMessage-ID: <{number}@x>\r\n\r\n{body} {number}\r\n".encode()
    )


def _message(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ada <ada@x.example>", "ben@partner.example", subject
    message["Message-ID"] = f"<{subject.replace(' ', '-')}@x.example>"
    message["Date"] = "Mon, 05 Jan 2026 10:00:00 +0100"
    message.set_content("See below.\n")
    return message


def _with_file() -> bytes:
    message = _message("a file")
    message.add_attachment(bytes(range(256)) * 20, maintype="application", subtype="pdf", filename="Über sicht.pdf")
    message.add_attachment(b"", maintype="application", subtype="octet-stream", filename="empty.bin")
    return message.as_bytes()


def _inline_only() -> bytes:
    """``hasAttachments`` is false for it, and the picture is there all the same."""
    message = _message("inline only")
    message.add_alternative('<p><img src="cid:logo"></p>', subtype="html")
    message.get_payload()[1].add_related(_PNG, "image", "png", cid="<logo>")  # type: ignore[union-attr,index]
    return message.as_bytes()


def _with_item() -> bytes:
    """A message within a message within a message."""
    inner = _message("inner")
    inner.add_attachment(_message("innermost"))
    outer = _message("an item")
    outer.add_attachment(inner)
    return outer.as_bytes()


def _with_reference() -> bytes:
    message = _message("a reference")
    message.add_attachment(b"", maintype="application", subtype="octet-stream", filename="Plan.docx")
    part = message.get_payload()[1]  # type: ignore[index]
    part["X-Reference-Url"] = "https://x.sharepoint.example/sites/a/Plan.docx"  # type: ignore[index]
    return message.as_bytes()


def _meeting() -> bytes:
    message = _message("an invitation")
    ics = (
        "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1\r\nRRULE:FREQ=WEEKLY\r\nEND:VEVENT\r\nEND:VCALENDAR"
    )
    message.add_alternative(ics, subtype="calendar", params={"method": "REQUEST"})
    return message.as_bytes()


MIME_KINDS: dict[str, bytes] = {
    "file": _with_file(),
    "inline only": _inline_only(),
    "item": _with_item(),
    "reference": _with_reference(),
    "meeting request": _meeting(),
    "signed by DKIM": b"DKIM-Signature: v=1; a=rsa-sha256;\r\n\tb=AbC  dE=\r\n" + plain(77),
    "no headers": b"\r\n\r\nonly a body",
    "nothing": b"",
    "bare line feeds": b"From: a@b.c\nSubject: x\n\nline\nline",
    "garbage": b"\xff\x00\xfe" * 100,
}

SERIES: dict[str, Any] = {
    "subject": "Review",
    "type": "seriesMaster",
    "start": {"dateTime": "2026-03-02T09:00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2026-03-02T10:00:00", "timeZone": "UTC"},
    "recurrence": {
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
        "range": {"type": "endDate", "startDate": "2026-03-02", "endDate": "2026-06-01"},
    },
    "exceptionOccurrences": [
        {
            "originalStart": "2026-03-23T09:00:00Z",
            "subject": "Review, longer",
            "start": {"dateTime": "2026-03-23T08:00:00", "timeZone": "UTC"},
        }
    ],
    "cancelledOccurrences": ["OID.2026-03-30"],
    "attendees": [{"type": "required", "emailAddress": {"name": "Ben", "address": "ben@partner.example"}}],
    "isOnlineMeeting": True,
    "onlineMeetingProvider": "teamsForBusiness",
    "onlineMeeting": {"joinUrl": "https://teams.example/l/meetup-join/1"},
    "isReminderOn": True,
    "hasAttachments": True,
    "attachments": [
        {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentBytes": "YQ=="},
        {"@odata.type": "#microsoft.graph.referenceAttachment", "name": "b", "sourceUrl": "https://x.example/b"},
    ],
}
"""A weekly meeting: an exception, a cancellation, attendees, an online meeting, attachments."""
