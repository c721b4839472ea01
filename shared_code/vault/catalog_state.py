"""The rows of some segments in a small database of their own: what every question to the catalog is asked of."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared_code.errors import UnsupportedFormatError
from shared_code.model.item import ItemVersion
from shared_code.model.snapshot import SegmentRef
from shared_code.vault import catalog_sql as sql
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.catalog_rows import FORMAT_KEY, FORMAT_VERSION, version_of
from shared_code.vault.catalog_segments import fetch_segments
from shared_code.vault.duckdb_session import connect, quoted

_FETCH_AT_ONCE = 1000
_IN_MEMORY_ROWS = 20_000


class CatalogState:
    """A database with bounded memory (see duckdb_session): small ones in it, larger ones in a file, whose pages need
    not stay. Methods block: call them in a thread. Calls from several threads take turns."""

    def __init__(self, folder: Path, segments: Sequence[SegmentRef], paths: Sequence[Path]) -> None:
        self._turn = threading.Lock()
        is_small = sum(segment.rows for segment in segments) <= _IN_MEMORY_ROWS
        self._database = connect(folder, database=":memory:" if is_small else "catalog.duckdb")
        self._database.execute(sql.SETTINGS)
        self._database.execute(sql.CREATE_ROWS)
        if paths:
            self._load(segments, paths)
        self._database.execute(sql.INDEX_ROWS)

    def rows(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of the answer."""
        with self._turn:
            return self._database.execute(statement, parameters or {}).fetchall()

    def run(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """For statements without an answer."""
        with self._turn:
            self._database.execute(statement, parameters or {})

    def fetch(self, ids: Sequence[int]) -> dict[int, ItemVersion]:
        """The versions of these row ids, in their order."""
        found: dict[int, ItemVersion] = {}
        for start in range(0, len(ids), _FETCH_AT_ONCE):
            some = list(ids[start : start + _FETCH_AT_ONCE])
            statement = sql.FETCH.format(marks=", ".join("?" * len(some)))
            with self._turn:
                rows = self._database.execute(statement, some).fetchall()
            found.update((row[0], version_of(row[1:])) for row in rows)
        return {row_id: found[row_id] for row_id in ids}

    def close(self) -> None:
        """Let go of the database."""
        with self._turn:
            self._database.close()

    def _load(self, segments: Sequence[SegmentRef], paths: Sequence[Path]) -> None:
        for segment, path in zip(segments, paths, strict=True):
            self._check_format(segment, path)
        keys = " UNION ALL ".join(
            sql.KEYS_OF.format(number=number, path=quoted(path)) for number, path in enumerate(paths)
        )
        self._database.execute(sql.FIND_NEWEST.format(keys=keys))
        self._database.execute(sql.FIND_SHOWN.format(keys=keys))
        for number, path in enumerate(paths):
            self._database.execute(sql.LOAD_SEGMENT.format(number=number, path=quoted(path)))
            path.unlink()

    def _check_format(self, segment: SegmentRef, path: Path) -> None:
        rows = self._database.execute(
            "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = ?", [str(path), FORMAT_KEY]
        ).fetchall()
        if rows != [(str(FORMAT_VERSION),)]:
            found = rows[0][0] if rows else "none"
            raise UnsupportedFormatError(
                f"The segment {segment.name} has format {found}; this release reads {FORMAT_VERSION}. "
                "Use the release that wrote it, or a newer one.",
                segment=segment.name,
            )


class OpenCatalog:
    """Segments that are fetched and loaded when the first question comes, and let go of at the end."""

    def __init__(self, store: BlobStore, segments: Sequence[SegmentRef], temp_dir: Path) -> None:
        self._store = store
        self._segments = tuple(segments)
        self._temp_dir = temp_dir
        self._folder: Path | None = None
        self._state: CatalogState | None = None
        self._opening = asyncio.Lock()

    async def state(self) -> CatalogState:
        """The loaded rows. Raises IntegrityError, UnsupportedFormatError, BlobNotFoundError."""
        async with self._opening:
            if self._state is None:
                self._state = await self._open()
            return self._state

    async def aclose(self) -> None:
        """Let go of memory and temporary files; safe twice."""
        async with self._opening:
            if self._state is not None:
                await asyncio.to_thread(self._state.close)
                self._state = None
            self._remove_folder()

    async def _open(self) -> CatalogState:
        self._folder = Path(tempfile.mkdtemp(prefix="catalog-", dir=self._temp_dir))
        try:
            paths = await fetch_segments(self._store, self._segments, self._folder)
            return await asyncio.to_thread(CatalogState, self._folder, self._segments, paths)
        except BaseException:
            self._remove_folder()
            raise

    def _remove_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
