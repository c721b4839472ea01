"""Mail, events and contacts computed from a seed and an index."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from functools import lru_cache

from local.tenant.answers import Json
from local.tenant.clock import format_time
from local.tenant.mailboxes.item import MailItem

_EPOCH_S = 1_735_689_600  # 2025-01-01: generated items are dated from here on, so that a seed always gives the same
_SPAN_S = 300 * 86_400
_CORPUS_BYTES = 1 << 20
_SMALLEST_BYTES = 3000
_SPREAD_BYTES = 3000
_NAMES = (
    "Ada",
    "Ben",
    "Cleo",
    "Dora",
    "Emil",
    "Fay",
    "Gus",
    "Hana",
    "Ivo",
    "Jule",
    "Kai",
    "Lena",
    "Max",
    "Nora",
)
_SURNAMES = ("Alder", "Birk", "Cole", "Dorn", "Eder", "Frey", "Graf", "Hale", "Iven", "Jung", "Kern", "Lind")
_TOPICS = (
    "Budget",
    "Offer",
    "Minutes",
    "Question",
    "Delivery",
    "Contract",
    "Holiday",
    "Release",
    "Invoice",
    "Plan",
)


@lru_cache(maxsize=1)
def _corpus() -> bytes:
    chance = random.Random(20250101)
    syllables = [a + b for a in "bdfgklmnprstvw" for b in ("a", "e", "i", "o", "u", "ai", "en", "or", "is")]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(3000)]
    lines: list[str] = []
    size = 0
    while size < _CORPUS_BYTES + 2 * (_SMALLEST_BYTES + _SPREAD_BYTES):
        line = " ".join(chance.choices(words, k=11))[:74]
        lines.append(line)
        size += len(line) + 2
    return "\r\n".join(lines).encode("ascii")


@dataclass(frozen=True, slots=True)
class MailGenerator:
    """Makes the item at an index. The same seed and index always give the same item."""

    kind: str
    seed: str
    address: str

    def item(self, index: int) -> MailItem:
        """Return the item, without number, folder and sequence."""
        digest = hashlib.blake2b(f"{self.seed}/{self.kind}/{index}".encode(), digest_size=32).digest()
        if self.kind == "event":
            return self._event(index, digest)
        if self.kind == "contact":
            return self._contact(index, digest)
        return self._message(index, digest)

    def _message(self, index: int, digest: bytes) -> MailItem:
        received = format_time(_moment(digest))
        return MailItem(
            "IPM.Note",
            lambda: self._message_properties(index, digest),
            lambda: self._mime(index, digest),
            created=received,
            modified=received,
            size_bytes=_size(digest) + 640,
        )

    def _people(self, digest: bytes) -> tuple[str, str, str]:
        name = f"{_NAMES[digest[8] % len(_NAMES)]} {_SURNAMES[digest[9] % len(_SURNAMES)]}"
        address = f"{name.replace(' ', '.').lower()}@partner{digest[10] % 40}.example"
        subject = f"{_TOPICS[digest[11] % len(_TOPICS)]} {int.from_bytes(digest[12:14], 'big')}"
        return name, address, subject

    def _mime(self, index: int, digest: bytes) -> bytes:
        name, address, subject = self._people(digest)
        moment = _moment(digest)
        stamp = format_time(moment)
        head = (
            f"Received: from mx{digest[14] % 9}.partner.example (203.0.113.{digest[15]}) by mx.sim.example with\r\n"
            f" ESMTPS id {digest[16:22].hex()}; {stamp}\r\n"
            f"From: {name} <{address}>\r\nTo: <{self.address}>\r\nSubject: {subject}\r\n"
            f"Date: {_rfc5322(moment)}\r\nMessage-ID: <{digest[16:28].hex()}.{index}@partner.example>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
            f"Content-Transfer-Encoding: 7bit\r\nX-Mailer: Simulated 1.{digest[28]}\r\n\r\n"
        ).encode("ascii")
        length = max(0, _size(digest) - len(head))
        start = int.from_bytes(digest[4:8], "big") % _CORPUS_BYTES
        return head + _corpus()[start : start + length]

    def _message_properties(self, index: int, digest: bytes) -> Json:
        name, address, subject = self._people(digest)
        stamp = format_time(_moment(digest))
        sender = {"emailAddress": {"name": name, "address": address}}
        start = int.from_bytes(digest[4:8], "big") % _CORPUS_BYTES
        text = _corpus()[start : start + 255].decode("ascii")
        return {
            "receivedDateTime": stamp,
            "sentDateTime": stamp,
            "hasAttachments": False,
            "internetMessageId": f"<{digest[16:28].hex()}.{index}@partner.example>",
            "subject": subject,
            "bodyPreview": text,
            "importance": "normal",
            "isRead": is_generated_read(index),
            "isDraft": False,
            "inferenceClassification": "focused",
            "body": {"contentType": "text", "content": text},
            "sender": sender,
            "from": sender,
            "toRecipients": [{"emailAddress": {"name": self.address, "address": self.address}}],
            "ccRecipients": [],
            "bccRecipients": [],
            "replyTo": [],
            "flag": {"flagStatus": "notFlagged"},
        }

    def _event(self, index: int, digest: bytes) -> MailItem:
        name, address, subject = self._people(digest)
        start = _moment(digest) // 1800 * 1800
        zone = "W. Europe Standard Time"
        made = format_time(start - 86_400)
        return MailItem(
            "IPM.Appointment",
            {
                "subject": subject,
                "bodyPreview": subject,
                "body": {"contentType": "text", "content": f"{subject}\r\n{self.seed}/{index}"},
                "start": {"dateTime": format_time(start)[:-1] + ".0000000", "timeZone": zone},
                "end": {
                    "dateTime": format_time(start + 1800 * (1 + digest[20] % 4))[:-1] + ".0000000",
                    "timeZone": zone,
                },
                "location": {"displayName": f"Room {digest[21] % 12}", "locationType": "default"},
                "attendees": [
                    {
                        "type": "required",
                        "status": {"response": "accepted", "time": made},
                        "emailAddress": {"name": name, "address": address},
                    }
                ],
                "organizer": {"emailAddress": {"name": self.address, "address": self.address}},
                "isAllDay": False,
                "isReminderOn": True,
                "reminderMinutesBeforeStart": 15,
                "importance": "normal",
                "sensitivity": "normal",
                "showAs": "busy",
                "type": "singleInstance",
                "iCalUId": digest[:28].hex().upper(),
            },
            None,
            created=made,
            modified=made,
        )

    def _contact(self, index: int, digest: bytes) -> MailItem:
        name, address, _ = self._people(digest)
        given, surname = name.split(" ")
        made = format_time(_moment(digest))
        return MailItem(
            "IPM.Contact",
            {
                "givenName": given,
                "surname": surname,
                "displayName": name,
                "fileAs": f"{surname}, {given}",
                "emailAddresses": [{"name": name, "address": address}],
                "businessPhones": [f"+49 30 {int.from_bytes(digest[22:25], 'big')}"],
                "companyName": f"Partner {digest[10] % 40}",
                "personalNotes": f"{self.seed}/{index}",
            },
            None,
            created=made,
            modified=made,
        )


def is_generated_read(index: int) -> bool:
    """Whether the generated message at `index` is read: every seventh is not."""
    return index % 7 != 0


def generated_unread(count: int) -> int:
    """How many of the first `count` generated messages are unread."""
    return (count + 6) // 7


def _moment(digest: bytes) -> int:
    return _EPOCH_S + int.from_bytes(digest[:4], "big") % _SPAN_S


def _size(digest: bytes) -> int:
    return _SMALLEST_BYTES + int.from_bytes(digest[29:31], "big") % _SPREAD_BYTES


def _rfc5322(moment: int) -> str:
    stamp = format_time(moment)
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    days = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")
    return f"{days[moment // 86_400 % 7]}, {stamp[8:10]} {months[int(stamp[5:7]) - 1]} {stamp[:4]} {stamp[11:19]} +0000"
