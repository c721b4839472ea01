"""Settings of a mailbox and the rules of its inbox: read with the changes, told apart by an etag, written back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from shared_code.errors import SourceUnavailableError
from shared_code.graph.batch import BatchAnswer
from shared_code.graph.client import GraphClient
from shared_code.graph.mailboxes.settings import SETTINGS_FEED, SETTINGS_ID
from shared_code.graph.mailboxes.settings_source import MailboxSettingsSource
from shared_code.graph.mailboxes.source import MailboxSource
from shared_code.graph.mailboxes.target import MailboxTarget
from shared_code.model.feed import FetchState
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import WriteState, Written
from tests.fakes.captured import Captured, capture, write_back
from tests.fakes.graph_server import FixedCredential, GraphServer
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

NOW = datetime(2026, 3, 1, tzinfo=UTC)
AWAY = {"status": "alwaysEnabled", "internalReplyMessage": "<p>Away</p>", "externalReplyMessage": "Fort 😀"}
TO_PROJECTS = {
    "displayName": "Partners",
    "sequence": 1,
    "conditions": {"senderContains": ["partner"]},
    "exceptions": {"subjectContains": ["urgent"]},
    "actions": {"markImportance": "low"},
}
NEWS = {
    "displayName": "News",
    "sequence": 2,
    "isEnabled": False,
    "conditions": {"subjectContains": ["news"]},
    "actions": {"delete": True, "stopProcessingRules": True},
}


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
def control(tenant: SimulatedTenant) -> Any:
    return tenant.control


def _fill(tenant: SimulatedTenant) -> None:
    control, tid, user = tenant.control, tenant.id, tenant.user
    control.add_folder(tid, user, ["Projects", "2026"])
    control.change_mailbox_settings(tid, user, timeZone="Tokyo Standard Time", automaticRepliesSetting=AWAY)
    control.change_mailbox_settings(tid, user, workingHours={"startTime": "06:30:00.0000000", "daysOfWeek": ["friday"]})
    control.add_rule(tid, user, TO_PROJECTS, move_to=["Projects", "2026"])
    control.add_rule(tid, user, NEWS)


def _truth(tenant: SimulatedTenant) -> Any:
    return tenant.control.mailbox_settings(tenant.id, tenant.user)


def _spoil(tenant: SimulatedTenant) -> None:
    """Other settings, no rules."""
    control, tid, user = tenant.control, tenant.id, tenant.user
    control.change_mailbox_settings(tid, user, timeZone="UTC", automaticRepliesSetting={"status": "disabled"})
    for rule_id in control.rule_ids(tid, user).values():
        control.delete_rule(tid, user, rule_id)


async def _settings_of(source: MailboxSource, tenant: SimulatedTenant) -> Change:
    page = (await source.poll(tenant.mailbox, {SETTINGS_FEED: None}))[SETTINGS_FEED]
    assert page.finished and page.cursor
    [change] = page.changes
    return change


async def _restored(
    client: GraphClient, tenant: SimulatedTenant, captured: Captured, conflict: ConflictRule, into: str = ""
) -> Written:
    session = MailboxTarget(client).open(tenant.mailbox)
    outcomes = await write_back(session, captured, [captured.versions[SETTINGS_ID]], conflict, into=into)
    return outcomes[SETTINGS_ID]


async def test_they_are_one_item_whose_content_is_what_graph_says(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    async with tenant.client() as client:
        source = MailboxSource(client)
        change = await _settings_of(source, tenant)
        [fetched] = [answer async for answer in source.fetch(tenant.mailbox, [change])]
    assert (change.item_id, change.kind, change.parent_id) == (SETTINGS_ID, ItemKind.MAILBOX_SETTINGS, "")
    assert fetched.state is FetchState.FETCHED
    assert fetched.change.etag == change.etag
    content = json.loads(fetched.forms[Form.NATIVE])
    settings, rules = content["mailboxSettings"], content["messageRules"]
    assert settings["automaticRepliesSetting"]["externalReplyMessage"] == "Fort 😀"
    assert settings["workingHours"]["startTime"] == "06:30:00.0000000"
    assert "userPurpose" not in settings
    assert [rule["displayName"] for rule in rules] == ["Partners", "News"]
    assert "@odata" not in json.dumps(content)


async def test_the_etag_changes_with_every_setting_and_rule_and_with_nothing_else(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    control, tid, user = tenant.control, tenant.id, tenant.user
    seen: set[str] = set()
    async with tenant.client() as client:
        source = MailboxSource(client)

        async def etag() -> str:
            return (await _settings_of(source, tenant)).etag

        first = await etag()
        control.change_user(tid, user, purpose="shared")
        control.add_message(tid, user, b"Subject: x\r\n\r\ny")
        assert await etag() == first
        for change in (
            {"timeZone": "UTC"},
            {"language": {"locale": "fr-FR"}},
            {"automaticRepliesSetting": {"internalReplyMessage": "Back soon"}},
            {"workingHours": {"endTime": "20:00:00.0000000"}},
        ):
            control.change_mailbox_settings(tid, user, **change)
            seen.add(await etag())
        rule_id = control.rule_ids(tid, user)["News"]
        control.change_rule(tid, user, rule_id, {"isEnabled": True})
        seen.add(await etag())
        control.change_rule(tid, user, rule_id, {"sequence": 7})
        seen.add(await etag())
        control.delete_rule(tid, user, rule_id)
        seen.add(await etag())
    assert len(seen | {first}) == 8


async def _drained(source: MailboxSource, tenant: SimulatedTenant, cursors: dict[str, str | None]) -> dict[str, str]:
    """Read feeds to their ends as a backup does, 20 at once, those that folders bring too; their last cursors."""
    waiting, ends = dict(cursors), {}
    while waiting:
        some = dict(list(waiting.items())[:20])
        for feed, page in (await source.poll(tenant.mailbox, some)).items():
            assert page.cursor != some[feed] or page.finished, "a feed stands still"
            waiting[feed] = page.cursor
            if page.finished:
                del waiting[feed]
                ends[feed] = page.cursor or ""
            for change in page.changes:
                if change.opens_feed and change.opens_feed not in ends:
                    waiting.setdefault(change.opens_feed, None)
    return ends


@pytest.mark.parametrize(("folders", "requests"), [(0, 1), (4, 1), (6, 2), (24, 2), (25, 3), (40, 3)])
async def test_an_unchanged_mailbox_costs_as_few_requests_as_its_folders_alone_would(
    tenant: SimulatedTenant, folders: int, requests: int
) -> None:
    for number in range(folders):
        tenant.control.add_folder(tenant.id, tenant.user, f"Folder {number}")
    async with tenant.client() as client:
        cursors = await _drained(MailboxSource(client), tenant, dict.fromkeys(MailboxSource(client).root_feeds()))
        start = tenant.control.log_position()
        again = await _drained(MailboxSource(client), tenant, dict(cursors))
    assert len(cursors) == 12 + folders + 2
    assert again[SETTINGS_FEED] == cursors[SETTINGS_FEED]
    log = tenant.control.log(start)
    sent = [entry["operation"] for entry in log if not entry.get("batch") and entry["operation"] != "token"]
    assert sent == ["batch"] * requests
    asked = [entry["operation"] for entry in log]
    assert asked.count("users.mailboxSettings") == asked.count("messageRules.list") == 1


@pytest.mark.parametrize("status", [400, 403, 500])
async def test_settings_that_cannot_be_read_are_told_and_keep_nothing_else_from_being_read(
    tenant: SimulatedTenant, status: int
) -> None:
    tenant.control.add_fault(match={"operation": "messageRules.list"}, action={"status": status, "code": "No"})
    async with tenant.client() as client:
        pages = await MailboxSource(client).poll(tenant.mailbox, {"folders": None, SETTINGS_FEED: "read"})
    assert pages["folders"].finished and pages["folders"].changes
    assert pages[SETTINGS_FEED].gone and str(status) in pages[SETTINGS_FEED].error


async def test_rules_that_are_no_collection_are_not_taken_for_none() -> None:
    resource = Resource(ResourceKind.MAILBOX, "user-1", "Ann", {"user_id": "user-1"})
    answers = [BatchAnswer(200, {}, {"timeZone": "UTC"}), BatchAnswer(200, {}, {"@odata.context": "rules"})]
    async with (
        GraphServer() as server,
        GraphClient(FixedCredential(10**9), now=lambda: NOW, base_url=server.base_url) as client,
    ):
        with pytest.raises(SourceUnavailableError, match="no collection"):
            await MailboxSettingsSource(client).read(resource, answers)
    assert server.seen == []


async def test_a_mailbox_that_knows_no_rules_has_settings_all_the_same(tenant: SimulatedTenant) -> None:
    tenant.control.add_fault(match={"operation": "messageRules.list"}, action={"status": 404, "code": "NotHere"})
    async with tenant.client() as client:
        captured = await capture(MailboxSource(client), tenant.mailbox)
        assert json.loads(captured.content[SETTINGS_ID, Form.NATIVE])["messageRules"] is None
        outcome = await _restored(client, tenant, captured, ConflictRule.REPLACE)
    assert outcome.state is WriteState.EXISTING


async def test_replace_brings_every_setting_and_rule_back_and_a_second_time_writes_nothing(
    tenant: SimulatedTenant,
) -> None:
    _fill(tenant)
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await capture(MailboxSource(client), tenant.mailbox)
        _spoil(tenant)
        assert _truth(tenant) != before
        outcome = await _restored(client, tenant, captured, ConflictRule.REPLACE)
        assert outcome.state is WriteState.RESTORED
        assert _truth(tenant) == before
        start = tenant.control.log_position()
        again = await _restored(client, tenant, captured, ConflictRule.REPLACE)
    assert again.state is WriteState.EXISTING
    assert {entry["method"] for entry in tenant.control.log(start) if entry["operation"] != "batch"} <= {"GET", "POST"}
    assert not [entry for entry in tenant.control.log(start) if "update" in entry["operation"].lower()]
    assert _truth(tenant) == before


@pytest.mark.parametrize("conflict", [ConflictRule.SKIP, ConflictRule.KEEP_BOTH])
async def test_other_rules_leave_changed_settings_alone_and_say_so_but_make_missing_rules(
    tenant: SimulatedTenant, conflict: ConflictRule
) -> None:
    _fill(tenant)
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await capture(MailboxSource(client), tenant.mailbox)
        _spoil(tenant)
        outcome = await _restored(client, tenant, captured, conflict)
    assert outcome.state is WriteState.OCCUPIED
    assert "replace" in outcome.error
    after = _truth(tenant)
    assert after["settings"]["timeZone"] == "UTC"
    assert after["rules"] == before["rules"]


@pytest.mark.parametrize("conflict", list(ConflictRule))
async def test_a_rule_of_the_same_name_that_was_changed_since(tenant: SimulatedTenant, conflict: ConflictRule) -> None:
    _fill(tenant)
    before = _truth(tenant)
    control, tid, user = tenant.control, tenant.id, tenant.user
    async with tenant.client() as client:
        captured = await capture(MailboxSource(client), tenant.mailbox)
        changed = {"conditions": {"subjectContains": ["offers"]}, "actions": {"markAsRead": True}, "isEnabled": True}
        control.change_rule(tid, user, control.rule_ids(tid, user)["News"], changed)
        own = control.add_rule(tid, user, {**NEWS, "displayName": "Mine", "sequence": 9})
        outcome = await _restored(client, tenant, captured, conflict)
    rules = [rule for rule in _truth(tenant)["rules"] if rule["displayName"] == "News"]
    assert own in control.rule_ids(tid, user).values()
    if conflict is ConflictRule.SKIP:
        assert outcome.state is WriteState.OCCUPIED
        assert [rule["conditions"] for rule in rules] == [changed["conditions"]]
    elif conflict is ConflictRule.KEEP_BOTH:
        assert outcome.state is WriteState.RESTORED
        assert len(rules) == 2
    else:
        assert outcome.state is WriteState.RESTORED
        assert rules == [rule for rule in before["rules"] if rule["displayName"] == "News"]


@pytest.mark.parametrize("conflict", [ConflictRule.SKIP, ConflictRule.REPLACE])
async def test_rules_follow_their_folders_to_where_they_are_now(
    tenant: SimulatedTenant, conflict: ConflictRule
) -> None:
    _fill(tenant)
    control, tid, user = tenant.control, tenant.id, tenant.user
    async with tenant.client() as client:
        captured = await capture(MailboxSource(client), tenant.mailbox)
        control.rename_folder(tid, user, ["Projects"], "Old projects")
        outcome = await _restored(client, tenant, captured, conflict)
        assert outcome.state is WriteState.EXISTING, "a folder that moves takes its rule along"
        assert _truth(tenant)["rules"][0]["actions"]["moveToFolder"] == "Old projects/2026"
        control.delete_folder(tid, user, ["Old projects"])
        assert _truth(tenant)["rules"][0]["actions"]["moveToFolder"] == "(gone)"
        outcome = await _restored(client, tenant, captured, conflict)
        assert outcome.state is WriteState.RESTORED, outcome
        assert _truth(tenant)["rules"][0]["actions"]["moveToFolder"] == "Projects/2026"
        assert len(control.rule_ids(tid, user)) == 2, "the rule was doubled"
        for rule_id in control.rule_ids(tid, user).values():
            control.delete_rule(tid, user, rule_id)
        control.delete_folder(tid, user, ["Projects"])
        outcome = await _restored(client, tenant, captured, conflict)
    assert outcome.state is WriteState.RESTORED
    assert _truth(tenant)["rules"][0]["actions"]["moveToFolder"] == "Projects/2026"


async def test_a_rule_whose_folder_was_gone_already_is_named(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    control, tid, user = tenant.control, tenant.id, tenant.user
    control.delete_folder(tid, user, ["Projects"])
    async with tenant.client() as client:
        captured = await capture(MailboxSource(client), tenant.mailbox)
        untouched = await _restored(client, tenant, captured, ConflictRule.REPLACE)
        _spoil(tenant)
        outcome = await _restored(client, tenant, captured, ConflictRule.REPLACE)
    assert untouched.state is WriteState.EXISTING
    assert outcome.state is WriteState.DIFFERS
    assert "1 rules name folders" in outcome.error
    assert [rule["displayName"] for rule in _truth(tenant)["rules"]] == ["News"]


async def test_they_do_not_go_into_a_folder(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    async with tenant.client() as client:
        captured = await capture(MailboxSource(client), tenant.mailbox)
        same = await _restored(client, tenant, captured, ConflictRule.REPLACE, into="Restored")
        _spoil(tenant)
        after = _truth(tenant)
        other = await _restored(client, tenant, captured, ConflictRule.REPLACE, into="Restored")
    assert (same.state, other.state) == (WriteState.EXISTING, WriteState.OCCUPIED)
    assert "mailbox itself" in other.error
    assert _truth(tenant) == after


async def test_a_rule_that_graph_can_only_read_is_named_when_it_is_missing(tenant: SimulatedTenant) -> None:
    rule = {**NEWS, "displayName": "Client only", "isReadOnly": True}
    rule_id = tenant.control.add_rule(tenant.id, tenant.user, rule)
    async with tenant.client() as client:
        captured = await capture(MailboxSource(client), tenant.mailbox)
        tenant.control.delete_rule(tenant.id, tenant.user, rule_id)
        outcome = await _restored(client, tenant, captured, ConflictRule.REPLACE)
    assert outcome.state is WriteState.DIFFERS
    assert "only read" in outcome.error


async def test_a_missing_permission_is_named_and_mail_comes_back_all_the_same(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    item = tenant.control.add_message(tenant.id, tenant.user, b"Subject: x\r\n\r\ny")
    async with tenant.client() as client:
        captured = await capture(MailboxSource(client), tenant.mailbox)
    _spoil(tenant)
    tenant.control.delete_item(tenant.id, tenant.user, item)
    roles = ["MailboxSettings.Read", "MailboxFolder.ReadWrite.All", "MailboxItem.ImportExport.All", "Mail.Read"]
    async with tenant.client(roles) as client:
        session = MailboxTarget(client).open(tenant.mailbox)
        outcomes = await write_back(session, captured, conflict=ConflictRule.REPLACE)
    assert outcomes[SETTINGS_ID].state is WriteState.FAILED
    assert "MailboxSettings.ReadWrite" in outcomes[SETTINGS_ID].error
    assert outcomes[item].state is WriteState.RESTORED


async def test_many_rules_come_page_by_page_and_keep_their_order(tenant: SimulatedTenant) -> None:
    names = [f"Rule {number}" for number in range(25)]
    for number, name in enumerate(names):
        tenant.control.add_rule(tenant.id, tenant.user, {**NEWS, "displayName": name, "sequence": number + 1})
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await capture(MailboxSource(client), tenant.mailbox)
        _spoil(tenant)
        outcome = await _restored(client, tenant, captured, ConflictRule.REPLACE)
        assert outcome.state is WriteState.RESTORED
        assert (await _restored(client, tenant, captured, ConflictRule.REPLACE)).state is WriteState.EXISTING
    assert _truth(tenant) == before
    assert [rule["displayName"] for rule in before["rules"]] == names


async def test_an_answer_to_a_new_rule_that_is_lost_doubles_nothing(tenant: SimulatedTenant) -> None:
    _fill(tenant)
    before = _truth(tenant)
    async with tenant.client() as client:
        captured = await capture(MailboxSource(client), tenant.mailbox)
        _spoil(tenant)
        tenant.control.add_fault(match={"operation": "messageRules.create"}, action={"cut_after_bytes": 5}, times=1)
        with pytest.raises(SourceUnavailableError):
            await _restored(client, tenant, captured, ConflictRule.REPLACE)
        outcome = await _restored(client, tenant, captured, ConflictRule.REPLACE)
    assert outcome.state in (WriteState.RESTORED, WriteState.EXISTING)
    assert _truth(tenant) == before
