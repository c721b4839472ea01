"""Many segments -> one base of everything alive."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from shared_code.model.snapshot import SegmentKind, SegmentRef
from shared_code.vault import catalog_sql as sql
from shared_code.vault.blob_names import random_name, segment_name
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.catalog_rows import FORMAT_KEY, FORMAT_VERSION
from shared_code.vault.catalog_state import CatalogState, OpenCatalog
from shared_code.vault.duckdb_session import quoted
from shared_code.vault.pack_writer import create_or_adopt


async def merge_segments(
    store: BlobStore, temp_dir: Path, resource_id: str, seq: int, slice_number: int, segments: Sequence[SegmentRef]
) -> SegmentRef | None:
    """Write what lives by these segments, and nothing else, into a new base segment; None when nothing does. The
    segments stay as they are. Raises VaultError."""
    catalog = OpenCatalog(store, segments, temp_dir)
    try:
        state = await catalog.state()
        rows = (await asyncio.to_thread(state.rows, sql.COUNT_LIVING))[0][0]
        if not rows:
            return None
        data = await asyncio.to_thread(_merged, state, temp_dir)
    finally:
        await catalog.aclose()
    sha256 = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
    name = segment_name(resource_id, seq, slice_number, SegmentKind.BASE, random_name())
    info = await create_or_adopt(store, name, data)
    return SegmentRef(name, info.version_id, SegmentKind.BASE, rows, len(data), sha256)


def _merged(state: CatalogState, temp_dir: Path) -> bytes:
    with tempfile.TemporaryDirectory(prefix="merge-", dir=temp_dir) as folder:
        target = Path(folder) / "base.parquet"
        state.run(sql.MERGE.format(target=quoted(target), key=FORMAT_KEY, version=FORMAT_VERSION))
        return target.read_bytes()
