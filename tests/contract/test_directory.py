"""What a tenant holds, as the directory tells it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared_code.errors import AccessDeniedError, SourceUnavailableError, ThrottledError
from shared_code.graph.directory import TenantDirectory
from shared_code.model.resource import ResourceKind
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
        resources, not_covered = await TenantDirectory(client).list_resources()
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
        resources, not_covered = await TenantDirectory(client).list_resources()
        again, _ = await TenantDirectory(client).list_resources()
    assert len([each for each in resources if each.kind is ResourceKind.MAILBOX]) == 1101
    assert len({each.id for each in resources}) == len(resources)
    assert resources == again
    assert not_covered == ()
    sent = [entry["operation"] for entry in tenant.control.log() if not entry.get("batch")]
    assert sent.count("users.list") == 4
    assert sent.count("batch") == 2 * (167 + 17)


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("User.Read.All", "User.Read.All"),
        ("MailboxSettings.Read", "MailboxSettings.Read"),
        ("Files.Read.All", "Files.Read.All"),
    ],
)
async def test_a_missing_permission_is_named_and_nobody_is_taken_for_gone(
    tenant: SimulatedTenant, missing: str, named: str
) -> None:
    roles = {"User.Read.All", "MailboxSettings.Read", "Files.Read.All"} - {missing}
    async with tenant.client(sorted(roles)) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await TenantDirectory(client).list_resources()
    assert caught.value.permission == named


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
