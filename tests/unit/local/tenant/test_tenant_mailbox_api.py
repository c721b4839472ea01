"""Folders, delta, export and import of mailboxes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import quote

import pytest

from .conftest import World

MIME = (
    b"From: a@x.example\r\nSubject: =?utf-8?q?=C3=A4?=\r\nDate: Mon, 5 Jan 2026 10:00:00 +0000\r\n\r\nbody \xff\x00\r\n"
)


def test_the_tree_is_in_the_folder_delta_with_hidden_folders(make_world: Callable[..., World]) -> None:
    world = make_world(language="de-DE")
    nested = world.control.add_folder(world.tenant, world.key, "inbox/A/B", hidden=True)
    folders, link = world.graph.delta(f"{world.mailbox}/folders/delta")
    by_id = {folder["id"]: folder for folder in folders}
    root = world.graph.get(f"{world.mailbox}/folders/msgfolderroot").json()
    assert {f["displayName"] for f in folders} >= {"Posteingang", "Aufgezeichnete Unterhaltungen", "Kalender"}
    assert all(folder["parentFolderId"] in by_id or folder["parentFolderId"] == root["id"] for folder in folders)
    assert by_id[nested]["displayName"] == "B"
    kinds = {"IPF.Note", "IPF.Appointment", "IPF.Contact", "IPF.Task", "IPF.StickyNote"}
    assert {folder["type"] for folder in folders} == kinds
    inbox = world.graph.get(f"/users/{world.key}/mailFolders/inbox").json()
    assert by_id[inbox["id"]]["displayName"] == "Posteingang"
    world.control.rename_folder(world.tenant, world.key, "inbox/A", "Z")
    world.control.delete_folder(world.tenant, world.key, nested)
    changes, _ = world.graph.delta(link)
    assert [change.get("displayName") for change in changes] == ["Z", None]
    assert changes[1] == {"id": nested, "@removed": {"reason": "deleted"}}


def test_mail_folders_show_the_top_level_and_hidden_ones_on_request(world: World) -> None:
    world.control.add_folder(world.tenant, world.key, "inbox/Sub")
    plain = world.graph.get(f"/users/{world.key}/mailFolders?$top=100").json()["value"]
    hidden = world.graph.get(f"/users/{world.key}/mailFolders?$top=100&includeHiddenFolders=true").json()["value"]
    assert "Sub" not in {folder["displayName"] for folder in plain}
    assert {f["displayName"] for f in hidden} - {f["displayName"] for f in plain} == {"Conversation History"}


def test_item_delta_tells_additions_changes_moves_and_deletions(world: World) -> None:
    control, tenant, key = world.control, world.tenant, world.key
    ids = [control.add_message(tenant, key, MIME) for _ in range(5)]
    feed = f"{world.mailbox}/folders/inbox/items/delta"
    pages = list(world.graph.pages(f"{feed}?$top=2&$select=type,size"))
    assert [len(page["value"]) for page in pages] == [2, 2, 1]
    assert set(pages[0]["value"][0]) == {"@odata.etag", "id", "type", "size"}
    link = pages[-1]["@odata.deltaLink"]
    assert world.graph.delta(link)[0] == []
    before = world.graph.get(f"{world.mailbox}/folders/inbox/items/{ids[0]}").json()
    control.update_item(tenant, key, ids[0], {"isRead": True})
    assert control.move_item(tenant, key, ids[1], "archive") == ids[1]
    control.delete_item(tenant, key, ids[2])
    arrived = control.add_message(tenant, key, MIME)
    passing = control.add_message(tenant, key, MIME)
    control.delete_item(tenant, key, passing)
    changes, _ = world.graph.delta(link)
    assert [change["id"] for change in changes] == [ids[0], ids[1], ids[2], arrived]
    assert [change.get("@removed") for change in changes] == [None, {"reason": "deleted"}, {"reason": "deleted"}, None]
    after = world.graph.get(f"{world.mailbox}/folders/inbox/items/{ids[0]}").json()
    assert after["changeKey"] != before["changeKey"]
    assert after["@odata.etag"] == f'W/"{after["changeKey"]}"'
    moved = world.graph.delta(f"{world.mailbox}/folders/archive/items/delta")[0]
    assert [item["id"] for item in moved] == [ids[1]]


def test_page_size_by_preference(world: World) -> None:
    world.control.generate_items(world.tenant, world.key, 7)
    reply = world.graph.get(f"{world.mailbox}/folders/inbox/items/delta", {"Prefer": "odata.maxpagesize=3"})
    assert len(reply.json()["value"]) == 3
    assert reply.headers["preference-applied"] == "odata.maxpagesize=3"


def test_moved_items_get_new_ids_where_the_tenant_says_so(make_world: Callable[..., World]) -> None:
    world = make_world(ids_change_on_move=True)
    item = world.control.add_message(world.tenant, world.key, MIME)
    moved = world.control.move_item(world.tenant, world.key, item, "archive")
    assert moved != item
    assert world.graph.get(f"/users/{world.key}/messages/{item}").status == 404
    assert world.graph.get(f"/users/{world.key}/messages/{moved}").status == 200


@pytest.mark.parametrize("status", [410, 400])
def test_old_cursors_expire_by_the_tenants_clock(make_world: Callable[..., World], status: int) -> None:
    world = make_world(outlook_expired_status=status)
    _, link = world.graph.delta(f"{world.mailbox}/folders/inbox/items/delta")
    world.control.set_clock(world.tenant, advance_s=29 * 86_400)
    assert world.graph.get(link).status == 200
    world.control.set_clock(world.tenant, advance_s=2 * 86_400)
    reply = world.graph.get(link)
    assert (reply.status, reply.code) == (status, "syncStateNotFound")
    assert world.graph.get(f"{world.mailbox}/folders/inbox/items/delta").status == 200


def test_cursors_belong_to_their_feed(world: World) -> None:
    _, link = world.graph.delta(f"{world.mailbox}/folders/inbox/items/delta")
    token = link.partition("deltatoken=")[2]
    assert world.graph.get(f"{world.mailbox}/folders/drafts/items/delta?$deltatoken={token}").status == 400
    assert world.graph.get(f"{world.mailbox}/folders/inbox/items/delta?$deltatoken={token[:-1]}").status == 400


def test_an_imported_item_equals_the_exported_one(world: World) -> None:
    control, tenant, key = world.control, world.tenant, world.key
    extended = {"String {00020329-0000-0000-C000-000000000046} Name x": "y"}
    ids = [
        control.add_message(tenant, key, MIME, read=True, categories=["Red"], flag=True, extended=extended),
        control.add_event(
            tenant, key, {"subject": "E", "start": {"dateTime": "2026-01-01T00:00:00", "timeZone": "UTC"}}
        ),
        control.add_contact(tenant, key, {"displayName": "C"}),
        control.add_task(tenant, key, {"subject": "T", "percentComplete": 50}),
        control.add_note(tenant, key, {"subject": "N"}),
    ]
    control.update_item(tenant, key, ids[0], {"isRead": False})
    before = [record for record in world.truth() if record["record"] == "item"]
    exported = world.graph.post(f"{world.mailbox}/exportItems", {"itemIds": ids}).json()["value"]
    again = world.graph.post(f"{world.mailbox}/exportItems", {"itemIds": ids}).json()["value"]
    assert exported == again
    session = world.graph.post(f"{world.mailbox}/createImportSession")
    assert session.status == 201
    for item, value, folder in zip(ids, exported, ("inbox", "calendar", "contacts", "tasks", "notes"), strict=True):
        control.delete_item(tenant, key, item)
        body = {"FolderId": folder, "Mode": "create", "Data": value["data"]}
        reply = world.graph.post(session.json()["importUrl"], body, signed=False)
        assert reply.status == 200
        assert reply.json()["itemId"] != item
    assert [record for record in world.truth() if record["record"] == "item"] == before


def test_update_mode_needs_the_current_change_key(world: World) -> None:
    control, tenant, key = world.control, world.tenant, world.key
    item = control.add_message(tenant, key, MIME)
    exported = world.graph.post(f"{world.mailbox}/exportItems", {"itemIds": [item]}).json()["value"][0]
    changed = control.update_item(tenant, key, item, {"isRead": True})
    url = world.graph.post(f"{world.mailbox}/createImportSession").json()["importUrl"]
    body = {
        "FolderId": "inbox",
        "Mode": "update",
        "Data": exported["data"],
        "ItemId": item,
        "ChangeKey": exported["changeKey"],
    }
    assert world.graph.post(url, body, signed=False).code == "ErrorIrresolvableConflict"
    body["ChangeKey"] = changed["change_key"]
    assert world.graph.post(url, body, signed=False).json()["itemId"] == item
    assert world.graph.get(f"/users/{world.key}/messages/{item}").json()["isRead"] is False
    body["Mode"] = "create"
    assert world.graph.post(url, body, signed=False).status == 400


def test_import_sessions_expire_and_damaged_data_is_refused(world: World) -> None:
    item = world.control.add_message(world.tenant, world.key, MIME)
    data = world.graph.post(f"{world.mailbox}/exportItems", {"itemIds": [item]}).json()["value"][0]["data"]
    url = world.graph.post(f"{world.mailbox}/createImportSession").json()["importUrl"]
    damaged = bytearray(base64.b64decode(data))
    damaged[-1] ^= 1
    body = {"FolderId": "inbox", "Mode": "create", "Data": base64.b64encode(damaged).decode()}
    assert world.graph.post(url, body, signed=False).code == "ErrorCorruptData"
    body["Data"] = data
    assert world.graph.post(url[:-2] + "AA", body, signed=False).status == 401
    world.control.set_clock(world.tenant, advance_s=3601)
    assert world.graph.post(url, body, signed=False).status == 401


def test_export_limits_and_broken_items(world: World) -> None:
    ids = [world.control.add_message(world.tenant, world.key, MIME) for _ in range(2)]
    world.control.break_export(world.tenant, world.key, ids[0])
    values = world.graph.post(f"{world.mailbox}/exportItems", {"itemIds": [*ids, "gone"]}).json()["value"]
    assert [value.get("error", {}).get("code") for value in values] == ["ErrorItemCorrupt", None, "ErrorItemNotFound"]
    assert world.graph.post(f"{world.mailbox}/exportItems", {"itemIds": ["x"] * 21}).status == 400
    assert world.graph.post(f"{world.mailbox}/exportItems", {}).status == 400


def test_mime_is_byte_identical_and_properties_are_readable(world: World) -> None:
    item = world.control.add_message(world.tenant, world.key, MIME)
    reply = world.graph.get(f"/users/{world.key}/messages/{item}/$value", {"Prefer": 'IdType="ImmutableId"'})
    assert reply.body == MIME
    assert reply.headers["preference-applied"] == 'IdType="ImmutableId"'
    message = world.graph.get(f"/users/{world.key}/messages/{item}").json()
    assert message["subject"] == "ä"
    assert message["receivedDateTime"] == "2026-01-05T10:00:00Z"
    assert world.graph.get(f"/users/{world.key}/events/{item}").status == 404


def test_extended_properties_are_expanded(world: World) -> None:
    name = "String {00020329-0000-0000-C000-000000000046} Name it's"
    item = world.control.add_message(world.tenant, world.key, MIME, read=True, extended={name: "v"})
    wanted = name.replace("'", "''")
    expand = quote(f"singleValueExtendedProperties($filter=id eq '{wanted}' or id eq 'Integer 0x0E07')")
    reply = world.graph.get(f"{world.mailbox}/folders/inbox/items?$expand={expand}").json()["value"][0]
    assert reply["id"] == item
    assert reply["singleValueExtendedProperties"] == [
        {"id": name, "value": "v"},
        {"id": "Integer 0x0E07", "value": "1"},
    ]
    assert world.graph.get(f"{world.mailbox}/folders/inbox/items?$expand=nonsense").status == 400


def test_folder_conflicts_and_distinguished_folders(world: World) -> None:
    assert world.graph.post(f"{world.mailbox}/folders", {"displayName": "INBOX"}).code == "ErrorFolderExists"
    assert world.graph.send("DELETE", f"{world.mailbox}/folders/inbox").status == 400
    made = world.graph.post(f"{world.mailbox}/folders/inbox/childFolders", {"displayName": "x", "type": "IPF.Note"})
    assert made.status == 201
    assert world.graph.send("DELETE", f"{world.mailbox}/folders/{made.json()['id']}").status == 204
    assert world.graph.get(f"{world.mailbox}/folders/{made.json()['id']}").status == 404


def test_lists_are_paged_by_skip(world: World) -> None:
    world.control.generate_items(world.tenant, world.key, 25)
    pages = list(world.graph.pages(f"{world.mailbox}/folders/inbox/items?$count=true"))
    assert [len(page["value"]) for page in pages] == [10, 10, 5]
    assert pages[0]["@odata.count"] == 25
    assert len({item["id"] for page in pages for item in page["value"]}) == 25


def test_tasks_and_notes_have_no_readable_form(world: World) -> None:
    for item in (
        world.control.add_task(world.tenant, world.key, {"subject": "T"}),
        world.control.add_note(world.tenant, world.key, {"subject": "N"}),
    ):
        for kind in ("messages", "events", "contacts"):
            assert world.graph.get(f"/users/{world.key}/{kind}/{item}").status == 404
