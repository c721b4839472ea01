"""Rows of one slice -> a spool on disk -> one Parquet segment in the store."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from shared_code.model.item import ItemKind
from shared_code.model.snapshot import SegmentKind, SegmentRef
from shared_code.vault.blob_names import random_name, segment_name
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.catalog_rows import FORMAT_KEY, FORMAT_VERSION, SPOOL_COLUMNS
from shared_code.vault.duckdb_session import connect, quoted
from shared_code.vault.pack_table import PackTable
from shared_code.vault.pack_writer import create_or_adopt

_ROWS_PER_GROUP = 16 * 1024
_RUN_BYTES = 6 * 1024 * 1024
_FOLDER_KINDS = frozenset(str(kind) for kind in ItemKind if kind.is_folder)
_encode = json.JSONEncoder(separators=(",", ":")).encode

_TO_PARQUET = """
COPY (
    SELECT feed, item_id, kind, parent_id, name, sender, "time", size_bytes, etag, content_hash, opens_feed,
           skip_cause, deleted, seq, ordinal,
           list_transform(representations, lambda r: {{
               'form': r.f,
               'size_bytes': r.s,
               'chunks': list_transform(r.c, lambda c: {{
                   'pack': getvariable('packs')[c.p + 1],
                   'version_id': getvariable('version_ids')[c.p + 1],
                   'offset': c.o, 'length': c.l, 'size_bytes': c.s, 'sha256': c.h
               }})
           }}) AS representations,
           properties
    FROM read_json({spool}, format = 'newline_delimited', columns = {columns}, maximum_object_size = {longest})
) TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group}, KV_METADATA {{'{key}': '{version}'}})
"""


class RowSpool:
    """Rows on their way into a segment, on disk but for the last few MiB.

    They are sorted for browsing (by parent, folders first, then name and id) in runs of as much as is kept in
    memory, so the rows of a folder lie together in each run. Sorting all of a large segment would need its whole
    size in memory, and no reader relies on an order.
    """

    def __init__(self, temp_dir: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="slice-", dir=temp_dir))
        self._file: IO[bytes] = (self._folder / "rows.jsonl").open("wb")
        self._longest = 0
        self._run: list[tuple[tuple[str, bool, str, str, int], bytes]] = []
        self._run_bytes = 0
        self.rows = 0

    def append(self, row: dict[str, Any]) -> None:
        """Add one row (``catalog_rows.spool_row``)."""
        line = _encode(row).encode("ascii") + b"\n"
        self._longest = max(self._longest, len(line))
        place = (
            row["parent_id"],
            row["kind"] not in _FOLDER_KINDS,
            row["name"],
            row["item_id"],
            row["ordinal"],
        )
        self._run.append((place, line))
        self._run_bytes += len(line)
        self.rows += 1
        if self._run_bytes >= _RUN_BYTES:
            self._write_run()

    async def write_segment(
        self,
        store: BlobStore,
        resource_id: str,
        seq: int,
        slice_number: int,
        kind: SegmentKind,
        packs: PackTable,
    ) -> SegmentRef:
        """Turn the rows into a segment and upload it. Every pack of ``packs`` is in the store by now."""
        data = await asyncio.to_thread(self._to_parquet, packs.names, packs.version_ids)
        sha256 = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        name = segment_name(resource_id, seq, slice_number, kind, random_name())
        info = await create_or_adopt(store, name, data)
        return SegmentRef(name, info.version_id, kind, self.rows, len(data), sha256)

    def remove(self) -> None:
        """Let go of the files; safe twice."""
        self._file.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write_run(self) -> None:
        self._run.sort()
        self._file.writelines(line for _, line in self._run)
        self._run.clear()
        self._run_bytes = 0

    def _to_parquet(self, names: Sequence[str], version_ids: Sequence[str]) -> bytes:
        self._write_run()
        self._file.close()
        target = self._folder / "segment.parquet"
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in SPOOL_COLUMNS.items())
        with connect(self._folder) as database:
            database.execute("SET VARIABLE packs = ?::VARCHAR[]", [list(names)])
            database.execute("SET VARIABLE version_ids = ?::VARCHAR[]", [list(version_ids)])
            database.execute(
                _TO_PARQUET.format(
                    spool=quoted(self._folder / "rows.jsonl"),
                    columns=f"{{{columns}}}",
                    longest=max(2 * self._longest, 1024 * 1024),
                    target=quoted(target),
                    group=_ROWS_PER_GROUP,
                    key=FORMAT_KEY,
                    version=FORMAT_VERSION,
                )
            )
        return target.read_bytes()
