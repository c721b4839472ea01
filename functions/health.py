"""Whether the service is up, for anybody; and whether every store is what it should be, for who has a key."""

from __future__ import annotations

import asyncio
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from functions.http import answer, answers_problems, only_query, store_warnings
from shared_code.errors import BackupError
from shared_code.model.resource import Customer
from shared_code.wiring import Application, application

bp = df.Blueprint()
_STORES_AT_ONCE = 16
_STATES = {True: "immutable", False: "not_immutable", None: "none_yet"}


@bp.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers_problems
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Whether the settings are usable and the ledger answers. Tells nothing else: anybody may ask."""
    await application().customers.all()
    return answer({"status": "healthy"})


@bp.route("stores", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def list_stores(req: func.HttpRequest) -> func.HttpResponse:
    """Whether the store of each customer enforces WORM. One in trouble is told, and is not the whole service's."""
    only_query(req)
    app = application()
    places = asyncio.Semaphore(_STORES_AT_ONCE)
    stores = await asyncio.gather(*(_store(app, customer, places) for customer in await app.customers.all()))
    is_any_mutable = any(store["state"] == _STATES[False] for store in stores)
    return answer(
        {
            "local_run": app.settings.local_run,
            "stores": stores,
            "warnings": store_warnings(False if is_any_mutable else None),
        }
    )


async def _store(app: Application, customer: Customer, places: asyncio.Semaphore) -> dict[str, Any]:
    async with places:
        try:
            return {"customer": customer.id, "state": _STATES[await app.own_container(customer).is_immutable()]}
        except BackupError as error:
            return {"customer": customer.id, "state": "out_of_reach", "error": error.message}
