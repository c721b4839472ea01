"""Files: delta, downloads, uploads, conflicts, names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from urllib.parse import quote

import pytest

from local.tenant.drives.quick_xor import quick_xor_base64
from local.tenant.plain_client import Reply

from .conftest import World

STEP = 320 * 1024
URL = "@microsoft.graph.downloadUrl"


def _put(world: World, name: str, data: bytes, query: str = "") -> Reply:
    return world.graph.send("PUT", f"{world.drive}/items/root:/{quote(name, safe='')}:/content{query}", data)


def _session(world: World, name: str, behaviour: str = "fail") -> Reply:
    body = {"item": {"@microsoft.graph.conflictBehavior": behaviour}}
    return world.graph.post(f"{world.drive}/items/root:/{quote(name, safe='')}:/createUploadSession", body)


def _fragment(world: World, url: str, data: bytes, start: int, total: int) -> Reply:
    header = {"Content-Range": f"bytes {start}-{start + len(data) - 1}/{total}"}
    return world.graph.send("PUT", url, data, header, signed=False)


def test_delta_tells_the_tree_and_its_changes(make_world: Callable[..., World]) -> None:
    world = make_world(drive_delta_includes_parents=False)
    control, tenant, key = world.control, world.tenant, world.key
    control.put_file(tenant, key, "/Docs/Deep/a.txt", b"a")
    control.put_file(tenant, key, "/Docs/b.txt", b"b")
    pages = list(world.graph.pages(f"{world.drive}/root/delta()?$top=2"))
    items = [item for page in pages for item in page["value"]]
    assert {item["name"] for item in items} == {"root", "Docs", "Deep", "a.txt", "b.txt"}
    assert "root" in items[0]
    assert all("path" not in item["parentReference"] for item in items)
    by_name = {item["name"]: item for item in items}
    assert by_name["a.txt"]["parentReference"]["id"] == by_name["Deep"]["id"]
    assert by_name["a.txt"]["file"]["hashes"]["quickXorHash"] == quick_xor_base64(b"a")
    assert by_name["Docs"]["folder"]["childCount"] == 2
    link = pages[-1]["@odata.deltaLink"]
    control.put_file(tenant, key, "/Docs/b.txt", b"bb")
    control.rename_file(tenant, key, "/Docs/Deep/a.txt", "c.txt")
    control.delete_file(tenant, key, "/Docs/Deep")
    changes, _ = world.graph.delta(link)
    assert [change.get("name") for change in changes] == ["b.txt", None, None]
    assert {c["id"] for c in changes if "deleted" in c} == {by_name["a.txt"]["id"], by_name["Deep"]["id"]}
    assert changes[0]["cTag"] != by_name["b.txt"]["cTag"]


def test_tags_tell_content_from_other_changes(world: World) -> None:
    first = _put(world, "a.txt", b"a").json()
    renamed = world.graph.send("PATCH", f"{world.drive}/items/{first['id']}", {"name": "b.txt"}).json()
    rewritten = _put(world, "b.txt", b"b").json()
    assert renamed["cTag"] == first["cTag"]
    assert renamed["eTag"] != first["eTag"]
    assert rewritten["cTag"] != renamed["cTag"]
    assert rewritten["id"] == first["id"]


def test_parents_of_changes_are_in_delta_unless_excluded(world: World) -> None:
    world.control.put_file(world.tenant, world.key, "/A/B/c.txt", b"1")
    _, link = world.graph.delta(f"{world.drive}/root/delta")
    world.control.put_file(world.tenant, world.key, "/A/B/c.txt", b"2")
    assert [item["name"] for item in world.graph.delta(link)[0]] == ["B", "A", "root", "c.txt"]
    reply = world.graph.get(link, {"deltaExcludeParent": "true"})
    assert [item["name"] for item in reply.json()["value"]] == ["c.txt"]


def test_latest_token_expiry_and_resync(world: World) -> None:
    world.control.put_file(world.tenant, world.key, "/a.txt", b"a")
    latest = world.graph.get(f"{world.drive}/root/delta?token=latest").json()
    assert latest["value"] == []
    link = latest["@odata.deltaLink"]
    assert world.graph.delta(link)[0] == []
    assert world.graph.get(link[:-3] + "abc").status == 400
    world.control.set_clock(world.tenant, advance_s=31 * 86_400)
    reply = world.graph.get(link)
    assert (reply.status, reply.code) == (410, "resyncRequired")
    assert reply.json()["error"]["innerError"]["code"] == "resyncChangesApplyDifferences"
    fresh, _ = world.graph.delta(reply.headers["location"])
    assert {item["name"] for item in fresh} == {"root", "a.txt"}


def test_duplicates_and_children_first_by_setting(make_world: Callable[..., World]) -> None:
    world = make_world(drive_delta_duplicates=True, drive_delta_children_first=True)
    world.control.put_file(world.tenant, world.key, "/A/b.txt", b"1")
    items, _ = world.graph.delta(f"{world.drive}/root/delta")
    assert [item["name"] for item in items] == ["b.txt", "A", "root", "b.txt"]


def test_download_urls_ranges_and_expiry(world: World) -> None:
    data = bytes(range(256)) * 20
    item = _put(world, "a.bin", data).json()
    redirect = world.graph.get(f"{world.drive}/items/{item['id']}/content")
    assert redirect.status == 302
    url = redirect.headers["location"]
    assert world.graph.get(url, signed=False).body == data
    ranges = {"bytes=0-0": (0, 1), "bytes=100-199": (100, 200), "bytes=5000-": (5000, 5120), "bytes=-7": (5113, 5120)}
    for header, (start, end) in ranges.items():
        reply = world.graph.get(url, {"Range": header}, signed=False)
        assert (reply.status, reply.body) == (206, data[start:end])
        assert reply.headers["content-range"] == f"bytes {start}-{end - 1}/5120"
    assert world.graph.get(url, {"Range": "bytes=5120-"}, signed=False).status == 416
    assert world.graph.get(url[:-4] + "AAAA", signed=False).status == 401
    selected = world.graph.get(f"{world.drive}/items/{item['id']}?$select=name,content.downloadUrl").json()
    assert set(selected) == {"@odata.context", "id", "name", URL}
    world.control.set_clock(world.tenant, advance_s=3601)
    assert world.graph.get(url, signed=False).status == 401
    fresh = world.graph.get(f"{world.drive}/items/{item['id']}").json()[URL]
    assert world.graph.get(fresh, signed=False).body == data
    world.control.delete_file(world.tenant, world.key, "/a.bin")
    assert world.graph.get(fresh, signed=False).status == 404


def test_an_upload_session_takes_fragments_in_order(world: World) -> None:
    data = hashlib.shake_256(b"x").digest(STEP * 2 + 5)
    info = {"createdDateTime": "2020-01-01T00:00:00Z", "lastModifiedDateTime": "2021-01-01T00:00:00Z"}
    body = {"item": {"@microsoft.graph.conflictBehavior": "fail", "fileSystemInfo": info}}
    url = world.graph.post(f"{world.drive}/root:/up.bin:/createUploadSession", body).json()["uploadUrl"]
    total = len(data)
    assert _fragment(world, url, data[:100], 0, total).status == 400
    first = _fragment(world, url, data[:STEP], 0, total)
    assert (first.status, first.json()["nextExpectedRanges"]) == (202, [f"{STEP}-{total - 1}"])
    assert _fragment(world, url, data[:STEP], 0, total).status == 416
    assert _fragment(world, url, data[STEP * 2 :], STEP * 2, total).status == 416
    assert _fragment(world, url, data[STEP : STEP * 2], STEP, total + 1).status == 400
    assert world.graph.get(url, signed=False).json()["nextExpectedRanges"] == [f"{STEP}-{total - 1}"]
    assert _fragment(world, url, data[STEP : STEP * 2], STEP, total).status == 202
    last = _fragment(world, url, data[STEP * 2 :], STEP * 2, total)
    assert last.status == 201
    item = last.json()
    assert item["file"]["hashes"]["quickXorHash"] == quick_xor_base64(data)
    assert item["fileSystemInfo"] == info
    assert world.graph.get(item[URL], signed=False).body == data
    assert world.graph.get(url, signed=False).status == 404


def test_large_uploads_go_through_the_spool(world: World) -> None:
    data = hashlib.shake_256(b"y").digest(STEP * 30 + 1)
    url = _session(world, "big.bin").json()["uploadUrl"]
    for start in range(0, len(data), STEP * 10):
        reply = _fragment(world, url, data[start : start + STEP * 10], start, len(data))
    assert reply.status == 201
    record = next(each for each in world.truth("drive") if each["path"] == "/big.bin")
    assert record["sha256"] == hashlib.sha256(data).hexdigest()


def test_upload_sessions_can_be_cancelled_and_expire(world: World) -> None:
    url = _session(world, "a.bin").json()["uploadUrl"]
    assert world.graph.send("DELETE", url, signed=False).status == 204
    assert _fragment(world, url, b"x", 0, 1).status == 404
    url = _session(world, "a.bin").json()["uploadUrl"]
    world.control.set_clock(world.tenant, advance_s=86_401)
    assert _fragment(world, url, b"x", 0, 1).status == 404


def test_conflict_behaviour_of_uploads(world: World) -> None:
    original = _put(world, "a.txt", b"1").json()
    assert _session(world, "A.TXT").code == "nameAlreadyExists"
    replaced = _fragment(world, _session(world, "A.txt", "replace").json()["uploadUrl"], b"2", 0, 1)
    assert (replaced.status, replaced.json()["id"]) == (200, original["id"])
    renamed = _fragment(world, _session(world, "a.txt", "rename").json()["uploadUrl"], b"3", 0, 1)
    assert (renamed.status, renamed.json()["name"]) == (201, "a 1.txt")
    late = _session(world, "late.txt").json()["uploadUrl"]
    _put(world, "late.txt", b"4")
    assert _fragment(world, late, b"5", 0, 1).status == 409
    assert _put(world, "a.txt", b"6", "?@microsoft.graph.conflictBehavior=fail").status == 409
    assert _put(world, "a.txt", b"6", "?@microsoft.graph.conflictBehavior=rename").json()["name"] == "a 2.txt"


def test_conflict_behaviour_of_folders(world: World) -> None:
    children = f"{world.drive}/root/children"
    first = world.graph.post(children, {"name": "Docs", "folder": {}})
    assert first.status == 201
    assert world.graph.post(children, {"name": "docs", "folder": {}}).code == "nameAlreadyExists"
    body = {"name": "Docs", "folder": {}, "@microsoft.graph.conflictBehavior": "replace"}
    assert world.graph.post(children, body).json()["id"] == first.json()["id"]
    body["@microsoft.graph.conflictBehavior"] = "rename"
    assert world.graph.post(children, body).json()["name"] == "Docs 1"


@pytest.mark.parametrize("name", ["😀 ✓.txt", "a..b", "100%.txt", "a+b&c=d.txt", "#hash.txt", "ü" * 200, "a 'b'.txt"])
def test_names_that_sharepoint_takes(world: World, name: str) -> None:
    made = _put(world, name, b"x")
    assert (made.status, made.json()["name"]) == (201, name)
    again = world.graph.get(f"{world.drive}/root:/{quote(name, safe='')}")
    assert again.json()["id"] == made.json()["id"]


@pytest.mark.parametrize("name", ['a"b', "a*b", "a<b", "a|b", "..", "CON", "a.", "x" * 256, "a\tb", "~$x", "_vti_x"])
def test_names_that_sharepoint_refuses_can_be_in_the_tenant_all_the_same(world: World, name: str) -> None:
    reply = world.graph.post(f"{world.drive}/root/children", {"name": name, "folder": {}})
    assert (reply.status, reply.code) == (400, "invalidRequest")
    item = world.control.put_file(world.tenant, world.key, [name], b"x")
    assert world.graph.get(f"{world.drive}/items/{item}").json()["name"] == name


def test_moves_and_renames(world: World) -> None:
    folder = world.graph.post(f"{world.drive}/root/children", {"name": "F", "folder": {}}).json()
    inner = world.graph.post(f"{world.drive}/items/{folder['id']}/children", {"name": "G", "folder": {}}).json()
    item = _put(world, "a.txt", b"x").json()
    body = {"parentReference": {"id": inner["id"]}, "name": "b.txt"}
    moved = world.graph.send("PATCH", f"{world.drive}/items/{item['id']}", body).json()
    assert moved["parentReference"]["path"].endswith("/root:/F/G")
    below = {"parentReference": {"id": inner["id"]}}
    assert world.graph.send("PATCH", f"{world.drive}/items/{folder['id']}", below).status == 400
    stale = world.graph.send("PATCH", f"{world.drive}/items/{item['id']}", {"name": "c"}, {"If-Match": item["eTag"]})
    assert stale.status == 412
    assert world.graph.send("DELETE", f"{world.drive}/items/{folder['id']}").status == 204
    assert world.graph.get(f"{world.drive}/items/{item['id']}").status == 404


def test_malware_and_packages(world: World) -> None:
    item = world.control.put_file(world.tenant, world.key, "/bad.exe", b"x")
    url = world.graph.get(f"{world.drive}/items/{item}").json()[URL]
    world.control.mark_malware(world.tenant, world.key, "/bad.exe")
    assert world.graph.get(f"{world.drive}/items/{item}").json()["malware"]
    assert world.graph.get(f"{world.drive}/items/{item}/content").status == 403
    assert world.graph.get(url, signed=False).status == 403
    notebook = world.control.put_file(world.tenant, world.key, "/Notes", b"")
    world.control.mark_package(world.tenant, world.key, "/Notes")
    shown = world.graph.get(f"{world.drive}/items/{notebook}").json()
    assert shown["package"] == {"type": "oneNote"}
    assert "file" not in shown


def test_children_are_paged(world: World) -> None:
    world.control.generate_files(world.tenant, world.key, 25, 10, folder_depth=0)
    pages = list(world.graph.pages(f"{world.drive}/root/children?$top=10"))
    assert [len(page["value"]) for page in pages] == [10, 10, 5]


def test_own_drive_paths(world: World) -> None:
    made = _put(world, "a.txt", b"x").json()
    assert world.graph.get(f"/users/{world.key}/drive/root:/a.txt").json()["id"] == made["id"]
    assert len(world.graph.delta(f"/users/{world.key}/drive/root/delta")[0]) == 2
    encoded = quote(f"{made['parentReference']['id']}:/a.txt:", safe="")
    assert world.graph.get(f"{world.drive}/items/{encoded}").json()["id"] == made["id"]
