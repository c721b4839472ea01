"""What a mailbox of the company holds: nested and hidden folders, mail, appointments, contacts, tasks, notes.

Everything is an operation of the simulator's control interface; a mailbox is one call.
"""

import base64
import random
from datetime import datetime, timedelta
from typing import Any

from local.demo.company import Company, Member
from local.demo.invented_mail import message, moments
from local.demo.invented_words import PARTNERS, STAFF, sentence, topic

Operation = dict[str, Any]
PROJECT_FOLDER = "Inbox/Projects"
INBOX = "Inbox"
_MAIL_FOLDERS = {
    INBOX: 40,
    PROJECT_FOLDER: 6,
    f"{PROJECT_FOLDER}/Harbour bridge": 14,
    f"{PROJECT_FOLDER}/Harbour bridge/Permits & Genehmigungen": 8,
    f"{PROJECT_FOLDER}/Mühlenviertel": 9,
    "Sent Items": 14,
    "Archive/2025": 12,
    "Archive/Verträge": 5,
    "Drafts": 2,
    "Junk Email": 3,
    "Newsletter rules": 4,
}
_HIDDEN_FOLDER = "Newsletter rules"
_EMPTY_FOLDER = f"{PROJECT_FOLDER}/Nothing yet"
_EXTENDED = "String {00020329-0000-0000-C000-000000000046} Name project-number"
_ZONE = "W. Europe Standard Time"


def fill_mailbox(company: Company, member: Member) -> list[Operation]:
    """The operations that fill a member's mailbox."""
    chance = random.Random(f"mailbox {member.address}")
    operations: list[Operation] = [
        {"op": "add_folder", "path": _EMPTY_FOLDER},
        {"op": "add_folder", "path": _HIDDEN_FOLDER, "hidden": True},
        {"op": "add_folder", "path": "Calendar/Site visits", "folder_type": "IPF.Appointment"},
    ]
    number = 0
    for folder, count in _MAIL_FOLDERS.items():
        for sent in moments(chance, company.now, count):
            number += 1
            operations.append(_mail(chance, member, folder, topic(chance, number), sent))
    operations += _appointments(chance, company.now, member)
    operations += [_contact(chance, number) for number in range(12)]
    operations += [_task(chance, company.now, number) for number in range(8)]
    operations += [_note(chance, number) for number in range(3)]
    return [{"user": member.user_id, **operation} for operation in operations]


def mail_operation(raw: bytes, folder: str, **more: Any) -> Operation:
    """Put a message into a folder, which is made if missing."""
    return {"op": "add_message", "folder": folder, "mime_base64": base64.b64encode(raw).decode("ascii"), **more}


def _mail(chance: random.Random, member: Member, folder: str, subject: str, sent: datetime) -> Operation:
    more: dict[str, Any] = {"read": chance.random() < 0.7, "received": _stamp(sent)}
    if chance.random() < 0.15:
        more["categories"] = chance.sample(["Red category", "Bauherr", "Waiting"], chance.randint(1, 2))
    if chance.random() < 0.1:
        more["flag"] = True
    if chance.random() < 0.1:
        more["extended"] = {_EXTENDED: f"HB-{chance.randint(100, 999)}"}
    return mail_operation(message(chance, subject, sent, member.display_name, member.address), folder, **more)


def _appointments(chance: random.Random, now: datetime, member: Member) -> list[Operation]:
    operations = []
    for number, day in enumerate(moments(chance, now + timedelta(days=60), 24)):
        start = day.replace(minute=0, second=0)
        properties: dict[str, Any] = {
            "subject": f"Site meeting {number:02d}",
            "body": {"contentType": "text", "content": sentence(chance)},
            "bodyPreview": "",
            "start": _clock(start),
            "end": _clock(start + timedelta(minutes=chance.choice((30, 60, 90)))),
            "location": {"displayName": chance.choice(("Room 1", "Container, Hafenstraße")), "locationType": "default"},
            "organizer": {"emailAddress": {"name": member.display_name, "address": member.address}},
            "attendees": [_attendee(chance) for _ in range(chance.randint(0, 4))],
            "isAllDay": False,
            "isReminderOn": True,
            "reminderMinutesBeforeStart": 15,
            "showAs": "busy",
            "importance": "normal",
            "sensitivity": "normal",
            "type": "singleInstance",
        }
        if number % 6 == 0:
            properties |= {"type": "seriesMaster", "recurrence": _weekly(start)}
        folder = "Calendar/Site visits" if number % 5 == 4 else "calendar"
        operations.append({"op": "add_event", "folder": folder, "properties": properties, "created": _stamp(start)})
    return operations


def _weekly(start: datetime) -> dict[str, Any]:
    day = start.strftime("%A").lower()
    pattern = {"type": "weekly", "interval": 1, "daysOfWeek": [day], "firstDayOfWeek": "monday"}
    range_ = {"type": "numbered", "startDate": f"{start:%Y-%m-%d}", "numberOfOccurrences": 12}
    return {"pattern": pattern, "range": {**range_, "recurrenceTimeZone": _ZONE}}


def _attendee(chance: random.Random) -> dict[str, Any]:
    partner = chance.choice(PARTNERS)
    return {
        "type": chance.choice(("required", "optional")),
        "status": {"response": chance.choice(("accepted", "none", "declined")), "time": "2026-01-05T08:00:00Z"},
        "emailAddress": {"name": partner, "address": f"office@partner{PARTNERS.index(partner)}.example"},
    }


def _contact(chance: random.Random, number: int) -> Operation:
    given, _, surname = chance.choice(STAFF).partition(" ")
    properties = {
        "displayName": f"{given} {surname} ({number:02d})",
        "givenName": given,
        "surname": surname,
        "companyName": chance.choice(PARTNERS),
        "emailAddresses": [{"name": given, "address": f"contact{number}@partner.example"}],
        "businessPhones": [f"+49 40 {chance.randint(10**6, 10**7)}"],
        "personalNotes": sentence(chance),
    }
    return {"op": "add_contact", "properties": properties}


def _task(chance: random.Random, now: datetime, number: int) -> Operation:
    due = now + timedelta(days=chance.randint(-30, 30))
    properties = {
        "subject": f"Check the invoice ({number:02d})",
        "status": chance.choice(("notStarted", "inProgress", "completed")),
        "dueDateTime": _clock(due.replace(hour=0, minute=0, second=0)),
        "importance": chance.choice(("normal", "high")),
        "body": {"contentType": "text", "content": sentence(chance)},
    }
    return {"op": "add_task", "properties": properties}


def _note(chance: random.Random, number: int) -> Operation:
    text = f"Note {number}: {sentence(chance)}"
    return {"op": "add_note", "properties": {"subject": text[:40], "body": {"contentType": "text", "content": text}}}


def _clock(moment: datetime) -> dict[str, str]:
    return {"dateTime": f"{moment:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": _ZONE}


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
