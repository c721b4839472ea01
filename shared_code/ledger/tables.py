"""One Azure Tables client for the whole ledger: keys that are safe, rows that are JSON, errors translated once."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from shared_code.errors import LedgerError, LedgerUnavailableError, RowExistsError

# A property holds at most 64 KiB of UTF-16 and an entity 1 MiB
# (learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model, checked 2026-11-24).
_PLAIN_CHARACTERS = 30_000
_PART_BYTES = 60_000
_MAX_PARTS = 15
_BATCH = 100
_BRIEF = "brief"


def table_key(value: str) -> str:
    """A key that the table service takes, whatever ``value`` is: itself where it is plain, else its SHA-256."""
    plain = value.isascii() and len(value) <= 200 and all(c.isalnum() or c in "-_.!,:=" for c in value)
    return value if plain and value else "~" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


class Table:
    """Rows of one table: (partition, row) -> a JSON value. Writes of one row are atomic and safe to replay. Beside a
    large value may stand a brief one, so that a list need not load it."""

    def __init__(self, service: TableServiceClient, name: str) -> None:
        self._client: TableClient = service.get_table_client(name)
        self._made = False

    async def insert(self, partition: str, row: str, value: Any, *, brief: Any = None) -> None:
        """Raises RowExistsError when the row is there."""
        await self._ensure()
        try:
            await self._client.create_entity(_entity(partition, row, value, brief))
        except ResourceExistsError as error:
            raise RowExistsError("That row of the ledger exists.", row=row) from error
        except AzureError as error:
            raise _translated(error) from error

    async def put(self, partition: str, row: str, value: Any, *, brief: Any = None) -> None:
        """Insert or replace."""
        await self._ensure()
        try:
            await self._client.upsert_entity(_entity(partition, row, value, brief), mode=UpdateMode.REPLACE)
        except AzureError as error:
            raise _translated(error) from error

    async def exchange(self, partition: str, row: str, old: Any, new: Any, *, brief: Any = None) -> bool:
        """Replace the value when it is still ``old``, and tell whether it was: of several callers one succeeds."""
        await self._ensure()
        try:
            entity = await self._client.get_entity(table_key(partition), table_key(row))
            if _value(entity) != old:
                return False
            await self._client.update_entity(
                _entity(partition, row, new, brief),
                mode=UpdateMode.REPLACE,
                etag=entity.metadata["etag"],
                match_condition=MatchConditions.IfNotModified,
            )
        except (ResourceNotFoundError, ResourceModifiedError):
            return False
        except AzureError as error:
            raise _translated(error) from error
        return True

    async def put_many(self, partition: str, rows: Iterable[tuple[str, Any]]) -> None:
        """Insert or replace many rows of one partition, at most 100 in a request."""
        unique = dict(rows)
        if len(unique) == 1:  # without the frame of a batch
            [(row, value)] = unique.items()
            await self.put(partition, row, value)
            return
        await self._ensure()
        entities = [_entity(partition, row, value) for row, value in unique.items()]
        for start in range(0, len(entities), _BATCH):
            operations: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
                ("upsert", entity, {"mode": UpdateMode.REPLACE}) for entity in entities[start : start + _BATCH]
            ]
            try:
                await self._client.submit_transaction(operations)
            except AzureError as error:
                raise _translated(error) from error

    async def get(self, partition: str, row: str) -> Any | None:
        """The value, or None."""
        await self._ensure()
        try:
            return _value(await self._client.get_entity(table_key(partition), table_key(row)))
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            raise _translated(error) from error

    async def remove(self, partition: str, row: str) -> None:
        """Delete a row; one that is not there is as good as deleted."""
        await self._ensure()
        try:
            await self._client.delete_entity(table_key(partition), table_key(row))
        except ResourceNotFoundError:
            return
        except AzureError as error:
            raise _translated(error) from error

    async def rows(self, partition: str, *, first: str = "") -> list[Any]:
        """The values of a partition in the order of their rows, from row ``first`` on (a plain key)."""
        return [value async for value in self._scan(partition, first)]

    async def briefs(self, partition: str) -> list[tuple[str, Any | None]]:
        """The rows of a partition, in their order, with the brief value of each; None for one that has none. Rows are
        named by their keys: as they were given where they are plain."""
        await self._ensure()
        try:
            entities = self._client.query_entities(
                "PartitionKey eq @partition", parameters={"partition": table_key(partition)}, select=["RowKey", _BRIEF]
            )
            return [
                (entity["RowKey"], json.loads(entity[_BRIEF]) if entity.get(_BRIEF) else None)
                async for entity in entities
            ]
        except AzureError as error:
            raise _translated(error) from error

    async def _scan(self, partition: str, first: str) -> AsyncIterator[Any]:
        await self._ensure()
        try:
            entities = self._client.query_entities(
                "PartitionKey eq @partition and RowKey ge @first",
                parameters={"partition": table_key(partition), "first": first},
            )
            async for entity in entities:
                yield _value(entity)
        except AzureError as error:
            raise _translated(error) from error

    async def _ensure(self) -> None:
        if self._made:
            return
        try:
            await self._client.create_table()
        except ResourceExistsError:
            pass
        except AzureError as error:
            raise _translated(error) from error
        self._made = True


def _entity(partition: str, row: str, value: Any, brief: Any = None) -> dict[str, Any]:
    entity: dict[str, Any] = {"PartitionKey": table_key(partition), "RowKey": table_key(row)}
    if brief is not None:
        entity[_BRIEF] = json.dumps(brief)
    text = json.dumps(value)  # ASCII: any string of a tenant survives
    if len(text) <= _PLAIN_CHARACTERS:
        entity["json"] = text
        return entity
    packed = zlib.compress(text.encode("ascii"))
    parts = [packed[at : at + _PART_BYTES] for at in range(0, len(packed), _PART_BYTES)]
    if len(parts) > _MAX_PARTS:
        raise LedgerError(f"A ledger row holds at most {_PART_BYTES * _MAX_PARTS} bytes, compressed.", row=row)
    entity.update({f"zlib{number:02d}": part for number, part in enumerate(parts)})
    return entity


def _value(entity: Any) -> Any:
    if "json" in entity:
        return json.loads(entity["json"])
    parts = (entity[name] for name in sorted(entity) if name.startswith("zlib"))
    return json.loads(zlib.decompress(b"".join(parts)))


def _translated(error: AzureError) -> LedgerError:
    status = error.status_code if isinstance(error, HttpResponseError) else None
    return LedgerUnavailableError(f"The ledger's table service failed (status {status}). Try again later.")
