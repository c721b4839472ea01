"""Cuts a store at a chosen blob operation, as a process that dies there would."""

from __future__ import annotations

from shared_code.vault.memory_blob import Moment


class CutError(Exception):
    """The process died here."""


class Scissors:
    """A store's hook: counts blob operations and cuts at the chosen one."""

    def __init__(self, at: int, moment: Moment) -> None:
        self.at, self.moment, self.seen = at, moment, 0

    def __call__(self, operation: str, name: str, moment: Moment) -> None:
        if moment is self.moment:
            self.seen += 1
            if self.seen == self.at:
                raise CutError(f"{moment} {operation} {name}")
