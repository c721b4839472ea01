"""Tokens and app roles."""

from __future__ import annotations

import pytest

from local.tenant.plain_client import PlainClient

from .conftest import SECRET, World


def test_unknown_tenant_app_and_secret_are_worded_as_entra_does(world: World) -> None:
    url = world.simulator.url
    for tenant, secret, app, number, status in (
        ("nobody", SECRET, "backup-app", 90002, 400),
        (world.tenant, "wrong", "backup-app", 7000215, 401),
        (world.tenant, SECRET, "other", 700016, 400),
    ):
        client = PlainClient(url, tenant, secret, app)
        assert client.sign_in.status == status
        assert client.sign_in.json()["error_codes"] == [number]
        assert f"AADSTS{number}" in client.sign_in.json()["error_description"]
        client.close()


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic x"}])
def test_a_missing_or_garbled_token_is_401(world: World, header: dict[str, str]) -> None:
    reply = world.graph.get("/users", header, signed=False)
    assert (reply.status, reply.code) == (401, "InvalidAuthenticationToken")
    assert "www-authenticate" in reply.headers


@pytest.mark.parametrize(
    ("target", "role", "code"),
    [
        ("/users", "User.Read.All", "Authorization_RequestDenied"),
        ("/users/{user}/mailboxSettings", "MailboxSettings.Read", "ErrorAccessDenied"),
        ("{mailbox}/folders", "MailboxFolder.Read.All", "ErrorAccessDenied"),
        ("{mailbox}/folders/inbox/items", "MailboxItem.Read.All", "ErrorAccessDenied"),
        ("/users/{user}/messages", "Mail.Read", "ErrorAccessDenied"),
        ("{drive}/root", "Files.Read.All", "accessDenied"),
    ],
)
def test_one_role_opens_what_needs_it_and_nothing_else_does(world: World, target: str, role: str, code: str) -> None:
    path = target.format(user=world.key, mailbox=world.mailbox, drive=world.drive)
    allowed = world.client_with(role)
    assert allowed.get(path).status == 200
    allowed.close()
    denied = world.client_with("Team.ReadBasic.All")
    reply = denied.get(path)
    assert (reply.status, reply.code) == (403, code)
    assert {"date", "request-id", "client-request-id"} <= set(reply.json()["error"]["innerError"])
    denied.close()


def test_reading_roles_do_not_write(world: World) -> None:
    client = world.client_with("Files.Read.All", "MailboxItem.Export.All", "MailboxFolder.Read.All")
    assert client.post(f"{world.drive}/root/children", {"name": "x", "folder": {}}).status == 403
    assert client.post(f"{world.mailbox}/createImportSession").status == 403
    assert client.post(f"{world.mailbox}/folders", {"displayName": "x"}).status == 403
    client.close()


def test_a_token_speaks_for_its_own_tenant_alone(world: World, make_world: object) -> None:
    other = make_world()  # type: ignore[operator]
    assert world.graph.get(f"/users/{other.key}").status == 404
    assert world.graph.get(f"{other.mailbox}/folders").status == 404
    assert world.graph.get(f"{other.drive}/root").status == 404


def test_chats_are_refused_and_logged(world: World) -> None:
    before = world.control.log_position()
    for path in ("/chats", f"/users/{world.key}/chats", "/chats/1/messages"):
        assert world.graph.get(path).status == 403
    entries = world.control.log(before)
    assert [(entry["operation"], entry["status"]) for entry in entries] == [("chats.refused", 403)] * 3
