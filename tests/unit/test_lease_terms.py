from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_code.config import load_settings
from shared_code.errors import ConfigError
from shared_code.model.lease import CheckpointMark, LeaseTerms

T = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = st.integers(0, 400)


@pytest.mark.parametrize(
    ("terms", "named"),
    [((6, 30, 7), "R = 6"), ((90, 0, 7), "C = 0"), ((90, 30, 2), "M = 2"), ((145_990, 30, 7), "145990 + 30 + 7")],
)
def test_terms_that_cannot_keep_the_promise_are_refused_with_their_arithmetic(
    terms: tuple[int, int, int], named: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        LeaseTerms(*terms)
    assert named in str(caught.value)


def test_settings_that_break_the_arithmetic_are_refused_at_start() -> None:
    environment = {
        "BACKUP_STORAGE_BLOB_URL": "https://vault.example.net",
        "BACKUP_STORAGE_TABLE_URL": "https://ledger.example.net",
        "GRAPH_CLIENT_ID": "app",
        "BACKUP_LEASE_MARGIN_DAYS": "1",
        "BACKUP_WORM_MODE": "soft",
    }
    with pytest.raises(ConfigError) as caught:
        load_settings(environment)
    assert "M = 1" in str(caught.value) and "BACKUP_WORM_MODE" in str(caught.value)


@given(st.integers(7, 1000), st.integers(1, 90), st.integers(3, 30), DAYS)
def test_what_a_snapshot_names_outlives_its_retention(r: int, c: int, m: int, age: int) -> None:
    """The theorem, over all terms: a snapshot that need not be a checkpoint, up to M late, names only what is leased
    for R more days."""
    terms = LeaseTerms(r, c, m)
    committed = T + timedelta(days=age)
    if terms.checkpoint_due(terms.mark(T), committed - timedelta(days=m)):
        return
    assert terms.until(T) >= committed + timedelta(days=r)
    assert m > r or terms.can_build_on(terms.mark(T), committed)


@given(st.integers(7, 1000), st.integers(7, 1000), DAYS)
def test_a_raised_retention_is_a_checkpoint_at_once(old: int, new: int, age: int) -> None:
    mark = CheckpointMark(T, old, old + 37)
    due = LeaseTerms(new, 30, 7).checkpoint_due(mark, T + timedelta(days=age))
    assert due == (new > old or age >= 30)


TERMS = st.builds(LeaseTerms, st.integers(7, 400), st.integers(1, 90), st.integers(3, 30))


@given(TERMS, TERMS, TERMS, DAYS, DAYS)
def test_what_a_snapshot_names_outlives_its_retention_whatever_terms_there_were(
    first: LeaseTerms, second: LeaseTerms, third: LeaseTerms, written: int, late: int
) -> None:
    """A checkpoint on the first terms, a blob on the second, a snapshot that names both on the third."""
    written_at = T + timedelta(days=written)
    mark = first.mark(T).lowered_to(second, written_at)
    committed = written_at + timedelta(days=late)
    mark = mark.lowered_to(third, committed)
    if third.checkpoint_due(mark, committed):
        return
    needed_until = committed + timedelta(days=third.retention_days + third.margin_days)
    assert first.until(T) >= needed_until
    assert second.until(written_at) >= needed_until
    assert third.can_build_on(mark, committed)


def test_terms_that_stay_lower_no_mark() -> None:
    terms = LeaseTerms(90, 30, 7)
    assert terms.mark(T).lowered_to(terms, T + timedelta(days=29)) == terms.mark(T)
