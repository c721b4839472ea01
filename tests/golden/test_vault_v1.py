"""The stored vault of format 1 stays readable: every snapshot, every row, every byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared_code.model.item import Form, ItemVersion
from shared_code.model.outcome import SkipCause
from shared_code.model.restore import Selection
from shared_code.model.snapshot import SnapshotState
from shared_code.vault.chunking import cut
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore
from shared_code.vault.pack import read_footer
from tests.golden.make_vault_v1 import (
    CUSTOMER,
    DRIVE,
    DRIVE_FILES,
    FOLDER,
    HOSTILE,
    LARGE,
    MAILBOX,
    MESSAGES,
    START,
)

EXPECTED_SHA256 = {
    "empty": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "small": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
}


@pytest.fixture
def store() -> MemoryBlobStore:
    store = MemoryBlobStore(lambda: START)
    for name, version_id in json.loads((FOLDER / "versions.json").read_text(encoding="ascii")).items():
        store.put_version(name, version_id, (FOLDER / "blobs" / name).read_bytes())
    return store


@pytest.fixture
def vault(store: MemoryBlobStore, tmp_path: Path) -> CustomerVault:
    return CustomerVault(store, CUSTOMER, tmp_path)


async def restored(
    vault: CustomerVault, resource_id: str, seq: int
) -> dict[str, tuple[ItemVersion, dict[Form, bytes]]]:
    """Every item of a snapshot with all its forms."""
    snapshot = await vault.snapshot(resource_id, seq)
    reader = await vault.open_reader(snapshot.segments)
    found = {}
    for version in await reader.selected(Selection(everything=True), "", 1000):
        forms = {entry.form: b"".join([part async for part in vault.read(entry)]) for entry in version.representations}
        found[version.change.item_id] = (version, forms)
    await reader.aclose()
    return found


def sha256_of(contents: Mapping[str, tuple[ItemVersion, dict[Form, bytes]]]) -> dict[str, str]:
    return {name: hashlib.sha256(forms[Form.NATIVE]).hexdigest() for name, (_, forms) in contents.items()}


async def test_every_file_of_both_days_is_restored(vault: CustomerVault) -> None:
    first = sha256_of(await restored(vault, DRIVE.id, 1))
    assert first == {name: hashlib.sha256(data).hexdigest() for name, data in {**DRIVE_FILES, "large": LARGE}.items()}
    assert first | EXPECTED_SHA256 == first
    second = sha256_of(await restored(vault, DRIVE.id, 2))
    changed = hashlib.sha256(LARGE + b"appended").hexdigest()
    assert second == {name: digest for name, digest in first.items() if name != "small"} | {"large": changed}


async def test_every_message_is_restored_in_both_forms(vault: CustomerVault) -> None:
    found = {name: forms for name, (_, forms) in (await restored(vault, MAILBOX.id, 1)).items()}
    assert found == {
        name: {Form.NATIVE: data, Form.READABLE: b"Subject: " + data.hex().encode()} for name, data in MESSAGES.items()
    }


async def test_every_field_of_a_row_is_kept(vault: CustomerVault) -> None:
    version, _ = (await restored(vault, DRIVE.id, 1))["text"]
    change = version.change
    assert (version.feed, version.seq) == ("root", 1)
    assert change.name == HOSTILE + "text"
    assert change.time == START + timedelta(days=1)
    assert (change.etag, change.content_hash) == ("etag-1", "quickXorHash:1")
    assert change.size_bytes == len(DRIVE_FILES["text"])
    assert change.properties[HOSTILE] == [HOSTILE, None, 1.5]
    renamed, _ = (await restored(vault, DRIVE.id, 2))["text"]
    assert renamed == replace(version, seq=2, change=replace(change, name="renamed.txt", parent_id="top"))


async def test_the_records_are_read(vault: CustomerVault) -> None:
    assert await vault.snapshots(DRIVE.id) == (1, 2)
    snapshot = (await vault.newest(DRIVE)).snapshot
    assert snapshot is not None
    assert snapshot.resource == DRIVE
    assert snapshot.state is SnapshotState.PARTIAL
    assert snapshot.failures[0].change.name == HOSTILE
    assert snapshot.skips[0].cause is SkipCause.MALWARE
    assert snapshot.cursors == {"root": "https://graph.example/delta?token=2"}
    assert snapshot.committed_at == START + timedelta(days=2)


async def test_folders_can_be_browsed(vault: CustomerVault) -> None:
    reader = await vault.open_reader((await vault.snapshot(DRIVE.id, 2)).segments)
    top = (await reader.children("", 10)).versions
    below = (await reader.children("top", 10)).versions
    path = await reader.path_of("noise")
    await reader.aclose()
    assert [version.change.item_id for version in top] == ["top"]
    assert [version.change.item_id for version in below] == ["sub", "large", "text"]
    assert [version.change.name for version in path] == ["Documents", HOSTILE]


async def test_every_pack_lists_its_chunks(store: MemoryBlobStore) -> None:
    count = 0
    async for info in store.list(""):
        if "/packs/" in info.name:
            count += len(await read_footer(store, info.name, info.version_id, info.size_bytes))
    assert count >= len(DRIVE_FILES) - 1 + 2 * len(MESSAGES)


async def test_large_items_are_still_cut_where_they_were(vault: CustomerVault) -> None:
    version, _ = (await restored(vault, DRIVE.id, 1))["large"]
    assert [chunk.size_bytes for chunk in version.representations[0].chunks] == list(cut(LARGE, is_end=True))
    later, _ = (await restored(vault, DRIVE.id, 2))["large"]
    shared = set(version.representations[0].chunks) & set(later.representations[0].chunks)
    assert len(shared) == len(version.representations[0].chunks) - 1
