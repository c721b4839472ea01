"""How blobs are named, and how names are told apart again. Names hold numbers that readers rely on only where
``parse_`` functions below give them back; the random part of packs and segments means nothing.

    {resource}/packs/{random}
    {resource}/catalog/{seq}-{slice}-{base|delta}-{random}.parquet
    {resource}/progress/{seq}-{slice}.json
    {resource}/snapshots/{seq}.json

A replayed slice writes new packs and a new segment beside those of its first try: a name never collides, and what
no progress record and no snapshot names is garbage.
"""

from __future__ import annotations

import os
import re

from shared_code.model.snapshot import MOST_SEQ, SegmentKind

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Numbers are padded to sort by name, and may grow beyond that.
_SNAPSHOT = re.compile(r"([^/]+)/snapshots/([0-9]{8,10})\.json")
_PROGRESS = re.compile(r"([^/]+)/progress/([0-9]{8,10})-([0-9]{5,10})\.json")


def random_name() -> str:
    """26 characters of Crockford base 32, all 128 bits random: unique without a clock."""
    value = int.from_bytes(os.urandom(16), "big")
    return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))


def pack_name(resource_id: str, random: str) -> str:
    """Name of a pack."""
    return f"{resource_id}/packs/{random}"


def segment_name(resource_id: str, seq: int, slice_number: int, kind: SegmentKind, random: str) -> str:
    """Name of a segment of the catalog."""
    return f"{resource_id}/catalog/{seq:08d}-{slice_number:05d}-{kind}-{random}.parquet"


def progress_name(resource_id: str, seq: int, slice_number: int) -> str:
    """Name of the progress record of one slice towards one snapshot."""
    return f"{progress_prefix(resource_id, seq)}{slice_number:05d}.json"


def progress_prefix(resource_id: str, seq: int) -> str:
    """What the names of all progress records towards one snapshot begin with."""
    return f"{resource_id}/progress/{seq:08d}-"


def snapshot_name(resource_id: str, seq: int) -> str:
    """Name of a snapshot."""
    return f"{snapshot_prefix(resource_id)}{seq:08d}.json"


def snapshot_prefix(resource_id: str) -> str:
    """What the names of all snapshots of a resource begin with."""
    return f"{resource_id}/snapshots/"


def parse_snapshot_name(name: str) -> int | None:
    """The number of a snapshot, or None when this is no name that the service gives one."""
    match = _SNAPSHOT.fullmatch(name)
    seq = int(match[2]) if match else 0
    return seq if match and 0 < seq <= MOST_SEQ and name == snapshot_name(match[1], seq) else None


def parse_progress_name(name: str) -> tuple[int, int] | None:
    """Snapshot and slice number of a progress record, or None when this is no name that the service gives one."""
    match = _PROGRESS.fullmatch(name)
    if match is None:
        return None
    seq, slice_number = int(match[2]), int(match[3])
    is_possible = 0 < seq <= MOST_SEQ and 0 < slice_number <= MOST_SEQ
    return (seq, slice_number) if is_possible and name == progress_name(match[1], seq, slice_number) else None
