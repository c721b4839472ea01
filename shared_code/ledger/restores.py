"""The journal of restores: their records, and what came of every folder and item.

Three tables. ``restores``: partition customer (with ``.running`` behind it for what is not known to have ended), row
restore. ``restorejournal``: partition restore (with
``.folders`` behind it for folders, ``.cancel`` for the wish to cancel it), row item. ``restoreclaims``: partition
customer, row claim.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from azure.data.tables.aio import TableServiceClient

from shared_code.errors import RowExistsError
from shared_code.ledger.tables import Table
from shared_code.model.restore import Restore, RestoreClaim, RestoreState, RestoreSummary
from shared_code.model.write_back import JournalEntry, WriteState, Written

_READS_AT_ONCE = 16
_ASKED = "asked"


class TableRestoreJournal:
    """RestoreJournal on Azure Tables. Every method is safe to replay."""

    def __init__(self, service: TableServiceClient) -> None:
        self._records = Table(service, "restores")
        self._journal = Table(service, "restorejournal")
        self._claims = Table(service, "restoreclaims")

    async def claimed(self, customer_id: str, name: str) -> RestoreClaim | None:
        """Who holds the claim of that name."""
        row = await self._claims.get(customer_id, name)
        return None if row is None else RestoreClaim(**row)

    async def claim(self, customer_id: str, name: str, wanted: RestoreClaim) -> RestoreClaim:
        """Take the claim if nobody holds it, and tell who does: of several callers one gets it."""
        try:
            await self._claims.insert(customer_id, name, _claim_row(wanted))
        except RowExistsError:
            return await self.claimed(customer_id, name) or wanted  # rows of this table stay
        return wanted

    async def take_over(self, customer_id: str, name: str, held: RestoreClaim, wanted: RestoreClaim) -> RestoreClaim:
        """Take the claim if ``held`` still holds it, and tell who does: of several callers one gets it."""
        if await self._claims.exchange(customer_id, name, _claim_row(held), _claim_row(wanted)):
            return wanted
        return await self.claimed(customer_id, name) or wanted

    async def create(self, restore: Restore) -> Restore:
        """Insert the record of a restore, and return the one that is there now: this one, or the one that was."""
        request = restore.request
        # Before the record, so that no record of a running restore is without it.
        await self._records.put(_running_of(request.customer_id), request.id, request.id)
        try:
            await self._records.insert(request.customer_id, request.id, restore.to_json(), brief=_brief(restore))
        except RowExistsError:
            return await self.get(request.customer_id, request.id) or restore  # rows of this table stay
        return restore

    async def ask_to_cancel(self, restore_id: str) -> None:
        """Note that a restore is to stop."""
        await self._journal.put(_cancel_of(restore_id), _ASKED, True)

    async def cancel_asked(self, restore_id: str) -> bool:
        """Whether a restore is to stop."""
        return bool(await self._journal.get(_cancel_of(restore_id), _ASKED))

    async def running(self, customer_id: str) -> tuple[str, ...]:
        """Ids of every restore of a customer that runs; one may be among them that has ended, or that has no record
        yet."""
        return tuple(await self._records.rows(_running_of(customer_id)))

    async def not_running(self, customer_id: str, restore_id: str) -> None:
        """Take one that has ended out of those that run."""
        await self._records.remove(_running_of(customer_id), restore_id)

    async def exchange(self, old: Restore, new: Restore) -> bool:
        """Replace the record of a restore when it is still ``old``, and tell whether it was; one that has ended runs no
        more."""
        customer_id, restore_id = new.request.customer_id, new.request.id
        was_old = await self._records.exchange(customer_id, restore_id, old.to_json(), new.to_json(), brief=_brief(new))
        if was_old and new.state is not RestoreState.RUNNING:
            await self.not_running(customer_id, restore_id)
        return was_old

    async def get(self, customer_id: str, restore_id: str) -> Restore | None:
        """The record of a restore."""
        value = await self._records.get(customer_id, restore_id)
        return None if value is None else Restore.from_json(value)

    async def newest(self, customer_id: str, limit: int) -> tuple[RestoreSummary, ...]:
        """A customer's restores, the last begun first. Reads neither their requests nor their problems."""
        summaries = []
        for restore_id, brief in await self._records.briefs(customer_id):
            if brief is not None:
                summaries.append(RestoreSummary.from_json(brief))
            elif restore := await self.get(customer_id, restore_id):  # of an earlier release
                summaries.append(restore.summary())
        summaries.sort(key=lambda summary: (summary.started_at, summary.restore_id), reverse=True)
        return tuple(summaries[:limit])

    async def folders(self, restore_id: str) -> Mapping[str, JournalEntry]:
        """What is known of the folders of a restore."""
        return _entries(await self._journal.rows(_folders_of(restore_id)))

    async def folder_done(self, restore_id: str, written: Written) -> None:
        """Note what came of a folder."""
        await self._journal.put(_folders_of(restore_id), written.item_id, _row(written))

    async def begin(
        self, restore_id: str, item_ids: Sequence[str], *, surely_new: bool = False
    ) -> Mapping[str, JournalEntry]:
        """Note that these are about to be written, and tell what was known of them before; what is known is
        kept. ``surely_new``: nothing can be known of them, so that nothing has to be read."""
        known = {} if surely_new else await self._known(restore_id, item_ids)
        new = [(item_id, {"item_id": item_id, "state": None}) for item_id in item_ids if item_id not in known]
        await self._journal.put_many(restore_id, new)
        return known

    async def done(self, restore_id: str, written: Sequence[Written]) -> None:
        """Note what came of them."""
        await self._journal.put_many(restore_id, [(entry.item_id, _row(entry)) for entry in written])

    async def entries(self, restore_id: str) -> Mapping[str, JournalEntry]:
        """What is known of every item of a restore, by item id."""
        return _entries(await self._journal.rows(restore_id))

    async def _known(self, restore_id: str, item_ids: Sequence[str]) -> dict[str, JournalEntry]:
        gate = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(item_id: str) -> Any | None:
            async with gate:
                return await self._journal.get(restore_id, item_id)

        # The table is made, if need be, by the first read alone.
        values = [await read(item_id) for item_id in item_ids[:1]]
        values += await asyncio.gather(*(read(item_id) for item_id in item_ids[1:]))
        return _entries([value for value in values if value is not None])


def _brief(restore: Restore) -> dict[str, Any]:
    return restore.summary().to_json()


def _running_of(customer_id: str) -> str:
    return f"{customer_id}.running"


def _folders_of(restore_id: str) -> str:
    return f"{restore_id}.folders"


def _cancel_of(restore_id: str) -> str:
    return f"{restore_id}.cancel"


def _claim_row(claim: RestoreClaim) -> dict[str, str]:
    return {"restore_id": claim.restore_id, "asked": claim.asked}


def _row(written: Written) -> dict[str, Any]:
    return {
        "item_id": written.item_id,
        "state": str(written.state),
        "target_id": written.target_id,
        "written_bytes": written.written_bytes,
        "error": written.error,
    }


def _entries(values: Sequence[Mapping[str, Any]]) -> dict[str, JournalEntry]:
    return {
        value["item_id"]: JournalEntry(
            WriteState(value["state"]) if value["state"] else None,
            value.get("target_id", ""),
            value.get("written_bytes", 0),
            value.get("error", ""),
        )
        for value in values
    }
