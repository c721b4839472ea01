"""The figures of the storage benchmark, and how they are shown: Markdown that reads well as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.storage_tally import Tally
from shared_code.model.prices import Prices, Tier, TierPrices

OPERATIONS = ("create", "read", "list", "extend_lease", "set_tags")


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One day: the backups of all resources and the expiry pass. ``stored_bytes`` is at its end."""

    number: int
    is_checkpoint: bool
    operations: Counter[str]
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class StorageResult:
    """All of it."""

    days: Sequence[DayFigures]
    tally: Tally
    limit: float

    @property
    def is_reached(self) -> bool:
        """Whether what is stored is at most ``limit`` times the ideal."""
        return self.tally.ratio <= self.limit


def report(result: StorageResult, prices: Prices, tier: Tier) -> str:
    """Tables and sums."""
    table, currency = prices.tiers[tier], prices.currency
    return "\n".join(
        [
            f"Prices: {tier}, {currency}, as of {prices.as_of}; everything but reads is counted as a write.",
            "",
            *_days(result, table, currency),
            "",
            *_bytes(result.tally),
            "",
            f"Storage at the end: {result.tally.stored / 2**30:.3f} GiB, "
            f"{table.month(result.tally.stored):.4f} {currency} a month.",
            f"Stored / ideal: {result.tally.ratio:.4f}; target: at most {result.limit:.2f}; "
            f"reached: {'yes' if result.is_reached else 'NO'}.",
        ]
    )


def _days(result: StorageResult, table: TierPrices, currency: str) -> list[str]:
    lines = [
        f"| day | {' | '.join(OPERATIONS)} | price, {currency} | stored, MB |",
        "|--:|" + "--:|" * (len(OPERATIONS) + 2),
    ]
    for day in result.days:
        number = f"{day.number} *" if day.is_checkpoint else str(day.number)
        lines.append(_row(number, day.operations, table, f"{day.stored_bytes / 1e6:,.1f}"))
    usual = [day for day in result.days[1:] if not day.is_checkpoint]
    every = sum((day.operations for day in result.days), Counter[str]())
    lines.append(_row("all", every, table, ""))
    lines += ["", "\\* a checkpoint (the first backup is one, too)."]
    if usual:
        price = sum(table.operations(day.operations) for day in usual) / len(usual)
        lines.append(f"A day without a checkpoint: {price:.6f} {currency} of operations on average.")
    return lines


def _row(name: str, operations: Counter[str], table: TierPrices, stored: str) -> str:
    counts = " | ".join(f"{operations[kind]:,}" for kind in OPERATIONS)
    return f"| {name} | {counts} | {table.operations(operations):.6f} | {stored} |"


def _bytes(tally: Tally) -> list[str]:
    lines = ["| bytes | MB | share of the ideal |", "|---|--:|--:|"]
    parts = {
        f"ideal: the distinct chunks of {tally.restore_points} restore points": tally.ideal,
        **tally.overhead,
        f"stored, in {tally.blobs:,} blobs": tally.stored,
    }
    lines += [f"| {name} | {size / 1e6:,.2f} | {size / tally.ideal:.2%} |" for name, size in parts.items()]
    return lines
