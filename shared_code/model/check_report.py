"""What checks of stored blobs found wrong, and whose content that is. Ids only: names and subjects stay out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self

from shared_code.model.damage import DamagedItem

ItemKey = tuple[str, str]
"""Feed and item id."""


class DamageKind(StrEnum):
    """What can be wrong with a blob of the vault."""

    MISSING_PACK = "missing_pack"
    CUT_OFF_PACK = "cut_off_pack"
    """It ends before chunks that the catalog says it holds."""
    DAMAGED_FOOTER = "damaged_footer"
    """Header, footer or trailer are not readable: nothing vouches for what the pack holds."""
    FOREIGN_CHUNK = "foreign_chunk"
    """The pack has other chunks where the catalog names some."""
    DAMAGED_CHUNK = "damaged_chunk"
    """Its bytes do not decode, or not to what they should hash to."""
    MISSING_SEGMENT = "missing_segment"
    DAMAGED_SEGMENT = "damaged_segment"
    MISSING_RECORD = "missing_record"
    DAMAGED_RECORD = "damaged_record"
    SHORT_LEASE = "short_lease"
    """It can be deleted while the snapshot is still promised."""
    OVERWRITTEN_PACK = "overwritten_pack"
    OVERWRITTEN_SEGMENT = "overwritten_segment"
    OVERWRITTEN_RECORD = "overwritten_record"
    """Somebody has written over a blob that is written once. The version that counts is still there."""
    UNSUPPORTED_FORMAT = "unsupported_format"
    """Of a format version that this release does not read: no damage, and no proof either."""

    @property
    def loses_content(self) -> bool:
        """Whether items named with it have to be stored again from their source."""
        return self in _LOSING


_LOSING = frozenset(
    {
        DamageKind.MISSING_PACK,
        DamageKind.CUT_OFF_PACK,
        DamageKind.DAMAGED_FOOTER,
        DamageKind.FOREIGN_CHUNK,
        DamageKind.DAMAGED_CHUNK,
    }
)


@dataclass(frozen=True, slots=True)
class AffectedItem:
    """An item that has content in a damaged blob, and the numbers of the snapshots, oldest first, in which it does."""

    feed: str
    item_id: str
    seqs: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"feed": self.feed, "item_id": self.item_id, "seqs": list(self.seqs)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(value["feed"], value["item_id"], tuple(value["seqs"]))


@dataclass(frozen=True, slots=True)
class BlobDamage:
    """One kind of damage to one version of one blob. ``items`` have content in what is damaged of it."""

    kind: DamageKind
    blob: str
    version_id: str
    detail: str
    items: tuple[AffectedItem, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "kind": str(self.kind),
            "blob": self.blob,
            "version_id": self.version_id,
            "detail": self.detail,
            "items": [item.to_json() for item in self.items],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        items = tuple(AffectedItem.from_json(entry) for entry in value["items"])
        return cls(DamageKind(value["kind"]), value["blob"], value["version_id"], value["detail"], items)


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a check of one snapshot's structure found. ``segments``, ``packs`` and ``chunks`` are the numbers of those
    that it names and that were checked, damaged ones included."""

    resource_id: str
    seq: int
    segments: int = 0
    packs: int = 0
    chunks: int = 0
    damages: tuple[BlobDamage, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.damages

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "resource_id": self.resource_id,
            "seq": self.seq,
            "segments": self.segments,
            "packs": self.packs,
            "chunks": self.chunks,
            "damages": [damage.to_json() for damage in self.damages],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(**{**value, "damages": tuple(BlobDamage.from_json(entry) for entry in value["damages"])})


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """What reading a day's share of the packs found. ``after`` is the last pack that was read: unless ``done``, go on
    behind it. ``newest`` is the number of the newest snapshot, looked up where something is damaged (else 0).
    ``unmapped`` are snapshots that could not be searched for items with damaged chunks: their record or catalog is
    damaged, or the time was up."""

    resource_id: str
    day: date
    after: str
    done: bool
    packs: int = 0
    chunks: int = 0
    read_bytes: int = 0
    newest: int = 0
    unmapped: tuple[int, ...] = ()
    damages: tuple[BlobDamage, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing at all is wrong with what was read."""
        return not self.damages

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "resource_id": self.resource_id,
            "day": self.day.isoformat(),
            "after": self.after,
            "done": self.done,
            "packs": self.packs,
            "chunks": self.chunks,
            "read_bytes": self.read_bytes,
            "newest": self.newest,
            "unmapped": list(self.unmapped),
            "damages": [damage.to_json() for damage in self.damages],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        fields = dict(value)
        fields["day"] = date.fromisoformat(fields["day"])
        fields["unmapped"] = tuple(fields["unmapped"])
        fields["damages"] = tuple(BlobDamage.from_json(entry) for entry in fields["damages"])
        return cls(**fields)


def items_of(report: VerifyReport | ScrubReport) -> list[ItemKey]:
    """The items whose stored content the next backup has to fetch again, sorted, each once: all that lost content in
    the verified snapshot, or what a scrub found to have lost it in the newest one."""
    seq = report.newest if isinstance(report, ScrubReport) else report.seq
    return sorted(
        {
            (item.feed, item.item_id)
            for damage in report.damages
            if damage.kind.loses_content
            for item in damage.items
            if seq in item.seqs
        }
    )


def damaged_items(report: VerifyReport | ScrubReport, found_at: datetime) -> list[DamagedItem]:
    """The same items for the ledger's list, each with the kinds of its damage."""
    kinds: dict[ItemKey, set[str]] = {key: set() for key in items_of(report)}
    for damage in report.damages:
        for item in damage.items:
            if damage.kind.loses_content and (item.feed, item.item_id) in kinds:
                kinds[(item.feed, item.item_id)].add(str(damage.kind))
    return [
        DamagedItem(report.resource_id, feed, item_id, ", ".join(sorted(found)), found_at)
        for (feed, item_id), found in kinds.items()
    ]
