"""The day after: people work, somebody deletes too much, and ransomware encrypts a folder."""

import base64
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from local.demo.company import Company, Member
from local.demo.figures import counted
from local.demo.fill_drive import (
    ATTACKED_FOLDER,
    DELETED_DOCUMENTS,
    EMPTY_FOLDER,
    FILM,
    document,
    file_operation,
    film,
)
from local.demo.fill_mailbox import INBOX, PROJECT_FOLDER, mail_operation
from local.demo.fill_site import DEFECTS, add_permit
from local.demo.fill_team import DIARY, GENERAL, post
from local.demo.invented_mail import message
from local.tenant.control.client import TenantControl

RANSOM_ENDING = ".locked"
RANSOM_NOTE = "HOW TO GET YOUR FILES BACK.txt"
DELETED_MESSAGES = 6


@dataclass(frozen=True)
class DeletedItems:
    """What a member deleted for good, by folder and name."""

    messages: tuple[str, ...]
    event: str
    contact: str


def people_work(control: TenantControl, company: Company) -> list[str]:
    """New mail, read marks, moves, changed and renamed files, for everybody. Returns sentences about it."""
    operations: list[dict[str, Any]] = []
    for member in company.members:
        operations += _mail_work(control, company, member)
        if member.drive_id:
            operations += _file_work(control, company, member)
    control.edits(company.tenant_id, operations)
    kinds = [operation["op"] for operation in operations]
    told = (
        ("add_message", "message arrives", "messages arrive"),
        ("update_item", "message is read", "messages are read"),
        ("move_item", "message is moved", "messages are moved"),
        ("put_file", "file is changed", "files are changed"),
        ("rename_file", "file is renamed", "files are renamed"),
        ("move_file", "file is moved", "files are moved"),
    )
    return [counted(kinds.count(kind), one, many) for kind, one, many in told]


def shared_work(control: TenantControl, company: Company) -> None:
    """Somebody files a permit on the site and tells the team."""
    add_permit(control, company, 6)
    post(control, company, GENERAL, 1, "<p>The last permit is on the site.</p>", company.now + timedelta(hours=15))


def delete_list(control: TenantControl, company: Company) -> None:
    """Somebody deletes a list with all its rows."""
    control.delete_list(company.tenant_id, company.site, DEFECTS)


def delete_channel(control: TenantControl, company: Company) -> None:
    """Somebody deletes a channel with all that was written in it."""
    control.delete_channel(company.tenant_id, company.team, DIARY)


def cut_film(control: TenantControl, company: Company) -> None:
    """Somebody cuts 100 kB out of the middle of the film and puts a new title in front."""
    old, middle = film(), 10_000_000
    new = random.Random("title").randbytes(5_000) + old[:middle] + old[middle + 100_000 :]
    operation = {"user": company.person(0).user_id, **file_operation(FILM, new)}
    control.edits(company.tenant_id, [operation])


def encrypt_folder(control: TenantControl, company: Company) -> int:
    """Ransomware: every file of the folder gets random bytes and another name, and there is a note. What was empty is
    deleted. Returns how many files it was."""
    victim = company.person(0).user_id
    listed = control.files(company.tenant_id, victim)
    files = [each for each in listed if each["kind"] == "file" and each["path"].lstrip("/").startswith(ATTACKED_FOLDER)]
    chance = random.Random("ransomware")
    operations: list[dict[str, Any]] = [{"op": "delete_file", "path": EMPTY_FOLDER}]
    for each in files:
        noise = base64.b64encode(chance.randbytes(each["size_bytes"] + 256)).decode("ascii")
        path = each["path"].lstrip("/")
        operations.append({"op": "put_file", "path": path, "data_base64": noise})
        operations.append({"op": "rename_file", "path": path, "name": path.rpartition("/")[2] + RANSOM_ENDING})
    operations.append(file_operation(f"{ATTACKED_FOLDER}/{RANSOM_NOTE}", b"Your files are encrypted. Pay."))
    control.edits(company.tenant_id, [{"user": victim, **operation} for operation in operations])
    return len(files)


def delete_documents(control: TenantControl, company: Company) -> int:
    """Somebody deletes two documents. Returns how many."""
    victim = company.person(0).user_id
    for path in DELETED_DOCUMENTS:
        control.delete_file(company.tenant_id, victim, path)
    return len(DELETED_DOCUMENTS)


def delete_mail_folder(control: TenantControl, company: Company) -> None:
    """Somebody deletes a mail folder with all that is below it, for good."""
    control.delete_folder(company.tenant_id, company.person(1).user_id, PROJECT_FOLDER)


def delete_items(control: TenantControl, company: Company) -> DeletedItems:
    """Somebody deletes messages, an appointment and a contact, for good."""
    tenant, victim = company.tenant_id, company.person(2).user_id
    messages = control.items(tenant, victim, INBOX)[3 : 3 + DELETED_MESSAGES]
    event, contact = control.items(tenant, victim, "calendar")[0], control.items(tenant, victim, "contacts")[0]
    gone = [*messages, event, contact]
    control.edits(tenant, [{"op": "delete_item", "user": victim, "item": each["item"]} for each in gone])
    return DeletedItems(tuple(each["subject"] for each in messages), event["subject"], contact["subject"])


def _mail_work(control: TenantControl, company: Company, member: Member) -> list[dict[str, Any]]:
    chance = random.Random(f"day {member.address}")
    inbox = control.items(company.tenant_id, member.user_id, INBOX)
    now = company.now + timedelta(hours=15)
    operations: list[dict[str, Any]] = []
    for number in range(2):
        raw = message(chance, f"New today ({number})", now, member.display_name, member.address)
        operations.append(mail_operation(raw, INBOX))
    operations += [{"op": "update_item", "item": each["item"], "properties": {"isRead": True}} for each in inbox[-3:]]
    operations.append({"op": "move_item", "item": inbox[-4]["item"], "folder": "Archive/2025"})
    return [{"user": member.user_id, **operation} for operation in operations]


def _file_work(control: TenantControl, company: Company, member: Member) -> list[dict[str, Any]]:
    chance = random.Random(f"files {member.address}")
    private = _names_in(control.files(company.tenant_id, member.user_id), "Private")
    plans = _names_in(control.files(company.tenant_id, member.user_id), "Projects/Mühlenviertel – Phase 2")
    operations = [
        file_operation(f"Private/{private[0]}", document(chance, private[0], company.now)),
        {"op": "rename_file", "path": f"Private/{private[1]}", "name": f"Final {private[1]}"},
        {"op": "move_file", "path": f"Projects/Mühlenviertel – Phase 2/{plans[0]}", "parent": "Private"},
    ]
    return [{"user": member.user_id, **operation} for operation in operations]


def _names_in(files: Sequence[dict[str, Any]], folder: str) -> list[str]:
    names = (str(each["path"]).lstrip("/") for each in files if each["kind"] == "file")
    return [name.removeprefix(folder + "/") for name in names if name.startswith(folder + "/")]
