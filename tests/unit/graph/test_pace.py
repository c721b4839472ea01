"""The decisions that keep a client below the limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_code.graph.pace import (
    Bucket,
    Charge,
    Rate,
    Speed,
    charges_of,
    factor_at,
    hinted_pause_s,
    slowed,
    take,
)
from shared_code.graph.tolls import Service, Toll
from shared_code.model.graph_limits import unit_limits


@given(
    most=st.sampled_from([1.0, 4.0, 20.0, 1250.0, 10_000.0]),
    window_s=st.sampled_from([1.0, 10.0, 60.0, 600.0]),
    share=st.floats(0.05, 1.0),
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=120),
    amount=st.sampled_from([1.0, 2.0, 5.0]),
)
def test_no_window_ever_sees_more_than_the_limit(
    most: float, window_s: float, share: float, gaps: list[float], amount: float
) -> None:
    if amount > max(1.0, most * share * 0.2):
        amount = 1.0
    charge = Charge("x", "", Rate(most, window_s), amount)
    bucket: Bucket | None = None
    now_s, sent = 0.0, []
    for gap in gaps:
        now_s += gap
        bucket, wait_s = take(bucket, charge, share=share, factor=1.0, now_s=now_s)
        sent.append(now_s + wait_s)
    for begin in sent:
        inside = sum(amount for at in sent if begin <= at < begin + window_s * 0.999)
        assert inside <= max(1.0, most) + 1e-6


def test_who_takes_first_is_served_first_and_a_full_bucket_lets_anything_through() -> None:
    charge = Charge("x", "", Rate(60, 60), 1)
    bucket: Bucket | None = None
    waits = []
    for _ in range(14):
        bucket, wait_s = take(bucket, charge, share=1.0, factor=1.0, now_s=0.0)
        waits.append(wait_s)
    assert waits[:12] == [0.0] * 12
    assert 0 < waits[12] < waits[13]
    huge = Charge("upload", "", Rate(150e6, 300), 149e6)
    bucket, wait_s = take(None, huge, share=0.8, factor=1.0, now_s=0.0)
    assert wait_s == 0
    _, wait_s = take(bucket, huge, share=0.8, factor=1.0, now_s=1.0)
    assert wait_s > 300


def test_half_the_speed_takes_twice_as_long() -> None:
    charge = Charge("x", "", Rate(1250, 60), 1000)
    bucket, _ = take(None, charge, share=0.8, factor=1.0, now_s=0.0)
    _, whole = take(bucket, charge, share=0.8, factor=1.0, now_s=0.0)
    _, half = take(bucket, charge, share=0.8, factor=0.5, now_s=0.0)
    assert half == pytest.approx(2 * whole)


def test_refusals_slow_down_and_quiet_speeds_up_again() -> None:
    speed = slowed(Speed(), 100.0)
    assert speed == Speed(0.5, 100.0)
    assert slowed(speed, 101.0) == speed  # was under way together with the first
    assert slowed(speed, 106.0) == Speed(0.25, 106.0)
    assert factor_at(speed, 159.0) == 0.5
    assert factor_at(speed, 160.0) == pytest.approx(0.6)
    assert factor_at(speed, 195.0) == pytest.approx(0.9)
    assert factor_at(speed, 9_999.0) == 1.0
    for number in range(20):
        speed = slowed(speed, 110.0 + 10 * number)
    assert speed.factor == 0.1


def test_units_depend_on_licences_and_unknown_is_the_smallest() -> None:
    assert [unit_limits(count)[0] for count in (None, 1, 1000, 1001, 5001, 15_001, 50_001)] == [
        *[1250] * 3,
        2500,
        3750,
        5000,
        6250,
    ]
    assert unit_limits(50_001)[1] == 6_000_000


def test_a_channel_message_counts_for_channel_team_and_tenant() -> None:
    toll = Toll(Service.TEAMS, team="t", channel="c", is_message=True)
    assert {(charge.name, charge.key, charge.rate.most) for charge in charges_of(toll, None)} == {
        ("teams.messages", "", 20),
        ("teams.team", "t", 4),
        ("teams.channel", "c", 1),
    }


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({}, 0.0),
        ({"ratelimit-limit": "1250", "ratelimit-remaining": "300", "ratelimit-reset": "30"}, 0.0),
        ({"ratelimit-limit": "1250", "ratelimit-remaining": "250", "ratelimit-reset": "30"}, 30.0),
        ({"ratelimit-limit": "1250", "ratelimit-remaining": "0", "ratelimit-reset": "1e9"}, 60.0),
        ({"ratelimit-limit": "no", "ratelimit-remaining": "0", "ratelimit-reset": "nan"}, 0.0),
    ],
)
def test_hints_are_taken_where_they_make_sense(headers: dict[str, str], pause_s: float) -> None:
    assert hinted_pause_s(headers, 0.8) == pause_s
