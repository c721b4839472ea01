"""Real messages, calendars, contacts and files: all go in, and MIME comes out as it went in."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from .conftest import World

DATA = Path(__file__).resolve().parents[4] / "../shared/data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not there")


def test_everything_loads_without_a_rejection(world: World) -> None:
    control, tenant, key = world.control, world.tenant, world.key
    mails = sorted(path for path in (DATA / "mail").iterdir() if path.is_file())
    ids = {control.load_eml(tenant, key, path.read_bytes()): path for path in mails}
    assert len(ids) == len(mails) > 300
    for item, path in ids.items():
        assert world.graph.get(f"/users/{key}/messages/{item}/$value").body == path.read_bytes(), path.name
        message = world.graph.get(f"/users/{key}/messages/{item}")
        json.dumps(message.json(), ensure_ascii=False).encode("utf-8")
    events = 0
    for path in sorted((DATA / "calendar").iterdir()):
        loaded = control.load_ics(tenant, key, path.read_bytes())
        assert loaded, path.name
        events += len(loaded)
    for path in sorted((DATA / "contacts").iterdir()):
        assert control.load_vcf(tenant, key, path.read_bytes())
    for path in sorted((DATA / "files").iterdir()):
        control.put_file(tenant, key, ["Files", path.name], path.read_bytes())
    truth = world.truth()
    hashes = sorted(record["mime_sha256"] for record in truth if record.get("folder") == "Inbox")
    assert hashes == sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in mails)
    assert sum(record["record"] == "item" and record["folder"] == "Calendar" for record in truth) == events
    files = {record["path"]: record["sha256"] for record in world.truth("drive") if record["record"] == "file"}
    assert files == {
        f"/Files/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in (DATA / "files").iterdir()
    }


def test_everything_survives_export_and_import(world: World) -> None:
    control, tenant, key = world.control, world.tenant, world.key
    for path in sorted((DATA / "calendar").iterdir()):
        control.load_ics(tenant, key, path.read_bytes())
    for path in sorted((DATA / "mail").iterdir())[:60]:
        control.load_eml(tenant, key, path.read_bytes())
    before = [record for record in world.truth() if record["record"] == "item"]
    url = world.graph.post(f"{world.mailbox}/createImportSession").json()["importUrl"]
    for folder in ("inbox", "calendar"):
        ids = [item["item"] for item in control.items(tenant, key, folder)]
        for start in range(0, len(ids), 20):
            values = world.graph.post(f"{world.mailbox}/exportItems", {"itemIds": ids[start : start + 20]}).json()[
                "value"
            ]
            for value in values:
                control.delete_item(tenant, key, value["itemId"])
                body = {"FolderId": folder, "Mode": "create", "Data": value["data"]}
                assert world.graph.post(url, body, signed=False).status == 200
    assert [record for record in world.truth() if record["record"] == "item"] == before


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe\x00", b"BEGIN:VCALENDAR", b"BEGIN:VEVENT\nDTSTART:nonsense\nEND:VEVENT"]
)
def test_broken_content_is_never_rejected(world: World, raw: bytes) -> None:
    assert len(world.control.load_ics(world.tenant, world.key, raw)) == 1
    assert len(world.control.load_vcf(world.tenant, world.key, raw)) == 1
    item = world.control.load_eml(world.tenant, world.key, raw)
    assert world.graph.get(f"/users/{world.key}/messages/{item}/$value").body == raw
