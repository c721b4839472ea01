"""Where the feed of a drive goes on."""

from __future__ import annotations

from datetime import date, timedelta

from shared_code.graph.drives.cursor import DriveCursor

TODAY = date(2026, 3, 10)
DELTA = "https://graph.example/delta?token=1"
NEXT = "https://graph.example/delta?token=2"


def test_a_cursor_survives_being_stored() -> None:
    cursor = DriveCursor("link", TODAY, "resume", 3, renew=True)
    assert DriveCursor.of(cursor.text()) == cursor
    assert DriveCursor.of(None) == DriveCursor()
    assert DriveCursor.of(DELTA) == DriveCursor(DELTA)


def test_a_whole_listing_needs_no_sweep_for_seven_days() -> None:
    begun = DriveCursor().begun(TODAY, 0)
    onward, finished = begun.followed_by(NEXT, finished=False, today=TODAY, versions=0)
    assert (onward.link, onward.swept_on, finished) == (NEXT, TODAY, False)
    for days, expected in ((0, True), (6, True), (7, False)):
        day = TODAY + timedelta(days=days)
        onward, finished = onward.followed_by(DELTA, finished=True, today=day, versions=0)
        assert finished is expected
    assert onward == DriveCursor("", TODAY + timedelta(days=7), resume=DELTA)


def test_a_sweep_ends_where_the_delta_did() -> None:
    sweep = DriveCursor("", TODAY, resume=DELTA, versions=2)
    onward, finished = sweep.followed_by(NEXT, finished=False, today=TODAY, versions=2)
    assert (onward.is_sweep, finished) == (True, False)
    onward, finished = onward.followed_by("the listing's own delta link", finished=True, today=TODAY, versions=2)
    assert (onward, finished) == (DriveCursor(DELTA, TODAY, versions=2), True)


def test_a_cursor_of_before_is_swept_once_and_without_a_clock_never() -> None:
    assert DriveCursor(DELTA).followed_by(DELTA, finished=True, today=TODAY, versions=0)[1] is False
    assert DriveCursor(DELTA).followed_by(DELTA, finished=True, today=None, versions=0)[1] is True


def test_another_number_of_versions_makes_a_sweep_that_renews_them_until_it_is_done() -> None:
    cursor = DriveCursor(DELTA, TODAY, versions=0)
    sweep, finished = cursor.followed_by(DELTA, finished=True, today=TODAY, versions=5)
    assert (finished, sweep.renew) == (False, True)
    again, finished = sweep.given_up().followed_by(DELTA, finished=True, today=TODAY, versions=5)
    assert (finished, again.renew) == (False, True)
    done, finished = again.followed_by("x", finished=True, today=TODAY, versions=5)
    assert finished
    assert done.followed_by(DELTA, finished=True, today=TODAY, versions=5)[1] is True


def test_a_listing_whose_pages_were_read_with_two_numbers_of_versions_is_swept_once_more() -> None:
    cursor = DriveCursor().begun(TODAY, 5)
    for versions in (5, 0):
        cursor, _ = cursor.followed_by("page", finished=False, today=TODAY, versions=versions)
        cursor = DriveCursor.of(cursor.text())
    cursor, is_done = cursor.followed_by("delta", finished=True, today=TODAY, versions=5)
    assert not is_done
    assert cursor.renew
