"""One small DuckDB: bounded memory, its own temporary folder, nothing from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

MEMORY_LIMIT = "128MB"
THREADS = 1


def connect(folder: Path, *, database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """Open a database that spills into ``folder``. ``database`` is a file in it, or in memory. Extensions are neither
    looked for nor loaded."""
    settings: dict[str, Any] = {
        "memory_limit": MEMORY_LIMIT,
        "threads": THREADS,
        "temp_directory": str(folder / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": False,
    }
    path = database if database == ":memory:" else str(folder / database)
    return duckdb.connect(path, config=settings)


def quoted(path: Path) -> str:
    """A path as an SQL string literal, for the statements that take no parameters."""
    return "'" + str(path).replace("'", "''") + "'"
