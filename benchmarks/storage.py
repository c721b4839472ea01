"""The storage benchmark: how much a vault holds, and what its operations cost, after months of daily change.

    python -m benchmarks.storage [--quick] [--days N] [--tier hot|cool|cold] [--markdown FILE]

A drive and a mailbox that are made up go through the product's own copier, checkpoints, expiry and the deployed
lifecycle rules, a day after the other, into the reference store. Exit codes: 0 the target is reached, 1 it is missed,
3 something could not be run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from benchmarks.errors import BenchmarkError
from benchmarks.storage_drive import Drive
from benchmarks.storage_mailbox import Mailbox
from benchmarks.storage_report import DayFigures, StorageResult, report
from benchmarks.storage_source import LivedInSource
from benchmarks.storage_store import DiskBlobStore
from benchmarks.storage_tally import tally
from shared_code.backup.budget import SliceBudget
from shared_code.backup.copier import ResourceCopier
from shared_code.errors import BackupError, ConfigError
from shared_code.model.lease import LeaseTerms
from shared_code.model.prices import SETTING, Tier, parse_prices
from shared_code.model.resource import Resource, ResourceKind
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.expiry import expire
from shared_code.vault.leases import LeasedStore
from shared_code.vault.memory_lifecycle import apply_lifecycle

LIMIT = 1.10
TERMS = LeaseTerms(retention_days=90, checkpoint_days=30, margin_days=7)
_POLICY = json.loads((Path(__file__).parents[1] / "infra" / "lifecycle.json").read_text("utf-8"))
_CONTAINER = "vault-acme"
_FIRST_DAY = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
_MOST_SLICES = 1000
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sizes:
    """What there is on the first day, and how many days of change follow it."""

    files: int = 2300
    file_bytes: int = 2 * _MIB
    large_files: int = 4
    large_bytes: int = 128 * _MIB
    messages: int = 50_000
    days: int = 90
    daily_share: float = 0.01


QUICK = Sizes(files=88, file_bytes=_MIB // 2, large_files=1, large_bytes=6 * _MIB, messages=500, days=40)


class NoDamage:
    """Satisfies ``Damage`` of the backup: verification has found nothing."""

    async def damaged(self, resource_id: str) -> list[tuple[str, str]]:
        """Nothing."""
        return []

    async def repaired(self, resource_id: str, items: object) -> None:
        """Never called with something."""


class Months:
    """One customer's drive and mailbox, and the days that go by."""

    def __init__(self, sizes: Sizes, folder: Path, progress: Callable[[str], None]) -> None:
        self.now = _FIRST_DAY
        self.store = DiskBlobStore(lambda: self.now, folder)
        leased = LeasedStore(self.store, TERMS, lambda: self.now)
        self.vault = CustomerVault(leased, "acme", folder)
        self._sizes = sizes
        self._progress = progress
        self.drive = Drive(Random(1), self.now)
        self.mailbox = Mailbox(Random(2), self.now, first_seed=1 << 40)
        self.resources: list[tuple[Resource, LivedInSource]] = [
            (Resource(ResourceKind.DRIVE, "b!bench", "A drive"), self.drive),
            (Resource(ResourceKind.MAILBOX, "11111111-2222-3333-4444-555555555555", "A mailbox"), self.mailbox),
        ]

    async def go_by(self) -> list[DayFigures]:
        """The first backup, then each day of change with its own."""
        sizes = self._sizes
        self.drive.fill(sizes.files, sizes.file_bytes, sizes.large_files, sizes.large_bytes)
        self.mailbox.fill(sizes.messages)
        days = [await self._day(0)]
        for number in range(1, sizes.days + 1):
            self.now += timedelta(days=1)
            self.drive.now = self.mailbox.now = self.now
            self.drive.live(sizes.daily_share)
            self.mailbox.live(sizes.daily_share)
            days.append(await self._day(number))
        return days

    async def _day(self, number: int) -> DayFigures:
        began, before = time.process_time(), Counter(self.store.operations)
        for resource, source in self.resources:
            await self._back_up(resource, source, f"run-{number}")
        await expire(self.store, self.now, ())
        operations = Counter(self.store.operations)
        operations.subtract(before)
        apply_lifecycle(self.store, _POLICY, _CONTAINER, self.now)
        if self.store.refused - Counter(delete=self.store.refused["delete"]):
            raise BenchmarkError(f"WORM refused {dict(self.store.refused)}")
        newest = [(await self.vault.newest(resource)).snapshot for resource, _ in self.resources]
        is_checkpoint = any(snapshot is not None and snapshot.checkpoint.at == self.now for snapshot in newest)
        figures = DayFigures(number, is_checkpoint, operations, self.store.stored_bytes)
        self._progress(
            f"day {number}: {figures.stored_bytes / 1e9:.3f} GB, {operations.total()} operations, "
            f"{time.process_time() - began:.1f} s of CPU"
        )
        return figures

    async def _back_up(self, resource: Resource, source: LivedInSource, run_id: str) -> None:
        for _ in range(_MOST_SLICES):
            copier = ResourceCopier(
                "acme", self.vault, source, NoDamage(), TERMS, SliceBudget(), lambda: self.now, time.monotonic
            )
            outcome = (await copier.run_slice(resource, run_id)).outcome
            if outcome is not None:
                if outcome.counts.failed:
                    raise BenchmarkError(f"{outcome.counts.failed} items failed")
                return
        raise BenchmarkError("the backup does not end")


async def measure(sizes: Sizes, progress: Callable[[str], None] = lambda line: None) -> StorageResult:
    """Run it and look at what is there at the end. Raises BenchmarkError, BackupError."""
    with tempfile.TemporaryDirectory(prefix="storage-bench-") as folder:
        months = Months(sizes, Path(folder), progress)
        days = await months.go_by()
        found = await tally(
            months.store, months.vault, [resource.id for resource, _ in months.resources], TERMS, months.now
        )
        return StorageResult(days, found, LIMIT)


def main(arguments: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storage", description="Measure what a vault holds.")
    parser.add_argument("--quick", action="store_true", help="50 MB, 500 messages and 40 days")
    parser.add_argument("--days", type=int, metavar="N", help="days of change after the first backup")
    parser.add_argument("--tier", type=Tier, choices=list(Tier), default=Tier.HOT, help="whose prices to show")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there, too")
    options = parser.parse_args(arguments)
    try:
        prices = parse_prices(os.environ.get(SETTING, ""))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 3
    if options.tier not in prices.tiers:
        parser.error(f"{SETTING} has no prices of the tier {options.tier}")
    sizes = QUICK if options.quick else Sizes()
    if options.days is not None:
        sizes = replace(sizes, days=options.days)
    try:
        result = asyncio.run(measure(sizes, lambda line: print(line, file=sys.stderr, flush=True)))
    except (BenchmarkError, BackupError) as error:
        print(error, file=sys.stderr)
        return 3
    text = report(result, prices, options.tier)
    print(text)
    if options.markdown:
        options.markdown.write_text(text + "\n", encoding="utf-8")
    return int(not result.is_reached)


if __name__ == "__main__":
    sys.exit(main())
