"""What a tenant holds, as the directory tells it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from shared_code.errors import AccessDeniedError, SourceUnavailableError, ThrottledError
from shared_code.graph.directory import TenantDirectory
from shared_code.model.census import Known, NotCoveredCause, compare_census
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.run import NotCovered
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


async def test_members_have_mailboxes_and_drives(tenant: SimulatedTenant) -> None:
    control = tenant.control
    shared = control.add_user(tenant.id, "Info", purpose="shared")
    guest = control.add_user(tenant.id, "Guest", guest=True)
    bare = control.add_user(tenant.id, "Service", mailbox=False, drive=False, licensed=False)
    waiting = control.add_user(tenant.id, "Newcomer", mailbox=False, drive=False, licensed=True)
    async with tenant.client() as client:
        census = await TenantDirectory(client).list_resources()
    resources, not_covered = census.resources, census.not_covered
    mailboxes = {each.source_id: each for each in resources if each.kind is ResourceKind.MAILBOX}
    drives = {each.source_id: each for each in resources if each.kind is ResourceKind.DRIVE}
    assert mailboxes[tenant.user_id].attributes == {
        "user_id": tenant.user_id,
        "principal_name": tenant.user,
        "mailbox_id": tenant.mailbox_id,
        "purpose": "user",
    }
    assert mailboxes[tenant.user_id].display_name == "Ada Lovelace"
    assert mailboxes[shared["id"]].attributes["purpose"] == "shared"
    assert drives[tenant.drive_id].attributes == {"user_id": tenant.user_id, "principal_name": tenant.user}
    everyone = {each.attributes["user_id"] for each in resources}
    assert not everyone & {guest["id"], bare["id"], waiting["id"]}
    assert [entry.what for entry in not_covered] == [
        f"drive of {waiting['upn']}",
        f"mailbox of {waiting['upn']}",
    ]
    assert all(entry.cause for entry in not_covered)


async def test_many_people_come_by_pages_and_batches(tenant: SimulatedTenant) -> None:
    tenant.control.generate(tenant.id, users=1100)
    async with tenant.client() as client:
        census = await TenantDirectory(client).list_resources()
        again = await TenantDirectory(client).list_resources()
    resources = census.resources
    assert len([each for each in resources if each.kind is ResourceKind.MAILBOX]) == 1101
    assert len({each.id for each in resources}) == len(resources)
    assert census == again
    assert census.not_covered == ()
    sent = [entry["operation"] for entry in tenant.control.log() if not entry.get("batch")]
    assert sent.count("users.list") == 4
    assert sent.count("batch") == 2 * (167 + 17)


PEOPLE = {"User.Read.All", "MailboxSettings.Read", "Files.Read.All", "Reports.Read.All"}
ROLES = PEOPLE | {"Sites.Read.All", "GroupMember.Read.All"}


async def test_without_the_permission_to_list_users_nothing_is_known(tenant: SimulatedTenant) -> None:
    async with tenant.client(sorted(ROLES - {"User.Read.All"})) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await TenantDirectory(client).list_resources()
    assert caught.value.permission == "User.Read.All"


async def test_both_kinds_refused_are_nothing_known(tenant: SimulatedTenant) -> None:
    async with tenant.client(["User.Read.All"]) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await TenantDirectory(client).list_resources()
    assert caught.value.permission == "MailboxSettings.Read"


@pytest.mark.parametrize(
    ("missing", "hidden", "listed"),
    [
        ("MailboxSettings.Read", ResourceKind.MAILBOX, ResourceKind.DRIVE),
        ("Files.Read.All", ResourceKind.DRIVE, ResourceKind.MAILBOX),
    ],
)
async def test_a_missing_permission_hides_one_kind_and_is_named(
    tenant: SimulatedTenant, missing: str, hidden: ResourceKind, listed: ResourceKind
) -> None:
    tenant.control.add_user(tenant.id, "Ben")
    # Without those for sites: whoever may read all sites may read all drives.
    async with tenant.client(sorted(PEOPLE - {missing})) as client:
        census = await TenantDirectory(client).list_resources()
    assert [entry.kind for entry in census.resources] == [listed] * 2
    [unseen] = [entry for entry in census.unseen if entry.kind in (ResourceKind.MAILBOX, ResourceKind.DRIVE)]
    assert (unseen.kind, unseen.owner) == (hidden, "")
    assert missing in unseen.reason
    assert unseen.hides(tenant.mailbox if hidden is ResourceKind.MAILBOX else tenant.drive)
    assert not unseen.hides(tenant.drive if hidden is ResourceKind.MAILBOX else tenant.mailbox)


async def test_one_locked_drive_is_named_and_hides_nobody_else(tenant: SimulatedTenant) -> None:
    other = tenant.control.add_user(tenant.id, "Ben")
    for status in (403, 423):
        rule = tenant.control.add_fault(
            match={"operation": "users.drive", "path_regex": tenant.user_id}, action={"status": status}
        )
        async with tenant.client() as client:
            census = await TenantDirectory(client).list_resources()
        tenant.control.remove_fault(rule)
        assert [each.source_id for each in census.resources if each.kind is ResourceKind.DRIVE] == [other["drive_id"]]
        assert census.not_covered == (NotCovered(f"drive of {tenant.user}", NotCoveredCause.ACCESS_REFUSED),)
        [unseen] = census.unseen
        assert str(status) in unseen.reason
        assert unseen.hides(tenant.drive)
        assert not unseen.hides(Resource(ResourceKind.DRIVE, "b!x", "Ben", {"user_id": other["id"]}))


async def test_rooms_blocked_and_unlicensed_accounts_are_listed(tenant: SimulatedTenant) -> None:
    control = tenant.control
    purposes = ("shared", "room", "equipment", "linked", "others")
    made = {purpose: control.add_user(tenant.id, purpose, purpose=purpose)["id"] for purpose in purposes}
    blocked = control.add_user(tenant.id, "Blocked", enabled=False)
    unlicensed = control.add_user(tenant.id, "Unlicensed", licensed=False)
    async with tenant.client() as client:
        census = await TenantDirectory(client).list_resources()
    found = {each.source_id: each.attributes.get("purpose") for each in census.resources}
    assert {purpose: found[user_id] for purpose, user_id in made.items()} == {each: each for each in purposes}
    assert {blocked["id"], blocked["drive_id"], unlicensed["id"], unlicensed["drive_id"]} <= set(found)
    assert census.not_covered == ()


async def test_archives_are_named_as_not_covered(tenant: SimulatedTenant) -> None:
    tenant.control.change_user(tenant.id, tenant.user, has_archive=True)
    tenant.control.add_user(tenant.id, "Ben")
    async with tenant.client() as client:
        named = await TenantDirectory(client).list_resources()
        tenant.control.change_settings(tenant.id, conceal_names_in_reports=True)
        counted = await TenantDirectory(client).list_resources()
    async with tenant.client(sorted(ROLES - {"Reports.Read.All"})) as client:
        untold = await TenantDirectory(client).list_resources()
    assert named.not_covered == (NotCovered(f"archive mailbox of {tenant.user}", NotCoveredCause.ARCHIVE),)
    [entry] = counted.not_covered
    assert entry.what.startswith("1 archive mailboxes") and entry.cause == NotCoveredCause.ARCHIVE
    assert untold.not_covered == (NotCovered("archive mailboxes", NotCoveredCause.ARCHIVES_UNTOLD),)
    assert named.resources == counted.resources == untold.resources
    assert not (named.unseen or counted.unseen or untold.unseen)


async def test_a_report_that_cannot_be_had_keeps_nobody_from_their_backup(tenant: SimulatedTenant) -> None:
    tenant.control.add_fault(match={"operation": "reports.*"}, action={"status": 503})
    async with tenant.client() as client:
        census = await TenantDirectory(client).list_resources()
    assert len(census.resources) == 2
    assert [entry.cause for entry in census.not_covered] == [NotCoveredCause.ARCHIVES_UNTOLD]


async def test_a_deleted_account_is_listed_no_more_and_told_of_until_it_comes_back(tenant: SimulatedTenant) -> None:
    gone = tenant.control.add_user(tenant.id, "Ben")
    tenant.control.put_file(tenant.id, gone["id"], "/a.txt", b"abc")
    tenant.control.delete_user(tenant.id, gone["id"])
    async with tenant.client() as client:
        without = await TenantDirectory(client).list_resources()
        tenant.control.restore_user(tenant.id, gone["id"])
        again = await TenantDirectory(client).list_resources()
    assert [user_id for user_id, _ in without.deleted_accounts] == [gone["id"]]
    assert gone["drive_id"] not in {each.source_id for each in without.resources}
    assert again.deleted_accounts == ()
    assert {gone["id"], gone["drive_id"]} <= {each.source_id for each in again.resources}
    assert [entry["path"] for entry in tenant.control.oracle(tenant.id, gone["id"], "drive")] == ["/a.txt"]


@pytest.mark.parametrize(
    ("action", "kind"), [({"status": 503}, SourceUnavailableError), ({"status": 429}, ThrottledError)]
)
async def test_trouble_inside_a_batch_is_no_absence(
    tenant: SimulatedTenant, action: dict[str, int], kind: type[Exception]
) -> None:
    tenant.control.add_fault(match={"operation": "users.drive"}, action=action)
    async with tenant.client() as client:
        with pytest.raises(kind):
            await TenantDirectory(client).list_resources()


async def test_one_locked_site_keeps_nobody_from_their_backup(tenant: SimulatedTenant) -> None:
    locked = tenant.control.add_site(tenant.id, "/sites/locked", "Locked")
    tenant.control.add_site(tenant.id, "/sites/open", "Open")
    for status in (403, 423):
        rule = tenant.control.add_fault(
            match={"operation": "site.subsites", "path_regex": locked.replace(",", ".*")}, action={"status": status}
        )
        async with tenant.client() as client:
            census = await TenantDirectory(client).list_resources()
        tenant.control.remove_fault(rule)
        names = {each.display_name for each in census.resources if each.kind is ResourceKind.SITE}
        assert {"Locked", "Open"} <= names
        assert {each.kind for each in census.resources} >= {ResourceKind.MAILBOX, ResourceKind.DRIVE}
        assert [entry.kind for entry in census.unseen] == [ResourceKind.SITE]


@pytest.mark.parametrize("operation", ["users.list", "site.getAllSites", "groups.list"])
async def test_an_answer_without_a_body_is_no_empty_tenant(tenant: SimulatedTenant, operation: str) -> None:
    tenant.control.add_site(tenant.id, "/sites/open", "Open")
    tenant.control.add_fault(match={"operation": operation}, action={"truncate": True}, times=1)
    async with tenant.client() as client:
        census = await TenantDirectory(client).list_resources()
    assert {each.kind for each in census.resources} == {ResourceKind.MAILBOX, ResourceKind.DRIVE, ResourceKind.SITE}
    tenant.control.add_fault(match={"operation": operation}, action={"truncate": True})
    async with tenant.client() as client:
        with pytest.raises(SourceUnavailableError):
            await TenantDirectory(client).list_resources()


async def test_an_archived_site_has_not_departed(tenant: SimulatedTenant) -> None:
    site = tenant.control.add_site(tenant.id, "/sites/old", "Old")
    tenant.control.add_site(tenant.id, "/sites/open", "Open")
    async with tenant.client() as client:
        before = await TenantDirectory(client).list_resources()
        tenant.control.change_site(tenant.id, site, archive_status="fullyArchived")
        after = await TenantDirectory(client).list_resources()
    known = [Known(each, 1, datetime(2026, 3, 1, tzinfo=UTC)) for each in before.resources]
    assert len(after.resources) == len(before.resources) - 1
    assert compare_census(after, known).departed == ()
