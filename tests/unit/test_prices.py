from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from shared_code.errors import ConfigError
from shared_code.model.prices import BYTES_PER_GB, SAMPLE, Tier, parse_prices

HOT = {"writes_per_10k": 0.06, "reads_per_10k": 0.005, "gb_month": 0.02}
TABLE: dict[str, Any] = {"currency": "EUR", "as_of": "2026-11", "tiers": {"hot": HOT}}


def test_without_a_setting_the_dated_sample_stands() -> None:
    assert parse_prices("") is parse_prices("  ") is SAMPLE
    assert (SAMPLE.currency, SAMPLE.as_of) == ("USD", "2024-07")
    assert set(SAMPLE.tiers) == set(Tier)


def test_a_table_replaces_the_sample_as_a_whole() -> None:
    prices = parse_prices(json.dumps(TABLE))
    assert (prices.currency, prices.as_of, set(prices.tiers)) == ("EUR", "2026-11", {Tier.HOT})
    assert prices.tiers[Tier.HOT].writes_per_10k == Decimal("0.06"), "exact, not a binary fraction"


def test_sums() -> None:
    hot = SAMPLE.tiers[Tier.HOT]
    assert hot.operations({"create": 9_000, "extend_lease": 500, "set_tags": 300, "list": 200}) == Decimal("0.055")
    assert hot.operations({"read": 10_000}) == Decimal("0.0044")
    assert hot.operations({"delete": 10_000}) == 0
    assert hot.month(100 * BYTES_PER_GB) == Decimal("2.08")
    # A million small blobs into the cold tier: why there are packs.
    assert SAMPLE.tiers[Tier.COLD].operations({"create": 1_000_000}) == 18


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("{", "not readable as JSON"),
        ("[]", "a JSON object"),
        (json.dumps({**TABLE, "currency": ""}), "currency"),
        (json.dumps({**TABLE, "as_of": 2026}), "as_of"),
        (json.dumps({**TABLE, "Tiers": {}}), "'Tiers'"),
        (json.dumps({**TABLE, "tiers": {}}), "hot, cool, cold"),
        (json.dumps({**TABLE, "tiers": {"archive": HOT}}), "'archive'"),
        (json.dumps({**TABLE, "tiers": {"hot": {"gb_month": 1}}}), "writes_per_10k, reads_per_10k, gb_month"),
        (json.dumps({**TABLE, "tiers": {"hot": {**HOT, "gb_month": -1}}}), "gb_month of the tier hot"),
        (json.dumps({**TABLE, "tiers": {"hot": {**HOT, "gb_month": True}}}), "gb_month of the tier hot"),
        (json.dumps({**TABLE, "tiers": {"hot": {**HOT, "gb_month": float("nan")}}}), "gb_month of the tier hot"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(setting: str, named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_prices(setting)
    assert named in str(caught.value)
    assert "BACKUP_PRICES" in str(caught.value)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_prices(json.dumps({"currency": "EUR", "tiers": {"hot": {**HOT, "gb_month": "1"}, "warm": HOT}}))
    assert len(caught.value.problems) == 3
