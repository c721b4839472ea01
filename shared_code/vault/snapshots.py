"""Snapshots and progress records: small JSON blobs, written once, each with the SHA-256 of itself."""

from __future__ import annotations

import logging
from collections.abc import Container, Mapping
from itertools import count
from typing import Any

from shared_code.errors import BlobNotFoundError, IntegrityError, SnapshotNotFoundError
from shared_code.model.progress import Furthest, Progress
from shared_code.model.resource import check_resource_id
from shared_code.model.snapshot import MOST_SEQ, Newest, Snapshot
from shared_code.vault.blob_names import (
    parse_progress_name,
    parse_snapshot_name,
    progress_name,
    progress_prefix,
    snapshot_name,
    snapshot_prefix,
)
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.records import encode_record, parse_record

_log = logging.getLogger(__name__)


class SnapshotRecords:
    """The commit records of one customer."""

    def __init__(self, store: BlobStore, customer_id: str) -> None:
        self._store = store
        self._customer_id = customer_id

    async def numbers(self, resource_id: str) -> tuple[int, ...]:
        """Numbers of a resource's snapshots, oldest first; none for what was never backed up."""
        return tuple(sorted(await self._snapshots(resource_id)))

    async def newest(self, resource_id: str) -> Newest:
        """The newest snapshot of a resource whose record can be read, and the free number behind it: a damaged or
        foreign record of a high number has no say. Raises
        UnsupportedFormatError: what a newer release wrote is not passed over."""
        found = await self._snapshots(resource_id)
        unreadable: list[int] = []
        for seq in sorted(found, reverse=True):
            try:
                snapshot = await self._read(resource_id, seq, found[seq])
            except SnapshotNotFoundError:  # it has just expired
                continue
            except IntegrityError:
                unreadable.append(seq)
                continue
            return Newest(snapshot, _free(found, seq), tuple(unreadable))
        return Newest(None, _free(found, 0), tuple(unreadable))

    async def read(self, resource_id: str, seq: int) -> Snapshot:
        """Raises SnapshotNotFoundError, IntegrityError, UnsupportedFormatError."""
        first = await self._first_versions(snapshot_name(check_resource_id(resource_id), seq))
        if not first:
            raise SnapshotNotFoundError(
                f"There is no snapshot {seq} of {resource_id}: list its snapshots to see which there are.",
                resource_id=resource_id,
                seq=seq,
            )
        [version_id] = first.values()
        return await self._read(resource_id, seq, version_id)

    async def _snapshots(self, resource_id: str) -> dict[int, str]:
        """Number -> version id."""
        first = await self._first_versions(snapshot_prefix(check_resource_id(resource_id)))
        numbers = {parse_snapshot_name(name): version_id for name, version_id in first.items()}
        return {number: version_id for number, version_id in numbers.items() if number is not None}

    async def _first_versions(self, prefix: str) -> dict[str, str]:
        """Name -> id of its first version. A record is written once: whatever was put over it later, or whoever
        deleted it, the first version is the record."""
        first: dict[str, str] = {}
        try:
            async for info in self._store.list(prefix, all_versions=True):
                first.setdefault(info.name, info.version_id)
        except BlobNotFoundError:  # no container: nothing was ever backed up for this customer
            return {}
        return first

    async def _read(self, resource_id: str, seq: int, version_id: str) -> Snapshot:
        name = snapshot_name(resource_id, seq)
        try:
            data = await self._store.read(name, version_id=version_id)
        except BlobNotFoundError as error:
            raise SnapshotNotFoundError(
                f"Snapshot {seq} of {resource_id} has just expired: list its snapshots again.",
                resource_id=resource_id,
                seq=seq,
            ) from error

        def parse(record: Mapping[str, Any]) -> Snapshot:
            # First of all: a record of another place says nothing, in whatever format it is.
            _check_place(name, (self._customer_id, seq) == (record["customer_id"], record["seq"]))
            snapshot = Snapshot.from_json(record)
            _check_place(name, resource_id == snapshot.resource.id)
            return snapshot

        return parse_record(name, data, parse)

    async def commit(self, snapshot: Snapshot) -> None:
        """Raises BlobExistsError when that number is committed already."""
        name = snapshot_name(snapshot.resource.id, snapshot.seq)
        _check_place(name, self._customer_id == snapshot.customer_id)
        await self._store.create(name, encode_record(snapshot.to_json()))

    async def furthest(self, resource_id: str, seq: int) -> Furthest:
        """How far snapshot ``seq`` has come. What only a damaged record knows is done again. Raises
        UnsupportedFormatError."""
        first = await self._first_versions(progress_prefix(check_resource_id(resource_id), seq))
        slices = {parsed[1] for parsed in map(parse_progress_name, first) if parsed}
        for number in sorted(slices, reverse=True):
            name = progress_name(resource_id, seq, number)
            try:
                progress = await self._read_progress(name, first[name], resource_id, seq, number)
            except BlobNotFoundError:  # it has just expired
                continue
            except IntegrityError:
                _log.exception("a record of a slice is damaged: the slice is done again")
                continue
            return Furthest(progress, _free(slices, number))
        return Furthest(None, _free(slices, 0))

    async def _read_progress(
        self, name: str, version_id: str, resource_id: str, seq: int, slice_number: int
    ) -> Progress:
        place = (self._customer_id, seq, slice_number)

        def parse(record: Mapping[str, Any]) -> Progress:
            _check_place(name, place == (record["customer_id"], record["seq"], record["slice_number"]))
            progress = Progress.from_json(record)
            _check_place(name, resource_id == progress.resource.id)
            return progress

        return parse_record(name, await self._store.read(name, version_id=version_id), parse)

    async def commit_progress(self, progress: Progress) -> None:
        """Raises BlobExistsError when that slice is committed already."""
        name = progress_name(progress.resource.id, progress.seq, progress.slice_number)
        _check_place(name, self._customer_id == progress.customer_id)
        await self._store.create(name, encode_record(progress.to_json()))


def _free(taken: Container[int], above: int) -> int:
    free = next(number for number in count(above + 1) if number not in taken)
    if free > MOST_SEQ:
        raise IntegrityError("The numbers of a resource's records are used up: a record of the greatest one is there.")
    return free


def _check_place(name: str, is_right: bool) -> None:
    if not is_right:
        raise IntegrityError(f"The record {name} is of another customer, resource or number.", name=name)
