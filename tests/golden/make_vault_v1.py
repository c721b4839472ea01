"""Writes ``vault-v1``: a small vault of format 1, which every later release must read.

Made once, by the release that introduced the format; run again only to replace it before that format is in use:
``python -m tests.golden.make_vault_v1``. What goes in is always the same; the random parts of blob names are not.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared_code.model.item import Change, Form, ItemKind, ItemVersion
from shared_code.model.lease import CheckpointMark
from shared_code.model.outcome import Counts, ItemFailure, ItemSkip, SkipCause
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.snapshot import SegmentKind, SegmentRef, Snapshot
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore
from shared_code.vault.slice_writer import PackedSlice

FOLDER = Path(__file__).with_name("vault-v1")
CUSTOMER = "golden"
DRIVE = Resource(ResourceKind.DRIVE, "b!golden", "Drive", {"user_id": "u1"})
MAILBOX = Resource(ResourceKind.MAILBOX, "11111111-2222-3333-4444-555555555555", "Box", {"mailbox_id": "MBX:1"})
START = datetime(2026, 11, 1, 1, 2, 3, 456789, tzinfo=UTC)
HOSTILE = "a'\"\n\x00\ud800\u202e😀" + "é" * 50


class NullDigest:
    """A content digest that nobody asks."""

    def update(self, data: bytes | memoryview) -> None:
        """Nothing."""


def lines(count: int, step: int) -> bytes:
    """Text that compresses well and repeats nowhere."""
    return b"".join(b"%012d\n" % (number * number * step % 10**12) for number in range(count))


def noise(seed: str, size: int) -> bytes:
    """Bytes that do not compress, the same ones always."""
    blocks = (hashlib.sha256(f"{seed}{number}".encode()).digest() for number in range(size // 32 + 1))
    return b"".join(blocks)[:size]


LARGE = bytes(3 * 1024 * 1024) + noise("large", 30_000) + lines(3_000, 7) + bytes(2 * 1024 * 1024)
DRIVE_FILES: Mapping[str, bytes] = {
    "empty": b"",
    "text": lines(200, 3),
    "noise": noise("n", 70_000),
    "small": b"x",
}
MESSAGES: Mapping[str, bytes] = {f"m{number}": noise(str(number), 500) for number in range(3)}


async def make(store: MemoryBlobStore, temp_dir: Path) -> None:
    """Two snapshots of a drive, one of a mailbox."""
    vault = CustomerVault(store, CUSTOMER, temp_dir)
    first = await _drive_first(vault.open_slice(DRIVE, 1, 1))
    await vault.commit_snapshot(_snapshot(DRIVE, 1, (first,)))
    lookup = await vault.open_catalog([first])
    known = (await lookup.previous([("root", "large"), ("root", "text")], [])).by_key
    await lookup.aclose()
    second = await _drive_second(vault.open_slice(DRIVE, 2, 1), known)
    failure = ItemFailure("root", Change("failed", ItemKind.FILE, name=HOSTILE), "The source answered 503.", 1)
    skip = ItemSkip("root", "virus", "eicar.com", SkipCause.MALWARE)
    await vault.commit_snapshot(replace(_snapshot(DRIVE, 2, (first, second)), failures=(failure,), skips=(skip,)))
    await vault.commit_snapshot(_snapshot(MAILBOX, 1, (await _mailbox(vault.open_slice(MAILBOX, 1, 1)),)))


async def _drive_first(writer: PackedSlice) -> SegmentRef:
    await writer.add_version(ItemVersion("root", Change("top", ItemKind.FOLDER, name="Documents")))
    await writer.add_version(ItemVersion("root", Change("sub", ItemKind.FOLDER, parent_id="top", name=HOSTILE)))
    for number, (name, data) in enumerate(DRIVE_FILES.items()):
        change = Change(
            item_id=name,
            kind=ItemKind.FILE,
            parent_id="sub",
            name=HOSTILE + name,
            time=START + timedelta(days=number),
            size_bytes=len(data),
            etag=f"etag-{number}",
            content_hash=f"quickXorHash:{number}",
            properties={
                "fileSystemInfo": {"createdDateTime": "2026-01-01T00:00:00Z"},
                HOSTILE: [HOSTILE, None, 1.5],
            },
        )
        await writer.add("root", change, {Form.NATIVE: data})
    file = writer.open_file("root", NullDigest())
    await file.write(LARGE)
    await file.complete()
    await file.finish(Change("large", ItemKind.FILE, parent_id="top", name="large.bin", size_bytes=len(LARGE)))
    return await _closed(writer, SegmentKind.BASE)


async def _drive_second(writer: PackedSlice, known: Mapping[tuple[str, str], ItemVersion]) -> SegmentRef:
    large = known["root", "large"]
    await writer.add("root", replace(large.change, etag="2"), {Form.NATIVE: LARGE + b"appended"}, [large])
    text = known["root", "text"]
    await writer.add_version(replace(text, change=replace(text.change, name="renamed.txt", parent_id="top")))
    await writer.add_version(ItemVersion("root", Change("small", ItemKind.FILE, deleted=True)))
    return await _closed(writer, SegmentKind.DELTA)


async def _mailbox(writer: PackedSlice) -> SegmentRef:
    inbox = Change("inbox", ItemKind.MAIL_FOLDER, name="Inbox", opens_feed="items/inbox")
    await writer.add_version(ItemVersion("folders", inbox))
    for name, data in MESSAGES.items():
        change = Change(name, ItemKind.MESSAGE, parent_id="inbox", name=f"Subject {name}", sender="a@example.com")
        await writer.add("items/inbox", change, {Form.NATIVE: data, Form.READABLE: b"Subject: " + data.hex().encode()})
    return await _closed(writer, SegmentKind.BASE)


async def _closed(writer: PackedSlice, kind: SegmentKind) -> SegmentRef:
    segment = await writer.close(kind)
    if segment is None:
        raise ValueError("the golden vault has rows in every segment")
    return segment


def _snapshot(resource: Resource, seq: int, segments: tuple[SegmentRef, ...]) -> Snapshot:
    committed_at = START + timedelta(days=seq)
    cursors = {"root": f"https://graph.example/delta?token={seq}"}
    return Snapshot(
        customer_id=CUSTOMER,
        resource=resource,
        seq=seq,
        run_id=f"run-{seq}",
        started_at=START,
        committed_at=committed_at,
        segments=segments,
        cursors=cursors,
        counts=Counts(stored=seq),
        checkpoint=CheckpointMark(START, 90, 127),
    )


async def dump(store: MemoryBlobStore, folder: Path) -> None:
    """Each blob as a file, and the version ids beside them."""
    shutil.rmtree(folder, ignore_errors=True)
    versions = {}
    async for info in store.list(""):
        path = folder / "blobs" / info.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(await store.read(info.name))
        versions[info.name] = info.version_id
    (folder / "versions.json").write_text(json.dumps(versions, indent=1) + "\n", encoding="ascii")


async def _main() -> None:
    store = MemoryBlobStore(lambda: START)
    with tempfile.TemporaryDirectory() as temp_dir:
        await make(store, Path(temp_dir))
    await dump(store, FOLDER)


if __name__ == "__main__":
    asyncio.run(_main())
