"""Mailboxes take back what was taken out of them, item by item identical, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared_code.errors import AccessDeniedError, SourceUnavailableError, TargetConflictError
from shared_code.graph.client import GraphClient
from shared_code.graph.mailboxes.settings import SETTINGS_ID
from shared_code.graph.mailboxes.source import MailboxSource
from shared_code.graph.mailboxes.target import MailboxTarget
from shared_code.graph.mailboxes.target_items import SeenItem, StoredItem, difference
from shared_code.model.item import Form, ItemVersion
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import WriteState
from tests.fakes.captured import Captured, capture, states, write_back
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
REPORT = (
    b"From: Grace <grace@example.org>\r\nTo: ada@example.org\r\nSubject: Report\r\n"
    b"Date: Mon, 02 Nov 2026 08:00:00 +0000\r\n"
    b"Message-ID: <report@example.org>\r\nX-Odd: \xff\xfe\r\n\r\nFigures \x00\x01 of the day.\r\n"
)


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


def _message(number: int, body: str = "text") -> bytes:
    return f"From: a@b.example\r\nSubject: Message {number}\r\n\r\n{body} {number}\r\n".encode()


def _fill(tenant: SimulatedTenant) -> None:
    control, tid, user = tenant.control, tenant.id, tenant.user
    control.add_folder(tid, user, ["Inbox", "Prójects / 2026", "..", "😀" * 60])
    control.add_folder(tid, user, "Hidden", hidden=True)
    control.add_message(tid, user, REPORT, read=True, categories=["Red"], flag=True)
    for number in range(30):
        control.add_message(tid, user, _message(number), folder=["Inbox", "Prójects / 2026"], read=number % 2 == 0)
    twin = _message(7, "twin")
    for _ in range(3):
        control.add_message(tid, user, twin, folder=["Inbox", "Prójects / 2026", ".."], received="2026-11-02T08:00:00Z")
    event = {"subject": "Stand-up", "start": {"dateTime": "2026-11-03T09:00:00", "timeZone": "UTC"}}
    control.add_event(tid, user, event, categories=["Blue"], extended={"String {1} Name x": "y"})
    control.add_contact(tid, user, {"displayName": "Grace Hopper", "mobilePhone": "+1 555"})
    control.add_task(tid, user, {"subject": "Pay"})
    control.add_note(tid, user, {"subject": "Remember"})


def _truth(tenant: SimulatedTenant, below: str = "") -> list[str]:
    """Records of the mailbox; those below the folder ``below`` as if they were at the top."""
    found = []
    for record in tenant.control.oracle(tenant.id, tenant.user):
        path = str(record["path" if record["record"] == "folder" else "folder"])
        if below:
            if not path.startswith(f"{below}/"):
                continue
            path = path.removeprefix(f"{below}/")
        record["path" if record["record"] == "folder" else "folder"] = path
        for name in ("well_known", "hidden") if below else ():
            record.pop(name, None)
        found.append(json.dumps(record, sort_keys=True))
    return sorted(found)


def _without(records: list[str], *names: str) -> list[str]:
    found = []
    for text in records:
        record = json.loads(text)
        for name in names:
            record.pop(name, None)
        found.append(json.dumps(record, sort_keys=True))
    return sorted(found)


def _empty(tenant: SimulatedTenant) -> None:
    for folder in tenant.control.folders(tenant.id, tenant.user):
        if folder["well_known"]:
            for item in tenant.control.items(tenant.id, tenant.user, folder["folder"]):
                tenant.control.delete_item(tenant.id, tenant.user, item["item"])
    for folder in tenant.control.folders(tenant.id, tenant.user):
        still_there = {entry["folder"] for entry in tenant.control.folders(tenant.id, tenant.user)}
        if not folder["well_known"] and folder["folder"] in still_there:
            tenant.control.delete_folder(tenant.id, tenant.user, folder["folder"])


async def _captured(client: GraphClient, tenant: SimulatedTenant) -> Captured:
    captured = await capture(MailboxSource(client), tenant.mailbox)
    del captured.versions[SETTINGS_ID]  # test_mailbox_settings.py
    return captured


async def test_an_emptied_mailbox_is_filled_again_identically(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        assert len(_truth(tenant)) < len(before) - 40
        outcomes = await write_back(MailboxTarget(client).open(tenant.mailbox), captured)
    assert states(outcomes) == {WriteState.RESTORED: 38}
    assert _truth(tenant) == before
    assert sum(outcome.written_bytes for outcome in outcomes.values()) > 10_000


async def test_an_untouched_mailbox_is_left_alone_under_every_rule(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        start = tenant.control.log_position()
        for rule in ConflictRule:
            outcomes = await write_back(MailboxTarget(client).open(tenant.mailbox), captured, conflict=rule)
            assert states(outcomes) == {WriteState.EXISTING: 38}
    assert _truth(tenant) == before
    operations = {entry["operation"] for entry in tenant.control.log(start)}
    assert not operations & {"mailbox.import", "mailbox.folders.create"}


async def test_a_second_restore_and_a_replayed_slice_double_nothing(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        target = MailboxTarget(client)
        await write_back(target.open(tenant.mailbox), captured)
        once = _truth(tenant)
        again = await write_back(target.open(tenant.mailbox), captured)
        replayed = await write_back(target.open(tenant.mailbox), captured, tried_before=True)
    assert states(again) == {WriteState.EXISTING: 38}
    assert states(replayed) == {WriteState.RESTORED: 38}
    assert _truth(tenant) == once
    assert len({outcome.target_id for outcome in replayed.values()}) == 38, "two items claim the same one"


async def test_of_equal_items_only_the_missing_ones_come_back(tenant: SimulatedTenant) -> None:
    control = tenant.control
    twins = [control.add_message(tenant.id, tenant.user, REPORT, received="2026-11-02T08:00:00Z") for _ in range(3)]
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        for item in twins[:2]:
            control.delete_item(tenant.id, tenant.user, item)
        # The first of them was written by an attempt whose answer was lost.
        first = await write_back(MailboxTarget(client).open(tenant.mailbox), captured, [captured.versions[twins[0]]])
        outcomes = await write_back(MailboxTarget(client).open(tenant.mailbox), captured, tried_before=True)
    assert states(first) == {WriteState.RESTORED: 1}
    assert outcomes[twins[2]].target_id == twins[2]
    assert len({outcome.target_id for outcome in outcomes.values()}) == 3
    assert _truth(tenant) == before


async def test_into_a_named_folder_leaves_the_rest_alone(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        target = MailboxTarget(client)
        outcomes = await write_back(target.open(tenant.mailbox), captured, into="Restored 😀")
        assert states(outcomes) == {WriteState.RESTORED: 38}
        again = await write_back(target.open(tenant.mailbox), captured, into="Restored 😀")
        assert states(again) == {WriteState.EXISTING: 38}
    assert _truth(tenant, "Restored 😀") == _without(before, "hidden", "well_known")
    assert [record for record in _truth(tenant) if '"Restored' not in record] == before


async def test_another_mailbox_takes_it_too_by_well_known_folders(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    control = tenant.control
    other_tenant = control.create_tenant(secret="s3cret-of-the-test", settings={"language": "de-DE"})["id"]
    person = control.add_user(other_tenant, "Ada")
    other = SimulatedTenant(
        tenant.simulator, other_tenant, person["upn"], person["id"], person["mailbox_id"], person["drive_id"]
    )
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
    async with other.client() as client:
        outcomes = await write_back(MailboxTarget(client).open(other.mailbox), captured)
    assert states(outcomes) == {WriteState.RESTORED: 38}
    folders = {folder["path"]: folder["count"] for folder in control.folders(other.id, other.user)}
    assert folders["Posteingang"] == 1
    assert folders["Kalender"] == 1
    assert folders["Posteingang/Prójects %2F 2026"] == 30
    assert "Inbox" not in folders


class TestChangedSince:
    """An item that lives in its folder and is not what it was."""

    @pytest.fixture
    def tenant(self, tenant: SimulatedTenant) -> SimulatedTenant:
        self.item = tenant.control.add_message(tenant.id, tenant.user, REPORT, read=False)
        self.event = tenant.control.add_event(tenant.id, tenant.user, {"subject": "Before"})
        return tenant

    async def _restore(self, tenant: SimulatedTenant, rule: ConflictRule, **more: Any) -> dict[str, Any]:
        self.before = _truth(tenant)
        async with tenant.client() as client:
            captured = await _captured(client, tenant)
            tenant.control.update_item(tenant.id, tenant.user, self.item, {"isRead": True})
            tenant.control.update_item(tenant.id, tenant.user, self.event, {"subject": "After"})
            self.changed = _truth(tenant)
            target = MailboxTarget(client)
            outcomes = await write_back(target.open(tenant.mailbox), captured, conflict=rule, **more)
            self.after = _truth(tenant)
            again = await write_back(target.open(tenant.mailbox), captured, conflict=rule, tried_before=True)
        assert _truth(tenant) == self.after, "a replay changed something"
        assert len(again) == 2
        return outcomes

    async def test_skip_leaves_it_alone_and_says_so(self, tenant: SimulatedTenant) -> None:
        outcomes = await self._restore(tenant, ConflictRule.SKIP)
        assert states(outcomes) == {WriteState.OCCUPIED: 2}
        assert "changed since" in outcomes[self.item].error
        assert self.after == self.changed

    async def test_keep_both_restores_beside_it(self, tenant: SimulatedTenant) -> None:
        outcomes = await self._restore(tenant, ConflictRule.KEEP_BOTH)
        assert states(outcomes) == {WriteState.RESTORED: 2}
        assert outcomes[self.item].target_id != self.item
        items = [record for record in self.after if '"record": "item"' in record]
        assert items == sorted(record for record in (*self.before, *self.changed) if '"record": "item"' in record)

    async def test_replace_makes_it_what_it_was(self, tenant: SimulatedTenant) -> None:
        outcomes = await self._restore(tenant, ConflictRule.REPLACE)
        assert states(outcomes) == {WriteState.RESTORED: 2}
        assert self.after == self.before


@pytest.mark.parametrize("rule", list(ConflictRule))
async def test_a_moved_item_stays_and_comes_back_only_when_asked(tenant: SimulatedTenant, rule: ConflictRule) -> None:
    item = tenant.control.add_message(tenant.id, tenant.user, REPORT)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        tenant.control.move_item(tenant.id, tenant.user, item, "archive")
        outcomes = await write_back(MailboxTarget(client).open(tenant.mailbox), captured, conflict=rule)
    skipped = rule is ConflictRule.SKIP
    assert outcomes[item].state is (WriteState.OCCUPIED if skipped else WriteState.RESTORED)
    assert ("moved" in outcomes[item].error) is skipped
    assert len(tenant.control.items(tenant.id, tenant.user, "archive")) == 1
    assert len(tenant.control.items(tenant.id, tenant.user, "inbox")) == (0 if skipped else 1)


@pytest.mark.parametrize("rule", list(ConflictRule))
async def test_what_lies_in_deleted_items_counts_as_gone(tenant: SimulatedTenant, rule: ConflictRule) -> None:
    control = tenant.control
    item = control.add_message(tenant.id, tenant.user, REPORT)
    folder = control.add_folder(tenant.id, tenant.user, "Clients")
    inside = control.add_message(tenant.id, tenant.user, _message(1), folder="Clients")
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        control.move_item(tenant.id, tenant.user, item, "deleteditems")
        control.move_folder(tenant.id, tenant.user, "Clients", "deleteditems")
        outcomes = await write_back(MailboxTarget(client).open(tenant.mailbox), captured, conflict=rule)
    assert outcomes[item].state is WriteState.RESTORED
    assert outcomes[inside].state is WriteState.RESTORED
    counts = {entry["path"]: entry["count"] for entry in control.folders(tenant.id, tenant.user)}
    assert (counts["Inbox"], counts["Clients"]) == (1, 1)
    assert (counts["Deleted Items"], counts["Deleted Items/Clients"]) == (1, 1)
    assert folder in {entry["folder"] for entry in control.folders(tenant.id, tenant.user)}


async def test_a_renamed_folder_is_itself_and_a_deleted_one_is_found_by_name(tenant: SimulatedTenant) -> None:
    control = tenant.control
    control.add_message(tenant.id, tenant.user, _message(1), folder="Clients")
    control.add_message(tenant.id, tenant.user, _message(2), folder="Suppliers")
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        for name in ("Clients", "Suppliers"):
            [item] = control.items(tenant.id, tenant.user, name)
            control.delete_item(tenant.id, tenant.user, item["item"])
        control.rename_folder(tenant.id, tenant.user, "Clients", "Customers")
        control.delete_folder(tenant.id, tenant.user, "Suppliers")
        control.add_folder(tenant.id, tenant.user, "SUPPLIERS")
        outcomes = await write_back(MailboxTarget(client).open(tenant.mailbox), captured)
    assert states(outcomes) == {WriteState.RESTORED: 2}
    counts = {entry["path"]: entry["count"] for entry in control.folders(tenant.id, tenant.user)}
    assert (counts["Customers"], counts["SUPPLIERS"]) == (1, 1)
    assert not {"Clients", "Suppliers"} & set(counts)


async def test_a_name_taken_by_a_folder_of_another_kind_is_a_conflict(tenant: SimulatedTenant) -> None:
    control = tenant.control
    control.add_folder(tenant.id, tenant.user, "Plans", folder_type="IPF.Appointment")
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        control.delete_folder(tenant.id, tenant.user, "Plans")
        control.add_folder(tenant.id, tenant.user, "Plans")
        with pytest.raises(TargetConflictError, match="another kind"):
            await MailboxTarget(client).open(tenant.mailbox).folder(captured.named("Plans"), "", True)


async def test_an_import_session_that_ran_out_is_renewed(tenant: SimulatedTenant) -> None:
    first = tenant.control.add_message(tenant.id, tenant.user, _message(1))
    second = tenant.control.add_message(tenant.id, tenant.user, _message(2))
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        for item in (first, second):
            tenant.control.delete_item(tenant.id, tenant.user, item)
        session = MailboxTarget(client).open(tenant.mailbox)
        await write_back(session, captured, [captured.versions[first]])
        tenant.control.set_clock(tenant.id, advance_s=7200)
        outcomes = await write_back(session, captured, [captured.versions[second]])
    assert states(outcomes) == {WriteState.RESTORED: 1}
    assert tenant.control.log_summary()["mailbox.createImportSession"] == {"201": 2}
    assert len(tenant.control.items(tenant.id, tenant.user)) == 2


@pytest.mark.parametrize(
    "action", [{"cut_after_bytes": 0}, {"cut_after_bytes": 20}, {"truncate": 10}], ids=["cut", "cut later", "short"]
)
async def test_an_import_whose_answer_is_lost_is_looked_for_before_it_is_repeated(
    tenant: SimulatedTenant, action: dict[str, int]
) -> None:
    for number in range(6):
        tenant.control.add_message(tenant.id, tenant.user, _message(number))
    tenant.control.add_event(tenant.id, tenant.user, {"subject": "Once"})
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        tenant.control.add_fault(match={"operation": "mailbox.import"}, action=action, times=3)
        outcomes = await write_back(MailboxTarget(client).open(tenant.mailbox), captured)
    assert states(outcomes) == {WriteState.RESTORED: 7}
    assert _truth(tenant) == before


async def test_a_slice_that_breaks_off_goes_on_later_without_doubling(tenant: SimulatedTenant) -> None:
    for number in range(50):
        tenant.control.add_message(tenant.id, tenant.user, _message(number))
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        fault = tenant.control.add_fault(match={"operation": "mailbox.import"}, action={"cut_after_bytes": 0}, skip=15)
        listing = tenant.control.add_fault(match={"operation": "mailbox.items.list"}, action={"status": 503}, skip=1)
        target = MailboxTarget(client)
        with pytest.raises(SourceUnavailableError):
            await write_back(target.open(tenant.mailbox), captured)
        assert 0 < len(tenant.control.items(tenant.id, tenant.user)) < 50
        tenant.control.remove_fault(fault)
        tenant.control.remove_fault(listing)
        outcomes = await write_back(target.open(tenant.mailbox), captured, tried_before=True)
    assert states(outcomes) == {WriteState.RESTORED: 50}
    assert _truth(tenant) == before


async def test_an_item_that_exchange_refuses_fails_alone(tenant: SimulatedTenant) -> None:
    good = tenant.control.add_message(tenant.id, tenant.user, _message(1))
    bad = tenant.control.add_message(tenant.id, tenant.user, _message(2))
    damaged = tenant.control.add_message(tenant.id, tenant.user, _message(3))
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        captured.content[bad, Form.NATIVE] = b"no FastTransfer stream"
        captured.damaged.add(damaged)
        _empty(tenant)
        outcomes = await write_back(MailboxTarget(client).open(tenant.mailbox), captured)
    assert outcomes[good].state is WriteState.RESTORED
    assert outcomes[bad].state is WriteState.FAILED
    assert "ErrorCorruptData" in outcomes[bad].error
    assert outcomes[damaged].state is WriteState.FAILED
    assert "damaged" in outcomes[damaged].error
    assert len(tenant.control.items(tenant.id, tenant.user)) == 1


async def test_a_missing_permission_is_named(tenant: SimulatedTenant) -> None:
    item = tenant.control.add_message(tenant.id, tenant.user, REPORT)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
    tenant.control.delete_item(tenant.id, tenant.user, item)
    roles = ["MailboxItem.Export.All", "MailboxFolder.ReadWrite.All", "Mail.Read"]
    async with tenant.client(roles) as client:
        with pytest.raises(AccessDeniedError) as refused:
            await write_back(MailboxTarget(client).open(tenant.mailbox), captured)
    assert refused.value.permission == "MailboxItem.ImportExport.All"


async def test_at_most_four_imports_are_under_way(tenant: SimulatedTenant) -> None:
    for number in range(20):
        tenant.control.add_message(tenant.id, tenant.user, _message(number))
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        under_way, most = 0, 0
        send = client.send_preauthenticated

        async def counted(*args: Any, **options: Any) -> Any:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            try:
                return await send(*args, **options)
            finally:
                under_way -= 1

        client.send_preauthenticated = counted  # type: ignore[method-assign]
        await write_back(MailboxTarget(client).open(tenant.mailbox), captured)
    assert most == 4


async def test_requests_are_few(tenant: SimulatedTenant) -> None:
    for number in range(100):
        tenant.control.add_message(tenant.id, tenant.user, _message(number))
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        start = tenant.control.log_position()
        await write_back(MailboxTarget(client).open(tenant.mailbox), captured)
        log = [entry for entry in tenant.control.log(start) if not entry["batch"]]
    operations = [entry["operation"] for entry in log]
    assert operations.count("mailbox.import") == 100
    assert operations.count("mailbox.export") <= 10
    assert len(operations) <= 160


async def test_all_the_real_data_comes_back_identically(tenant: SimulatedTenant) -> None:
    if not DATA.is_dir():
        pytest.skip("the real messages, events and contacts are not beside the project")
    control, tid, user = tenant.control, tenant.id, tenant.user
    for path in sorted(DATA.rglob("*.eml")):
        control.load_eml(tid, user, path.read_bytes())
    for path in sorted(DATA.rglob("*.ics")):
        control.load_ics(tid, user, path.read_bytes())
    for path in sorted(DATA.rglob("*.vcf")):
        control.load_vcf(tid, user, path.read_bytes())
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        _empty(tenant)
        outcomes = await write_back(MailboxTarget(client).open(tenant.mailbox), captured)
    assert states(outcomes) == {WriteState.RESTORED: len(captured.items)}
    assert _truth(tenant) == before


class TestDifference:
    """What counts as equal."""

    def _stored(self, tenant_item: ItemVersion, mime: bytes | None) -> StoredItem:
        return StoredItem(tenant_item.change, b"native", b"n", mime)

    @pytest.fixture
    def item(self) -> ItemVersion:
        captured = Captured()
        from shared_code.model.item import Change, ItemKind

        change = Change("a", ItemKind.EVENT, properties={"type": "IPM.Appointment", "categories": ["x", "y"]})
        return captured.add(change, {Form.NATIVE: b"native"})

    def test_mime_decides_where_there_is_one(self, item: ItemVersion) -> None:
        stored = self._stored(item, b"m")
        assert difference(stored, SeenItem(b"other", b"m")) == ""
        assert "MIME differs" in difference(stored, SeenItem(b"n", b"other"))
        assert difference(stored, SeenItem(b"n", None)) == ""

    def test_native_decides_otherwise_and_then_class_and_categories(self, item: ItemVersion) -> None:
        stored = self._stored(item, None)
        same = {"type": "ipm.appointment", "categories": ["y", "x"]}
        assert difference(stored, SeenItem(b"n")) == ""
        assert difference(stored, SeenItem(b"other", None, same)) == ""
        assert "class differs" in difference(stored, SeenItem(b"other", None, {**same, "type": "IPM.Note"}))
        assert "categories differ" in difference(stored, SeenItem(b"other", None, {**same, "categories": []}))
        assert "native form differs" in difference(stored, SeenItem(b"other"))
        assert "not be read again" in difference(stored, SeenItem(None, None, same))


async def test_what_does_not_compare_equal_is_said_to_differ(tenant: SimulatedTenant) -> None:
    item = tenant.control.add_message(tenant.id, tenant.user, REPORT)
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        version = captured.versions[item]
        captured.content[item, Form.READABLE] = REPORT + b"one line more"
        _empty(tenant)
        outcomes = await write_back(MailboxTarget(client).open(tenant.mailbox), captured, [replace(version)])
    assert outcomes[item].state is WriteState.DIFFERS
    assert "MIME differs" in outcomes[item].error


async def test_where_exchange_takes_no_hidden_folder_it_is_made_all_the_same(tenant: SimulatedTenant) -> None:
    control = tenant.control
    control.add_folder(tenant.id, tenant.user, ["Hidden", "Too"], hidden=True)
    control.add_message(tenant.id, tenant.user, REPORT, folder=["Hidden", "Too"])
    async with tenant.client() as client:
        captured = await _captured(client, tenant)
        control.delete_folder(tenant.id, tenant.user, ["Hidden"])
        refused = {"status": 400, "code": "ErrorInvalidProperty"}
        control.add_fault(match={"operation": "mailbox.folders.create"}, action=refused, skip=1, times=1)
        outcomes = await write_back(MailboxTarget(client).open(tenant.mailbox), captured)
    assert states(outcomes) == {WriteState.RESTORED: 1}
    folders = {record["path"]: record for record in control.oracle(tenant.id, tenant.user) if "path" in record}
    assert (folders["Hidden/Too"]["hidden"], folders["Hidden/Too"]["count"]) == (False, 1)
