"""Short ways to damage a vault in memory, to check it, and to see what can still be restored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from shared_code.errors import BlobNotFoundError, IntegrityError
from shared_code.model.check_report import BlobDamage, DamageKind, ItemKey, ScrubReport, VerifyReport
from shared_code.model.item import ItemVersion
from shared_code.model.restore import Selection
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore, StoredVersion
from shared_code.vault.scrub import ROTATION_DAYS, PackScrubber, ScrubBudget
from shared_code.vault.verify import SnapshotVerifier
from tests.fakes.backup_bench import RESOURCE, Bench


async def verified(bench: Bench, temp_dir: Path, seq: int) -> VerifyReport:
    """One snapshot, verified."""
    return await SnapshotVerifier(bench.store, "acme", temp_dir).verify(RESOURCE.id, seq)


async def scrubbed(bench: Bench, temp_dir: Path, budget: ScrubBudget | None = None) -> list[ScrubReport]:
    """Every scrub of a whole rotation, each day's as often as it takes."""
    scrubber = PackScrubber(bench.store, "acme", temp_dir, lambda: 0.0)
    reports: list[ScrubReport] = []
    for number in range(ROTATION_DAYS):
        day = bench.now.date() + timedelta(days=number)
        after, done = "", False
        while not done:
            report = await scrubber.scrub(RESOURCE.id, day, after, budget or ScrubBudget())
            reports.append(report)
            after, done = report.after, report.done
    return reports


def found(*reports: VerifyReport | ScrubReport) -> dict[DamageKind, set[ItemKey]]:
    """Kinds of damage with the items that they name."""
    result: dict[DamageKind, set[ItemKey]] = {}
    for damage in damages(*reports):
        result.setdefault(damage.kind, set()).update((item.feed, item.item_id) for item in damage.items)
    return result


def damages(*reports: VerifyReport | ScrubReport) -> list[BlobDamage]:
    """What all of these found."""
    return [damage for report in reports for damage in report.damages]


def blob_names(store: MemoryBlobStore, part: str) -> list[str]:
    """Names that hold ``part``, in the order in which the blobs were written."""
    names = [name for name in store.blobs if part in name]
    return sorted(names, key=lambda name: min(v.info.created_at for v in store.blobs[name].versions.values()))


def only_version(store: MemoryBlobStore, name: str) -> StoredVersion:
    """Of a blob that was written once."""
    [version] = store.blobs[name].versions.values()
    return version


def flip(version: StoredVersion, at: int, bit: int = 0) -> None:
    """One bit of the stored bytes."""
    data = bytearray(version.data)
    data[at] ^= 1 << bit
    version.data = bytes(data)


async def each_item(
    vault: CustomerVault, resource_id: str, seq: int
) -> tuple[dict[str, dict[str, bytes]], dict[str, Exception]]:
    """What each living item of a snapshot gives back: its forms, or the error that says it is damaged."""
    snapshot = await vault.snapshot(resource_id, seq)
    reader = await vault.open_reader(snapshot.segments)
    intact: dict[str, dict[str, bytes]] = {}
    damaged: dict[str, Exception] = {}
    try:
        for version in await reader.selected(Selection(everything=True), "", 1000):
            try:
                intact[version.change.item_id] = await _forms(vault, version)
            except (IntegrityError, BlobNotFoundError) as error:
                damaged[version.change.item_id] = error
    finally:
        await reader.aclose()
    return intact, damaged


async def _forms(vault: CustomerVault, version: ItemVersion) -> dict[str, bytes]:
    return {
        str(representation.form): b"".join([part async for part in vault.read(representation)])
        for representation in version.representations
    }
