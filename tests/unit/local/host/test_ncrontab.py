from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.ncrontab import ScheduleError, parse_schedule

MOMENT = datetime(2026, 11, 24, 22, 7, 30, tzinfo=UTC)  # a Tuesday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 */15 * * * *", datetime(2026, 11, 24, 22, 15, tzinfo=UTC)),
        ("*/15 * * * *", datetime(2026, 11, 24, 22, 15, tzinfo=UTC)),
        ("* * * * * *", datetime(2026, 11, 24, 22, 7, 31, tzinfo=UTC)),
        ("0 30 9 * * Mon-Fri", datetime(2026, 11, 25, 9, 30, tzinfo=UTC)),
        ("0 30 9 * * 0", datetime(2026, 11, 29, 9, 30, tzinfo=UTC)),
        ("0 30 9 * * 7", datetime(2026, 11, 29, 9, 30, tzinfo=UTC)),
        ("0 0 0 1 jan *", datetime(2027, 1, 1, tzinfo=UTC)),
        ("0 0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("5,10 0 6/8 * * *", datetime(2026, 11, 25, 6, 0, 5, tzinfo=UTC)),
        ("30 7 22 * * *", datetime(2026, 11, 25, 22, 7, 30, tzinfo=UTC)),
    ],
)
def test_the_next_firing_is_the_first_one_after_the_moment(expression: str, expected: datetime) -> None:
    assert parse_schedule(expression).next_after(MOMENT) == expected


def test_a_moment_in_another_zone_is_the_same_moment() -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert parse_schedule("0 0 * * * *").next_after(there) == datetime(2026, 11, 24, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "60 * * * * *",
        "0 0 24 * * *",
        "0 0 0 0 * *",
        "0 0 0 * xyz *",
        "*/0 * * * * *",
        "5-1 * * * * *",
    ],
)
def test_a_wrong_expression_is_refused(expression: str) -> None:
    with pytest.raises(ScheduleError):
        parse_schedule(expression)


def test_a_schedule_that_never_fires_says_so() -> None:
    with pytest.raises(ScheduleError, match="never fires"):
        parse_schedule("0 0 0 31 2 *").next_after(MOMENT)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)), st.integers(1, 59))
def test_firings_of_a_step_lie_on_it_and_are_no_further_apart(moment: datetime, step: int) -> None:
    following = parse_schedule(f"0 */{step} * * * *").next_after(moment)
    assert following > moment
    assert following.minute % step == 0
    assert following - moment <= timedelta(minutes=step + 1)
