"""The table of decisions on another try."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_code.graph.retry_policy import (
    Attempt,
    GiveUp,
    Retry,
    RetryPolicy,
    Trouble,
    decide,
    is_throttling,
    retry_after_s,
)

POLICY = RetryPolicy(max_attempts=4, budget_s=100, first_wait_s=1, longest_wait_s=8)


def attempt(**fields: Any) -> Attempt:
    return Attempt(**{"number": 1, "method": "GET", "elapsed_s": 0.0, **fields})


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (attempt(status=429, retry_after_s=9.0), Retry(9.0)),
        (attempt(status=429), Retry(0.5)),
        (attempt(status=503, number=3), Retry(2.0)),
        (attempt(status=500), Retry(0.5)),
        (attempt(status=509), Retry(0.5)),
        (attempt(trouble=Trouble.LOST), Retry(0.5)),
        (attempt(trouble=Trouble.UNREADABLE), Retry(0.5)),
        (attempt(status=429, number=4), GiveUp("attempts")),
        (attempt(status=429, retry_after_s=101.0), GiveUp("budget")),
        (attempt(status=429, retry_after_s=60.0, elapsed_s=50.0), GiveUp("budget")),
        (attempt(status=400), GiveUp("final")),
        (attempt(status=401), GiveUp("final")),
        (attempt(status=404, retry_after_s=1.0), GiveUp("final")),
        (attempt(status=409), GiveUp("final")),
        (attempt(status=501), GiveUp("final")),
        (attempt(status=507), GiveUp("final")),
        (attempt(method="POST", status=500), GiveUp("unsafe")),
        (attempt(method="POST", status=503, retry_after_s=1.0), GiveUp("unsafe")),
        (attempt(method="PATCH", trouble=Trouble.LOST), GiveUp("unsafe")),
        (attempt(method="POST", trouble=Trouble.NOT_SENT), Retry(0.5)),
        (attempt(method="POST", status=429, retry_after_s=2.0), Retry(2.0)),
        (attempt(method="POST", status=500, idempotent=True), Retry(0.5)),
        (attempt(method="PUT", status=500), Retry(0.5)),
        (attempt(method="DELETE", status=502), Retry(0.5)),
        (attempt(method="GET", status=502, idempotent=False), GiveUp("unsafe")),
    ],
)
def test_decisions(made: Attempt, expected: Retry | GiveUp) -> None:
    assert decide(POLICY, made, chance=0.5) == expected


@given(
    number=st.integers(1, 30),
    elapsed_s=st.floats(0, 1000),
    asked_s=st.none() | st.floats(0, 1000),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_waits_are_bounded_and_never_shorter_than_asked(
    number: int, elapsed_s: float, asked_s: float | None, chance: float
) -> None:
    made = attempt(number=number, elapsed_s=elapsed_s, status=503, retry_after_s=asked_s)
    decision = decide(POLICY, made, chance)
    if isinstance(decision, Retry):
        assert number < POLICY.max_attempts
        assert elapsed_s + decision.after_s <= POLICY.budget_s
        assert decision.after_s <= POLICY.longest_wait_s if asked_s is None else decision.after_s == asked_s


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 09:00:00 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "Fri, 99 Nov 2026 10:00:30 GMT", "date": "x"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers) == expected


def test_throttling_is_told_from_failure() -> None:
    assert is_throttling(429, None)
    assert is_throttling(503, 1.0)
    assert not is_throttling(503, None)
    assert not is_throttling(500, 1.0)
