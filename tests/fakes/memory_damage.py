"""The list of damaged items, in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field


@dataclass
class MemoryDamage:
    """``found`` is what is open, ``mended`` what a snapshot of that number has stored again."""

    found: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    mended: dict[tuple[str, int], set[tuple[str, str]]] = field(default_factory=dict)

    async def damaged(self, resource_id: str) -> Sequence[tuple[str, str]]:
        return sorted(self.found.get(resource_id, ()))

    async def repaired(self, resource_id: str, items: Sequence[tuple[str, str]], seq: int) -> None:
        still = self.found.get(resource_id, set())
        self.mended.setdefault((resource_id, seq), set()).update(still & set(items))
        still.difference_update(items)

    async def reopen(self, resource_id: str, seqs: Collection[int]) -> None:
        for seq in seqs:
            self.found.setdefault(resource_id, set()).update(self.mended.pop((resource_id, seq), set()))
