"""The list of damaged items, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class MemoryDamage:
    found: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    async def damaged(self, resource_id: str) -> Sequence[tuple[str, str]]:
        return sorted(self.found.get(resource_id, ()))

    async def repaired(self, resource_id: str, items: Sequence[tuple[str, str]]) -> None:
        self.found.get(resource_id, set()).difference_update(items)
