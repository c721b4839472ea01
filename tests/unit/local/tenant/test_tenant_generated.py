"""Generated tenants: the same from the same seed, almost free, and editable."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Callable
from email import message_from_bytes, policy
from itertools import islice

from local.tenant.drives.drive import Drive
from local.tenant.mailboxes.generated_mail import MailGenerator
from local.tenant.mailboxes.mailbox import Mailbox

from .conftest import World


def test_messages_are_valid_and_of_the_promised_size() -> None:
    generator = MailGenerator("message", "seed", "ada@x.example")
    sizes: list[int] = []
    for index in range(200):
        item = generator.item(index)
        mime = item.mime
        assert mime is not None
        assert item.size_bytes == len(mime) + 640
        message = message_from_bytes(mime, policy=policy.default)
        assert not message.defects
        assert message["Subject"] == item.properties["subject"]
        assert message["Message-ID"] == item.properties["internetMessageId"]
        assert mime == generator.item(index).mime
        sizes.append(len(mime))
    assert 3000 <= min(sizes) < max(sizes) <= 6000


def test_the_same_seed_gives_the_same_tenant(make_world: Callable[..., World]) -> None:
    worlds = [make_world() for _ in range(2)]
    for world in worlds:
        world.control.generate_items(world.tenant, world.key, 20, seed="s")
        world.control.generate_files(world.tenant, world.key, 20, 1000, seed="s", folder_depth=2)
    truths = [
        [{**each, "properties": {**each.get("properties", {}), "toRecipients": None}} for each in world.truth()]
        for world in worlds
    ]
    files = [world.truth("drive") for world in worlds]
    assert files[0] == files[1]
    assert len(truths[0]) == len(truths[1]) > 20
    assert len({each["sha256"] for each in files[0] if each["record"] == "file"}) == 20


def test_edits_overlay_the_generated_state(world: World) -> None:
    control, tenant, key = world.control, world.tenant, world.key
    control.generate_items(tenant, key, 10, seed="s")
    control.generate_files(tenant, key, 10, 100, seed="s", folder_depth=2)
    ids = [item["item"] for item in control.items(tenant, key)]
    _, mail = world.graph.delta(f"{world.mailbox}/folders/inbox/items/delta")
    items, files = world.graph.delta(f"{world.drive}/root/delta")
    control.update_item(tenant, key, ids[1], {"isRead": False})
    control.delete_item(tenant, key, ids[2])
    control.move_item(tenant, key, ids[3], "archive")
    changed = world.graph.delta(mail)[0]
    assert [(each["id"], "@removed" in each) for each in changed] == [(ids[1], False), (ids[2], True), (ids[3], True)]
    folder = world.graph.get(f"{world.mailbox}/folders/inbox").json()
    assert folder["totalItemCount"] == 8
    assert world.graph.get(f"/users/{key}/messages/{ids[2]}").status == 404
    assert world.graph.get(f"/users/{key}/messages/{ids[1]}").json()["isRead"] is False
    inbox = world.graph.get(f"/users/{key}/mailFolders/inbox").json()
    unread = [
        each
        for each in world.graph.get(f"/users/{key}/mailFolders/inbox/messages?$top=50").json()["value"]
        if not each["isRead"]
    ]
    assert inbox["unreadItemCount"] == len(unread)
    paths = [file["path"] for file in control.files(tenant, key) if file["kind"] == "file"]
    control.delete_file(tenant, key, paths[0])
    control.rename_file(tenant, key, paths[1], "renamed.bin")
    control.put_file(tenant, key, paths[2], b"new")
    changes = {change.get("name") for change in world.graph.delta(files)[0]}
    assert changes >= {None, "renamed.bin", paths[2].rpartition("/")[2]}
    again = world.graph.delta(f"{world.drive}/root/delta")[0]
    assert len(again) == len(items) - 1
    counts = {item["name"]: item["folder"]["childCount"] for item in again if "folder" in item}
    actual = {
        item["name"]: sum(each["parentReference"].get("id") == item["id"] for each in again)
        for item in again
        if "folder" in item
    }
    assert counts == actual


def test_generated_trees_count_their_children_right() -> None:
    for depth in (0, 1, 3):
        drive = Drive("t", f"u{depth}", "2026-01-01T00:00:00Z")
        drive.generate(drive.root, 700, 10, depth=depth, compressible=False, seed="s")
        everything = list(drive.subtree(drive.root))
        assert sum(item.kind == "file" for item in everything) == 700
        for item in everything:
            if item.kind == "folder":
                assert drive.child_count(item.number) == sum(1 for _ in drive.children(item.number))
        assert len({drive.path_of(item) for item in everything}) == len(everything)
        assert all(drive.item_number(drive.item_id(item.number)) == item.number for item in everything)


def test_a_huge_mailbox_and_drive_cost_almost_nothing() -> None:
    tracemalloc.start()
    mailbox = Mailbox("t", "u", "a@x.example", "en-US")
    mailbox.generate("message", 200_000, "s")
    drive = Drive("t", "u", "2026-01-01T00:00:00Z")
    drive.generate(drive.root, 1_000, 50_000_000, depth=2, compressible=False, seed="s")
    inbox = mailbox.folders[mailbox.well_known["inbox"]]
    assert inbox.count == 200_000
    assert sum(1 for _ in islice(inbox.feed.entries(150_000), 1000)) == 1000
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 200_000


def test_a_large_generated_file_is_served_from_any_offset(world: World) -> None:
    size = 5 * 2**30
    item = world.control.put_generated_file(world.tenant, world.key, "/huge.bin", size, seed="h")
    shown = world.graph.get(f"{world.drive}/items/{item}").json()
    assert shown["size"] == size
    assert "hashes" not in shown["file"]
    url = shown["@microsoft.graph.downloadUrl"]
    start = 4 * 2**30 + 3
    tail = world.graph.get(url, {"Range": f"bytes={start}-{start + 99_999}"}, signed=False)
    assert tail.status == 206
    again = world.graph.get(url, {"Range": f"bytes={start + 1000}-{start + 1999}"}, signed=False)
    assert again.body == tail.body[1000:2000]


def test_the_hash_of_a_generated_file_is_that_of_its_bytes(world: World) -> None:
    world.control.put_generated_file(world.tenant, world.key, "/a.bin", 1_000_000, seed="a")
    item = world.graph.get(f"{world.drive}/root:/a.bin").json()
    body = world.graph.get(item["@microsoft.graph.downloadUrl"], signed=False).body
    record = world.truth("drive")[0]
    assert record["quick_xor_hash"] == item["file"]["hashes"]["quickXorHash"]
    assert record["sha256"] == hashlib.sha256(body).hexdigest()


def test_unedited_mailboxes_are_forgotten_and_come_back_the_same(world: World) -> None:
    users = world.control.generate(world.tenant, users=1200, messages_per_user=2, files_per_user=1)
    edited = world.control.items(world.tenant, users[1])[0]["item"]
    world.control.update_item(world.tenant, users[1], edited, {"subject": "changed"})
    before = {user: list(world.control.oracle(world.tenant, user)) for user in users[:2]}
    drive = world.graph.get(f"/users/{users[0]}/drive").json()["id"]
    for user in users:
        world.control.edit(world.tenant, "list_folders", user=user)
        world.control.edit(world.tenant, "list_files", user=user)
    assert {user: list(world.control.oracle(world.tenant, user)) for user in users[:2]} == before
    assert world.graph.get(f"/drives/{drive}/root").status == 200
    assert len(world.simulator.state.tenants[world.tenant]._mailboxes) <= 1001
