"""From iCalendar to events. Nothing is refused: a file or component that cannot be read becomes an event that holds
the raw text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from icalendar import Calendar, Component

from local.tenant.answers import Json
from local.tenant.clock import format_time
from local.tenant.mailboxes.item import MailItem
from local.tenant.mailboxes.mime_reader import clean

RAW_ICALENDAR = "String {00020329-0000-0000-C000-000000000046} Name raw-icalendar"
_EVENT = re.compile(rb"BEGIN:VEVENT.*?END:VEVENT", re.DOTALL | re.IGNORECASE)


def events_from_ics(raw: bytes, stamp: str) -> list[MailItem]:
    """Return one event for each VEVENT of a file, or a single one that keeps the whole text."""
    components: list[tuple[Component | None, str]] = []
    try:
        for calendar in Calendar.from_ical(raw, multiple=True):
            components += [(each, _text_of(each)) for each in calendar.walk("VEVENT")]
    except Exception:  # noqa: BLE001 - hostile input: whatever the parser stumbles over, the text is kept
        components = [(None, clean(found.decode("utf-8", "replace"))) for found in _EVENT.findall(raw)]
    if not components:
        components = [(None, "")]
    whole = clean(raw.decode("utf-8", "replace"))
    return [_event(component, text or whole, stamp) for component, text in components]


def _text_of(component: Component) -> str:
    try:
        return clean(component.to_ical().decode("utf-8", "replace"))
    except Exception:  # noqa: BLE001 - a component that cannot be written again falls back to the file's text
        return ""


def _event(component: Component | None, text: str, stamp: str) -> MailItem:
    properties: Json = {"subject": "", "body": {"contentType": "text", "content": ""}, "isAllDay": False}
    if component is None:
        properties["start"] = properties["end"] = _moment(None, stamp)
    else:
        start, end = _value(component, "dtstart"), _value(component, "dtend")
        if end is None and isinstance(start, date):
            end = start + (_duration(component) or timedelta(0))
        properties |= {
            "subject": _string(component, "summary"),
            "body": {"contentType": "text", "content": _string(component, "description")},
            "bodyPreview": _string(component, "description")[:255],
            "location": {"displayName": _string(component, "location"), "locationType": "default"},
            "iCalUId": _string(component, "uid"),
            "isAllDay": isinstance(start, date) and not isinstance(start, datetime),
            "start": _moment(start, stamp),
            "end": _moment(end, stamp),
            "attendees": _attendees(component),
        }
    properties |= {
        "type": "singleInstance",
        "importance": "normal",
        "sensitivity": "normal",
        "showAs": "busy",
    }
    return MailItem("IPM.Appointment", properties, None, created=stamp, modified=stamp, extended={RAW_ICALENDAR: text})


def _value(component: Component, name: str) -> object:
    try:
        return getattr(component.get(name), "dt", None)
    except Exception:  # noqa: BLE001 - see above
        return None


def _duration(component: Component) -> timedelta | None:
    found = _value(component, "duration")
    return found if isinstance(found, timedelta) else None


def _string(component: Component, name: str) -> str:
    try:
        found = component.get(name)
        first = found[0] if isinstance(found, list) and found else found
        return "" if first is None else clean(str(first))
    except Exception:  # noqa: BLE001 - see above
        return ""


def _moment(value: object, stamp: str) -> Json:
    try:
        if isinstance(value, datetime):
            moment = value.astimezone(UTC) if value.tzinfo else value
            return {"dateTime": moment.strftime("%Y-%m-%dT%H:%M:%S.0000000"), "timeZone": "UTC"}
        if isinstance(value, date):
            return {"dateTime": f"{value.isoformat()}T00:00:00.0000000", "timeZone": "UTC"}
    except (ValueError, OverflowError):
        pass
    return {"dateTime": stamp.rstrip("Z") + ".0000000", "timeZone": "UTC"}


def _attendees(component: Component) -> list[Json]:
    try:
        found = component.get("attendee")
    except Exception:  # noqa: BLE001 - see above
        return []
    if found is None:
        return []
    return [
        {
            "type": "required",
            "status": {"response": "none", "time": format_time(0)},
            "emailAddress": {"name": address, "address": address},
        }
        for each in (found if isinstance(found, list) else [found])
        if (address := clean(str(each)).removeprefix("mailto:").removeprefix("MAILTO:"))
    ]
