"""When a timer trigger fires next: six-field NCRONTAB schedules in UTC. Pure; reads no clock.

``{second} {minute} {hour} {day} {month} {day-of-week}``, each ``*``, ``*/n``, ``a``, ``a-b``, ``a-b/n`` or a
list of those; months and week days also by their three-letter names; 0 and 7 are Sunday. Five fields mean
second 0. Source: learn.microsoft.com/azure/azure-functions/functions-bindings-timer, "NCRONTAB expressions"
(checked 2026-11).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MONTHS = {
    name: n
    for n, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_WEEK_DAYS = {name: n for n, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")
_HORIZON = timedelta(days=366 * 8)  # the longest gap between two 29ths of February


class ScheduleError(ValueError):
    """The schedule is not an NCRONTAB expression, or it never fires."""


@dataclass(frozen=True)
class Schedule:
    """One parsed expression. ``expression`` is kept for messages."""

    expression: str
    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    week_days: frozenset[int]

    def next_after(self, moment: datetime) -> datetime:
        """The first firing strictly after the aware ``moment``, in UTC; ScheduleError if there is none."""
        start = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        while day - start < _HORIZON:
            if self._fires_on(day):
                found = self._first_in_day(day, not_before=start)
                if found is not None:
                    return found
            day += timedelta(days=1)
        raise ScheduleError(f"the schedule {self.expression!r} never fires")

    def _fires_on(self, day: datetime) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.week_days

    def _first_in_day(self, day: datetime, not_before: datetime) -> datetime | None:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                if day.replace(hour=hour, minute=minute, second=59) < not_before:
                    continue
                for second in sorted(self.seconds):
                    candidate = day.replace(hour=hour, minute=minute, second=second)
                    if candidate >= not_before:
                        return candidate
        return None


def parse_schedule(expression: str) -> Schedule:
    """Parse an NCRONTAB expression. Raises ScheduleError naming the field that is wrong."""
    fields = expression.split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise ScheduleError(f"the schedule {expression!r} needs six fields, it has {len(fields)}")
    week_days = _values(fields[5], "day of week", 0, 7, _WEEK_DAYS)
    return Schedule(
        expression=expression,
        seconds=_values(fields[0], "second", 0, 59, {}),
        minutes=_values(fields[1], "minute", 0, 59, {}),
        hours=_values(fields[2], "hour", 0, 23, {}),
        days=_values(fields[3], "day", 1, 31, {}),
        months=_values(fields[4], "month", 1, 12, _MONTHS),
        week_days=frozenset(day % 7 for day in week_days),
    )


def _values(field: str, name: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    values: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ScheduleError(f"{part!r} is no {name} of a schedule")
        step = int(match["step"] or 1)
        if match["first"] == "*":
            first, last = low, high
        else:
            first = _number(match["first"], name, names)
            last = _number(match["last"], name, names) if match["last"] else (high if match["step"] else first)
        if step < 1 or not low <= first <= last <= high:
            raise ScheduleError(f"{part!r} is no {name} of a schedule: it must lie in {low}-{high}")
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _number(text: str, name: str, names: dict[str, int]) -> int:
    if text.isdigit():
        return int(text)
    try:
        return names[text.lower()[:3]]
    except KeyError:
        raise ScheduleError(f"{text!r} is no {name} of a schedule") from None
