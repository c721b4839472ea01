"""What storage costs: a table of prices, and sums over it. Pure; money is Decimal.

The table is a setting (BACKUP_PRICES), since prices differ by region, redundancy, contract and year; without one the
sample below stands. Not in it, and so in no sum: egress, the per-GB retrieval fee of the cooler tiers and their early
deletion.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from shared_code.errors import ConfigError

SETTING = "BACKUP_PRICES"
BYTES_PER_GB = 1024**3
_OPERATIONS_PER_PRICE = 10_000
_FIELDS = ("writes_per_10k", "reads_per_10k", "gb_month")


class Tier(StrEnum):
    """Access tiers that a blob can be read from at once."""

    HOT = "hot"
    COOL = "cool"
    COLD = "cold"


@dataclass(frozen=True, slots=True)
class TierPrices:
    """Of one tier, in the currency of the table: 10,000 operations, a GB (2^30 bytes) for a month."""

    writes_per_10k: Decimal
    reads_per_10k: Decimal
    gb_month: Decimal

    def operations(self, counts: Mapping[str, int]) -> Decimal:
        """The price of so many operations of the blob port, by kind."""
        reads = sum(count for kind, count in counts.items() if kind in _READS)
        writes = sum(count for kind, count in counts.items() if kind not in _READS and kind not in _FREE)
        return (reads * self.reads_per_10k + writes * self.writes_per_10k) / _OPERATIONS_PER_PRICE

    def month(self, size_bytes: int) -> Decimal:
        """The price of keeping so much for a month."""
        return self.gb_month * size_bytes / BYTES_PER_GB


@dataclass(frozen=True, slots=True)
class Prices:
    """A price table. ``currency`` and ``as_of`` (a day, a month or a year) are shown beside every sum."""

    currency: str
    as_of: str
    tiers: Mapping[Tier, TierPrices]


# "Map each REST operation to a price" (learn.microsoft.com, page of 2025-05-14, checked 2026-11-24): Get Blob is a
# read, Put Blob a write, deletions are free. Lists have a price of their own, about that of writes; tags, immutability
# policies and container properties are "other", about the price of reads, while "Immutable storage for blob data"
# bills policies as writes. Here all but the reads count as writes: a sum is rather too high than too low.
_READS = frozenset({"read"})
_FREE = frozenset({"delete"})

# Sample prices of July 2024, locally redundant storage in a region of the USA.
SAMPLE = Prices(
    currency="USD",
    as_of="2024-07",
    tiers={
        Tier.HOT: TierPrices(Decimal("0.055"), Decimal("0.0044"), Decimal("0.0208")),
        Tier.COOL: TierPrices(Decimal("0.10"), Decimal("0.01"), Decimal("0.0115")),
        Tier.COLD: TierPrices(Decimal("0.18"), Decimal("0.10"), Decimal("0.0045")),
    },
)


def parse_prices(text: str) -> Prices:
    """The price table of a setting; the sample when it is empty. Raises ConfigError naming every problem at once.

    ``{"currency": "EUR", "as_of": "2026-11", "tiers": {"hot": {"writes_per_10k": 0.06, "reads_per_10k": 0.005,
    "gb_month": 0.02}}}``. It replaces the sample as a whole, so that no two currencies meet in one table; tiers that
    it does not name have no price.
    """
    if not text.strip():
        return SAMPLE
    try:
        value = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=Decimal)
    except (ValueError, InvalidOperation, RecursionError) as error:
        raise ConfigError([f"{SETTING} is not readable as JSON: {error}"]) from error
    if not isinstance(value, dict):
        raise ConfigError([f"{SETTING} is a JSON object with currency, as_of and tiers"])
    problems = [f"{SETTING}: there is no {name!r}" for name in sorted(value.keys() - {"currency", "as_of", "tiers"})]
    texts = {name: _text(value, name, problems) for name in ("currency", "as_of")}
    tiers = _tiers(value.get("tiers"), problems)
    if problems:
        raise ConfigError(problems)
    return Prices(texts["currency"], texts["as_of"], tiers)


def _text(value: Mapping[str, Any], name: str, problems: list[str]) -> str:
    text = value.get(name)
    if isinstance(text, str) and 0 < len(text.strip()) <= 20:
        return text.strip()
    problems.append(f"{SETTING}: {name} is a text of 1 to 20 characters")
    return ""


def _tiers(value: Any, problems: list[str]) -> dict[Tier, TierPrices]:
    if not isinstance(value, dict) or not value:
        problems.append(f"{SETTING}: tiers is an object with prices of one or more of {', '.join(Tier)}")
        return {}
    tiers: dict[Tier, TierPrices] = {}
    for name, prices in value.items():
        if name not in list(Tier):
            problems.append(f"{SETTING}: there is no tier {name!r}, only {', '.join(Tier)}")
        elif not isinstance(prices, dict) or set(prices) != set(_FIELDS):
            problems.append(f"{SETTING}: the tier {name} needs exactly {', '.join(_FIELDS)}")
        else:
            wrong = [field for field in _FIELDS if not _is_price(prices[field])]
            problems += [f"{SETTING}: {field} of the tier {name} is a number of 0 or more" for field in wrong]
            if not wrong:
                tiers[Tier(name)] = TierPrices(**prices)
    return tiers


def _is_price(value: Any) -> bool:
    return isinstance(value, Decimal) and value.is_finite() and value >= 0
