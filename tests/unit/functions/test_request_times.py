"""Times in requests."""

from __future__ import annotations

import pytest

from functions.http import BadRequestError, moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-01-31T08:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]
)
def test_a_time_without_a_zone_or_beyond_the_calendar_is_a_bad_request(text: str) -> None:
    with pytest.raises(BadRequestError, match="'at' is a time with a zone"):
        moment(text, "at")
