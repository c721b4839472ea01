"""What a OneDrive of the company holds: documents in folder trees, odd names, an empty folder, a film."""

import base64
import random
from datetime import UTC, datetime
from typing import Any

from local.demo.company import Company, Member
from local.demo.invented_documents import pdf, picture, spreadsheet, word_document
from local.demo.invented_mail import moments

Operation = dict[str, Any]
ATTACKED_FOLDER = "Projects/Harbour bridge"
EMPTY_FOLDER = f"{ATTACKED_FOLDER}/Handover"
FILM = "Films/Site tour.mp4"
FILM_BYTES = 20_000_000
DELETED_DOCUMENTS = ("Vorlagen/Brief ÄÖÜ.docx", "Vorlagen/Angebot & Auftrag.docx")
_FOLDERS = {
    ATTACKED_FOLDER: 4,
    f"{ATTACKED_FOLDER}/Drawings": 10,
    f"{ATTACKED_FOLDER}/Drawings/Old": 3,
    f"{ATTACKED_FOLDER}/Contracts": 6,
    "Projects/Mühlenviertel – Phase 2": 6,
    "Projects/見積もり": 3,
    "Private": 4,
}
_NAMES = (
    "Load tables {}.csv",
    "Offer {}.docx",
    "Plan {}.pdf",
    "Foto Baustelle {}.png",
    "Größen & Maße {}.docx",
    "Résumé #{} (v2) 100%.pdf",
)


def fill_drive(company: Company, member: Member) -> list[Operation]:
    """The operations that fill a member's OneDrive, in one call."""
    chance = random.Random(f"drive {member.address}")
    operations: list[Operation] = [
        {"op": "mkdir", "path": EMPTY_FOLDER},
        {"op": "mkdir", "path": "Vorlagen/空のフォルダ 🏗"},
        file_operation(f"{ATTACKED_FOLDER}/Drawings/placeholder.txt", b""),
    ]
    number = 0
    for folder, count in _FOLDERS.items():
        for day in moments(chance, company.now, count):
            number += 1
            name = _NAMES[number % len(_NAMES)].format(f"{number:03d}")
            operations.append(file_operation(f"{folder}/{name}", document(chance, name, day), day))
    for path in DELETED_DOCUMENTS:
        day = moments(chance, company.now, 1)[0]
        operations.append(file_operation(path, document(chance, path, day), day))
    if member == company.person(0):
        operations.append(file_operation(FILM, film(), moments(chance, company.now, 1)[0]))
    return [{"user": member.user_id, **operation} for operation in operations]


def film() -> bytes:
    """Bytes as hard to compress as a film's, the same every time."""
    return random.Random("film").randbytes(FILM_BYTES)


def document(chance: random.Random, name: str, day: datetime) -> bytes:
    """A document of the kind that the name ends with."""
    if name.endswith(".docx"):
        return word_document(chance, chance.randint(20, 300))
    if name.endswith(".pdf"):
        return pdf(chance, 60)
    if name.endswith(".png"):
        return picture(chance, 200, chance.randint(100, 500))
    return spreadsheet(chance, chance.randint(50, 900), day)


def file_operation(path: str | list[str], data: bytes, day: datetime | None = None) -> Operation:
    """Create or overwrite a file; created and modified on that day, or now."""
    operation: Operation = {"op": "put_file", "path": path, "data_base64": base64.b64encode(data).decode("ascii")}
    if day is not None:
        stamp = f"{day.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        operation |= {"created": stamp, "modified": stamp}
    return operation
