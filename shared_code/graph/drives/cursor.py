"""Where the feed of a drive goes on: the source's own link, kept as it came, and what the feed itself has to remember.

Changes of sharing do not always show in delta: folders never say so (msgraph-sdk-java issue 2548), and an app without
Sites.FullControl.All is told of some only ("How to retrieve complete set of permission changes while utilizing
DeltaLinks in SPO", Microsoft SharePoint blog; both checked 2026-11). So every few days the whole drive is listed once
more behind the delta: the *sweep*. What is as it was makes no row.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Self

_BETWEEN_SWEEPS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DriveCursor:
    """``link`` is the next page, or, behind the last, the delta link; empty for the start of a listing. ``swept_on``
    is when the last whole listing began (None: never, as far as is known). ``resume`` is there during a sweep: the
    delta link that the next run starts from. ``versions`` is the number of earlier versions that what is stored goes
    by, and ``renew`` says that this sweep is to bring it to another. ``unread``: since the last sweep versions of
    some file could not be listed, so the next one asks for all."""

    link: str = ""
    swept_on: date | None = None
    resume: str = ""
    versions: int = 0
    renew: bool = False
    unread: bool = False

    @classmethod
    def of(cls, text: str | None) -> Self:
        """From a stored cursor; a bare link is one of a time before there were sweeps."""
        if not text:
            return cls()
        if not text.startswith("{"):
            return cls(text)
        value = json.loads(text)
        swept_on = date.fromisoformat(value["swept_on"]) if value.get("swept_on") else None
        return cls(
            value["link"],
            swept_on,
            value.get("resume", ""),
            value.get("versions", 0),
            value.get("renew", False),
            value.get("unread", False),
        )

    def text(self) -> str:
        """The cursor as it is stored."""
        swept_on = self.swept_on.isoformat() if self.swept_on else ""
        value = {
            "link": self.link,
            "swept_on": swept_on,
            "resume": self.resume,
            "versions": self.versions,
            "renew": self.renew,
            "unread": self.unread,
        }
        return json.dumps({name: entry for name, entry in value.items() if entry or name == "link"})

    @property
    def is_sweep(self) -> bool:
        """Whether the pages that come are those of a sweep."""
        return bool(self.resume)

    def begun(self, today: date | None, versions: int) -> DriveCursor:
        """The cursor of a whole listing that begins: it is as good as a sweep."""
        return replace(self, swept_on=today, versions=versions)

    def followed_by(self, link: str, *, finished: bool, today: date | None, versions: int) -> tuple[DriveCursor, bool]:
        """Where to go on behind a page, and whether nothing is left to read today. Behind the last page of the delta a
        sweep begins when one is due, or when another number of earlier versions is wanted."""
        read = self.versions if versions == self.versions else -1  # pages were read with more than one number
        if not finished:
            return replace(self, link=link, versions=read), False
        if self.is_sweep:
            return DriveCursor(self.resume, self.swept_on, versions=read, unread=self.unread), True
        renew = versions != self.versions
        is_recent = self.swept_on is not None and today is not None and today < self.swept_on + _BETWEEN_SWEEPS
        if not renew and (is_recent or today is None):
            return replace(self, link=link), True
        return DriveCursor("", today, resume=link, versions=versions, renew=renew or self.unread), False

    def given_up(self) -> DriveCursor:
        """The cursor after a sweep whose pages are no longer known to the source: it is due again."""
        return DriveCursor(self.resume, None, versions=-1 if self.renew else self.versions)
