"""How much a tenant holds and how much of it changes in a day, as far as it is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared_code.model.resource import ResourceKind
from shared_code.model.run import RunTask


@dataclass(frozen=True, slots=True)
class KindSize:
    """The resources of one kind: how many there are, how many items they hold, and their bytes."""

    resources: int = 0
    items: int = 0
    size_bytes: int = 0

    def __add__(self, other: KindSize) -> KindSize:
        return KindSize(self.resources + other.resources, self.items + other.items, self.size_bytes + other.size_bytes)


@dataclass(frozen=True, slots=True)
class TenantSize:
    """``licences``: None where nobody has counted them yet; SharePoint's smallest limits hold then."""

    licences: int | None = None
    kinds: Mapping[ResourceKind, KindSize] = field(default_factory=dict)

    def of(self, kind: ResourceKind) -> KindSize:
        """Of one kind; nothing where there is none."""
        return self.kinds.get(kind, KindSize())


def size_of_run(tasks: Iterable[RunTask], licences: int | None) -> TenantSize:
    """What a run read, by the kinds of its resources: of a first run that is what the tenant holds, of a daily one what
    changes in a day."""
    kinds: dict[ResourceKind, KindSize] = {}
    for task in tasks:
        counts = task.outcome.counts if task.outcome else None
        one = KindSize(1, counts.stored, counts.read_bytes) if counts else KindSize(1)
        kinds[task.resource.kind] = kinds.get(task.resource.kind, KindSize()) + one
    return TenantSize(licences, kinds)
