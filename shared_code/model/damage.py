"""What verification found damaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from shared_code.model.item import format_time, parse_time


@dataclass(frozen=True, slots=True)
class DamagedItem:
    """An item whose stored content is damaged. ``what`` says what is wrong, without content; ``repaired``: a backup has
    stored it again since, with snapshot ``repaired_in``."""

    resource_id: str
    feed: str
    item_id: str
    what: str
    found_at: datetime
    repaired: bool = False
    repaired_in: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {**asdict(self), "found_at": format_time(self.found_at)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(**{**value, "found_at": parse_time(value["found_at"])})
