"""HTTP to look into snapshots: which there are, what lies in their folders, what they miss."""

from __future__ import annotations

from typing import Any

import azure.durable_functions as df
import azure.functions as func

from functions.http import answer, answers_problems, only_query, whole_number
from shared_code.model.item import ItemVersion, format_time
from shared_code.model.resource import Customer
from shared_code.model.snapshot import MOST_SEQ
from shared_code.restore.restores import Restores
from shared_code.restore.results import missing_json
from shared_code.wiring import application

bp = df.Blueprint()

_PAGE = 100
_LARGEST_PAGE = 1_000


@bp.route("customers/{customer}/resources/{resource}/snapshots", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@answers_problems
async def list_snapshots(req: func.HttpRequest) -> func.HttpResponse:
    """A resource's snapshots, newest first; of one whose record is damaged that alone is known."""
    only_query(req)
    _, restores = await restores_of(req)
    now = application().now()
    points = await restores.snapshots(req.route_params["resource"])
    return answer({"snapshots": [point.to_json(now) for point in points]})


@bp.route(
    "customers/{customer}/resources/{resource}/snapshots/{seq}/items",
    methods=["GET"],
    auth_level=func.AuthLevel.FUNCTION,
)
@answers_problems
async def list_items(req: func.HttpRequest) -> func.HttpResponse:
    """One page of a folder of a snapshot: ``parent`` (its id; none: the top), ``limit``, ``token`` of the
    page before."""
    only_query(req, "parent", "limit", "token")
    _, restores = await restores_of(req)
    view = await restores.folder(
        req.route_params["resource"],
        whole_number(req.route_params["seq"], "seq", 1, MOST_SEQ),
        req.params.get("parent", ""),
        whole_number(req.params.get("limit", str(_PAGE)), "limit", 1, _LARGEST_PAGE),
        req.params.get("token", ""),
    )
    return answer(
        {
            "snapshot": view.snapshot.to_json(application().now()),
            "path": [{"id": entry.change.item_id, "name": entry.change.name} for entry in view.path],
            "items": [_item_json(entry) for entry in view.children],
            "next_token": view.next_token,
        }
    )


@bp.route(
    "customers/{customer}/resources/{resource}/snapshots/{seq}/missing",
    methods=["GET"],
    auth_level=func.AuthLevel.FUNCTION,
)
@answers_problems
async def list_missing(req: func.HttpRequest) -> func.HttpResponse:
    """What a snapshot does not hold as it was on its day, by item: failed, skipped, given up."""
    only_query(req)
    _, restores = await restores_of(req)
    seq = whole_number(req.route_params["seq"], "seq", 1, MOST_SEQ)
    return answer(missing_json(await restores.resolve(req.route_params["resource"], seq=seq)))


async def restores_of(req: func.HttpRequest) -> tuple[Customer, Restores]:
    """The customer that the path names, and its restores. Raises CustomerNotFoundError, InvalidIdError."""
    app = application()
    customer = await app.customers.get(req.route_params["customer"])
    return customer, app.restores(customer)


def _item_json(version: ItemVersion) -> dict[str, Any]:
    change = version.change
    return {
        "id": change.item_id,
        "kind": str(change.kind),
        "is_folder": change.kind.is_folder,
        "name": change.name,
        "sender": change.sender,
        "time": format_time(change.time) if change.time else None,
        "size_bytes": change.size_bytes,
        "forms": [str(entry.form) for entry in version.representations],
    }
