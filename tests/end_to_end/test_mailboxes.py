"""A mailbox with something of every kind, over several days, destroyed and brought back as it was on any of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.product_settings import product_settings
from local.services import Stack
from tests.end_to_end.service import Customer, Service
from tests.fakes.mailbox_mail import MIME_KINDS, SERIES, plain

WRITES = {
    "batch",
    "token",
    "mailbox.export",
    "mailbox.createImportSession",
    "mailbox.import",
    "mailbox.folders.create",
    "users.updateMailboxSettings",
    "messageRules.create",
    "messageRules.update",
}
RECOVERED = "Recoverable Items (Deletions)"
EXTENDED = {"String {00020329-0000-0000-C000-000000000046} Name project": "7", "Integer 0x0E07": "1"}
CONTACT = {
    "displayName": "Grace Hopper",
    "emailAddresses": [{"name": "Grace", "address": "grace@x.example"}],
    "homeAddress": {"street": "Weg 1", "city": "Arlington"},
    "birthday": "1906-12-09T00:00:00Z",
}
TASK = {"subject": "Pay", "status": "inProgress", "dueDateTime": {"dateTime": "2026-04-01T00:00:00", "timeZone": "UTC"}}
PARTNERS = {
    "displayName": "Partners",
    "sequence": 1,
    "conditions": {"senderContains": ["partner"]},
    "actions": {"stopProcessingRules": True},
    "exceptions": {"subjectContains": ["urgent"]},
}


@pytest.fixture(scope="module")
def keen() -> Iterator[Service]:
    """A stack that backs Recoverable Items up as well."""
    with Stack(host_env=lambda stack: {**product_settings(stack), "BACKUP_RECOVERABLE_ITEMS": "true"}) as stack:
        service = Service(stack)
        yield service
        service.close()


class Mailbox:
    """One person's mailbox: what happens to it, and what is true of it."""

    def __init__(self, customer: Customer, **settings: Any) -> None:
        self.customer = customer
        self.user = customer.add_user()
        self.id = customer.resource("mailbox", self.user)
        self.items: dict[str, str] = {}

    def edit(self, op: str, **fields: Any) -> Any:
        return self.customer.edit(op, self.user, **fields)

    def add(self, name: str, raw: bytes, folder: Any = "inbox", **more: Any) -> None:
        self.items[name] = self.edit("add_message", mime=raw, folder=folder, **more)

    def truth(self) -> tuple[list[str], Any]:
        """Everything but what a restore puts beside it, as sorted text; settings and rules."""
        records = [record for record in self.customer.oracle(self.user, "mailbox") if not _is_recovered(record)]
        return sorted(json.dumps(record, sort_keys=True) for record in records), self.edit("mailbox_settings")

    def recovered(self) -> list[dict[str, Any]]:
        found = self.customer.oracle(self.user, "mailbox")
        return [record for record in found if record["record"] == "item" and record["folder"] == RECOVERED]

    def destroy(self) -> None:
        for rule_id in self.edit("rule_ids").values():
            self.edit("delete_rule", rule_id=rule_id)
        self.edit("change_mailbox_settings", timeZone="UTC", automaticRepliesSetting={"status": "disabled"})
        for folder in self.edit("folders"):
            if folder["well_known"]:
                for item in self.edit("items", folder=folder["folder"]):
                    self.edit("delete_item", item=item["item"])
        for folder in self.edit("folders"):
            if not folder["well_known"] and folder["folder"] in {each["folder"] for each in self.edit("folders")}:
                self.edit("delete_folder", folder=folder["folder"])
        assert not [record for record in self.customer.oracle(self.user, "mailbox") if record["record"] == "item"]

    def fill(self) -> None:
        """Day 1."""
        for folder in (["Projects", "2026", "Bridge"], ["Projects", "2027"], ["Empty", "Emptier"], ["Same"]):
            self.edit("add_folder", path=folder)
        self.edit("add_folder", path="Hidden", hidden=True)
        for kind, path in (("IPF.Contact", ["Contacts", "Clients"]), ("IPF.Appointment", ["Calendar", "Team"])):
            self.edit("add_folder", path=path, folder_type=kind)
        for number, (name, raw) in enumerate(MIME_KINDS.items()):
            self.add(name, raw, read=number % 2 == 0, categories=["Red", "Blü"][: number % 3], flag=number % 4 == 0)
        folders = ("drafts", "junkemail", "sentitems", "deleteditems", "Hidden", ["Projects", "2026", "Bridge"], "Same")
        for number, folder in enumerate(folders):
            self.add(
                f"in {folder if isinstance(folder, str) else folder[-1]}", plain(number), folder, extended=EXTENDED
            )
        self.items["series"] = self.edit("add_event", properties=SERIES, categories=["Blue"])
        self.items["team event"] = self.edit("add_event", properties={"subject": "Team"}, folder=["Calendar", "Team"])
        self.items["contact"] = self.edit("add_contact", properties=CONTACT, folder=["Contacts", "Clients"])
        self.items["task"] = self.edit("add_task", properties=TASK, extended=EXTENDED)
        self.items["note"] = self.edit("add_note", properties={"subject": "Remember", "body": {"content": "\u0001😀"}})
        away = {"status": "alwaysEnabled", "internalReplyMessage": "<p>Fort</p>", "externalAudience": "contactsOnly"}
        self.edit("change_mailbox_settings", timeZone="Tokyo Standard Time", automaticRepliesSetting=away)
        self.edit("add_rule", rule=PARTNERS, move_to=["Projects", "2026", "Bridge"])

    def second_day(self) -> None:
        """Changes of state alone, moves of items and folders, an occurrence more that is another one."""
        items = self.items
        self.edit("update_item", item=items["file"], properties={"isRead": False})
        self.edit("update_item", item=items["item"], properties={"flag": {"flagStatus": "complete"}})
        self.edit("update_item", item=items["reference"], categories=["Green"])
        self.edit("update_item", item=items["task"], properties={"status": "completed"})
        cancelled = [*SERIES["cancelledOccurrences"], "OID.2026-04-06"]
        exceptions = [*SERIES["exceptionOccurrences"], {"originalStart": "2026-04-13T09:00:00Z", "subject": "Moved"}]
        series = {"cancelledOccurrences": cancelled, "exceptionOccurrences": exceptions}
        self.edit("update_item", item=items["series"], properties=series)
        items["inline only"] = self.edit("move_item", item=items["inline only"], folder=["Projects", "2027"])
        items["contact"] = self.edit("move_item", item=items["contact"], folder="contacts")
        self.edit("rename_folder", folder=["Projects", "2026"], name="Projects of 2026")
        self.edit("move_folder", folder=["Projects", "2027"], parent="archive")
        self.edit("delete_folder", folder="Same")
        self.edit("add_folder", path="Same")
        self.add("another in Same", plain(50), "Same")
        self.edit("soft_delete_item", item=items.pop("in sentitems"))
        self.edit("delete_item", item=items.pop("nothing"))
        self.edit("add_rule", rule={**PARTNERS, "displayName": "Second", "sequence": 2}, move_to=["Archive", "2027"])
        self.edit("change_mailbox_settings", language={"locale": "fr-FR"}, workingHours={"daysOfWeek": ["sunday"]})

    def third_day(self) -> None:
        """All cursors have expired; a tree is gone, another stands in its place."""
        self.customer.control.set_clock(self.customer.tenant_id, advance_s=400 * 86_400)
        self.edit("delete_folder", folder="Projects")
        self.edit("add_folder", path=["Projects", "Projects of 2026"])
        self.add("in its place", plain(60), ["Projects", "Projects of 2026"])
        self.edit("delete_item", item=self.items.pop("series"))
        self.edit("delete_rule", rule_id=self.edit("rule_ids")["Partners"])
        self.edit("change_mailbox_settings", automaticRepliesSetting={"status": "disabled"})

    def fourth_day(self) -> None:
        """The mailbox is over its quota."""
        self.edit("break_delta")
        self.add("over quota", plain(70), ["Projects", "New"])
        self.edit("update_item", item=self.items["file"], properties={"isRead": True})


def _is_recovered(record: dict[str, Any]) -> bool:
    path = str(record["path" if record["record"] == "folder" else "folder"])
    return path.startswith("Recoverable Items (")


def test_a_mailbox_of_every_kind_comes_back_as_it_was_on_any_day(keen: Service) -> None:
    mailbox = Mailbox(keen.onboard())
    customer = mailbox.customer
    truths: list[tuple[list[str], Any]] = []
    days: list[Callable[[], None]] = [mailbox.fill, mailbox.second_day, mailbox.third_day, mailbox.fourth_day]
    for number, live in enumerate(days, start=1):
        live()
        run = customer.run()
        truths.append(mailbox.truth())
        assert (run["counts"]["failed"], run["counts"]["skipped"]) == (0, 0)
        assert customer.get(f"/resources/{mailbox.id}/snapshots")["snapshots"][0]["seq"] == number
    assert len({json.dumps(truth) for truth in truths}) == len(days)
    since = customer.control.log_position()
    for seq in (1, 3, 2, 4):
        mailbox.destroy()
        restore = customer.restore(mailbox.id, seq=seq, selection={"everything": True}, conflict="replace")
        counts = restore["counts"]
        assert (counts["differs"], counts["failed"], restore["problems"]) == (0, 0, [])
        items, settings = mailbox.truth()
        assert items == truths[seq - 1][0], f"day {seq}"
        assert settings == truths[seq - 1][1], f"day {seq}"
        # What was deleted for good on the second day, from then on.
        assert len(mailbox.recovered()) == (0 if seq == 1 else 1)
    log = [entry for entry in customer.control.log(since) if entry["tenant"] == customer.tenant_id]
    written = {entry["operation"] for entry in log if entry["method"] not in ("GET", "HEAD")}
    assert written <= WRITES, "something else was written, which might send mail or invitations"
    assert not [entry for entry in log if "/chats" in entry["path"]]


def test_what_lives_is_not_touched_by_bringing_one_thing_back(keen: Service) -> None:
    """Of a mailbox in use: one message, one folder and the settings, each alone."""
    mailbox = Mailbox(keen.onboard())
    mailbox.fill()
    customer = mailbox.customer
    customer.run()
    before = mailbox.truth()
    settings_id = next(
        entry["id"]
        for entry in customer.get(f"/resources/{mailbox.id}/snapshots/1/items")["items"]
        if entry["kind"] == "mailbox_settings"
    )
    for rule_id in mailbox.edit("rule_ids").values():
        mailbox.edit("delete_rule", rule_id=rule_id)
    mailbox.edit("change_mailbox_settings", timeZone="UTC")
    mailbox.edit("delete_item", item=mailbox.items["file"])
    assert mailbox.truth() != before

    chosen = {"item_ids": [settings_id]}
    left_alone = customer.restore(mailbox.id, expect="partial", seq=1, selection=chosen)
    assert "replace" in json.dumps(left_alone["problems"])
    customer.restore(mailbox.id, seq=1, selection=chosen, conflict="replace")
    assert mailbox.truth()[1] == before[1]
    customer.restore(mailbox.id, seq=1, selection={"item_ids": [mailbox.items["file"]]})
    assert mailbox.truth() == before
