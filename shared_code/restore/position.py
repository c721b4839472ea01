"""Where a restore stands between two slices, as an opaque string that travels in payloads."""

from __future__ import annotations

from dataclasses import dataclass

from shared_code.errors import RestoreError

_ITEMS = "items:"


@dataclass(frozen=True, slots=True)
class Position:
    """``folders_done``: the folders are there; then items after the id ``after`` come next."""

    folders_done: bool = False
    after: str = ""

    def text(self) -> str:
        """For payloads; empty at the start."""
        return _ITEMS + self.after if self.folders_done else ""

    @classmethod
    def parse(cls, text: str) -> Position:
        """Inverse of text. Raises RestoreError."""
        if not text:
            return cls()
        if not text.startswith(_ITEMS):
            raise RestoreError("This is no position of a restore.")
        return cls(True, text.removeprefix(_ITEMS))
