from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_code.backup.schedule import NightlyWindow, manual_run_id, nightly_run_id

WINDOW = NightlyWindow(start_hour_utc=20, hours=8)
CUSTOMERS = st.from_regex(r"[a-z]{3,12}", fullmatch=True)


@given(CUSTOMERS)
def test_every_customer_has_one_run_a_night_and_time_to_start_it(customer: str) -> None:
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    days = {WINDOW.due(customer, midnight + timedelta(minutes=15 * step)) for step in range(4 * 24 * 7)}
    # The first window opened the evening before and the last closes after the week: they may hold the slot or not.
    whole = {f"202603{day:02d}" for day in range(1, 7)}
    assert whole <= days <= whole | {None, "20260228", "20260307"}


@pytest.mark.parametrize("hours", [1, 2, 24])
def test_the_last_slot_is_seen_by_the_timer(hours: int) -> None:
    window = NightlyWindow(20, hours)
    latest = max(window.slot(f"customer-{number}") for number in range(2000))
    assert timedelta(hours=hours) - latest > timedelta(minutes=30)


@given(CUSTOMERS)
def test_a_run_that_crosses_midnight_keeps_the_day_its_window_opened(customer: str) -> None:
    before_close = datetime(2026, 3, 2, 3, 59, 59, tzinfo=UTC)
    assert WINDOW.due(customer, before_close) in {"20260301", None}
    assert WINDOW.due(customer, datetime(2026, 3, 2, 4, 0, tzinfo=UTC)) is None


def test_slots_spread_over_the_window() -> None:
    slots = sorted(WINDOW.slot(f"customer-{number}") / timedelta(hours=8) for number in range(400))
    assert all(0 <= slot < 1 for slot in slots)
    for quarter in range(4):
        share = sum(quarter / 4 <= slot < (quarter + 1) / 4 for slot in slots) / len(slots)
        assert share == pytest.approx(0.25, abs=0.08)


def test_run_ids_sort_by_time() -> None:
    evening = manual_run_id("acme", datetime(2026, 3, 1, 21, 5, 9, 120_500, tzinfo=UTC))
    assert evening == "backup-acme-20260301t210509120"
    assert sorted([nightly_run_id("acme", "20260302"), evening, nightly_run_id("acme", "20260301")]) == [
        "backup-acme-20260301",
        evening,
        "backup-acme-20260302",
    ]
