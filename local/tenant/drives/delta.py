"""Drive delta: paging, cursors, `token=latest`, and the resync answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from local.tenant.answers import Answer, GraphError, Json, json_answer
from local.tenant.call import Call
from local.tenant.delta_round import Cursor, delta_page, open_cursor
from local.tenant.drives.drive import Drive
from local.tenant.drives.item import DriveItem
from local.tenant.drives.schema import deleted_json, item_json
from local.tenant.feed_log import Entry

_LARGEST_PAGE = 5000
_SHOWN_AT_ONCE = 20
_PREFERENCES = (
    "deltashowremovedasdeleted",
    "deltatraversepermissiongaps",
    "deltashowsharingchanges",
    "hierarchicalsharing",
)


async def answer_drive_delta(call: Call, drive: Drive) -> Answer:
    """Answer one page of a drive's delta. Which items are on it is settled at once; while they are written out, other
    requests are answered, for the service that lists does not hold up the one that delivers files. What changes in the
    meantime is shown as it is then, and again after the next cursor."""
    tenant = call.home
    now_s = int(tenant.clock.epoch_s())
    feed_name = f"{tenant.tenant_id}/drive/{drive.drive_id}"
    for preference in _PREFERENCES:
        call.preference(preference)
    text = call.query.get("token")
    options: Json = {"select": call.selected(), "top": call.integer("$top", 0, _LARGEST_PAGE)}
    if text == "latest":
        cursor = Cursor(feed_name, drive.seq, drive.seq, drive.seq, now_s, options)
        return _answer(call, drive, [], cursor, is_last=True)
    fresh = Cursor(feed_name, 0, 0, 0, now_s, options)
    cursor = fresh if text is None else _continued(call, text, feed_name, now_s)
    selected = cursor.options["select"]

    def show(entry: Entry) -> DriveItem | None:
        return drive.item(entry.number)

    page = delta_page(
        cursor,
        drive.feed.entries(cursor.after),
        drive.seq,
        int(cursor.options["top"] or tenant.settings.drive_page_size),
        now_s,
        show,
        lambda entry: deleted_json(drive, entry.number),
    )
    values = await _written(call, drive, page.values, selected)
    if cursor.since and tenant.settings.drive_delta_includes_parents and "deltaExcludeParent" not in call.headers:
        values = _with_parents(call, drive, values, selected)
    if tenant.settings.drive_delta_children_first:
        values.reverse()
    if tenant.settings.drive_delta_duplicates and values:
        values.append(values[0])
    return _answer(call, drive, values, page.following, is_last=page.is_last)


async def _written(
    call: Call, drive: Drive, entries: Sequence[DriveItem | Json], selected: list[str] | None
) -> list[Json]:
    values: list[Json] = []
    for entry in entries:
        if len(values) % _SHOWN_AT_ONCE == 0:
            await asyncio.sleep(0)
        shown = item_json(call, drive, entry, selected, with_path=False) if isinstance(entry, DriveItem) else entry
        values.append(shown)
    return values


def _with_parents(call: Call, drive: Drive, values: list[Json], selected: list[str] | None) -> list[Json]:
    """Add the folders above what changed, as the service does unless it is asked not to."""
    present = {value["id"] for value in values}
    added: list[Json] = []
    for value in values:
        item = None if "deleted" in value else drive.item(drive.item_number(value["id"]))
        while item is not None and item.parent is not None:
            item = drive.item(item.parent)
            if item is None or drive.item_id(item.number) in present:
                break
            present.add(drive.item_id(item.number))
            added.append(item_json(call, drive, item, selected, with_path=False))
    return [*added, *values]


def _answer(call: Call, drive: Drive, values: list[Json], following: Cursor, *, is_last: bool) -> Answer:
    link = "@odata.deltaLink" if is_last else "@odata.nextLink"
    token = following.seal(call.simulator.sealer)
    return json_answer(
        {
            "@odata.context": f"{call.base_url}/v1.0/$metadata#Collection(driveItem)",
            link: f"{call.base_url}{_delta_path(drive)}?token={token}",
            "value": values,
        }
    )


def _delta_path(drive: Drive) -> str:
    return f"/v1.0/drives/{drive.drive_id}/root/delta"


def resync_required(call: Call, fresh_link: str) -> GraphError:
    """The answer to a cursor that the service has forgotten."""
    return GraphError(
        410,
        "resyncRequired",
        "Resync required. Replace any local items with the server's version (including deletes).",
        inner_code=call.home.settings.resync_code,
        headers={"Location": fresh_link},
    )


def _continued(call: Call, text: str, feed_name: str, now_s: int) -> Cursor:
    try:
        cursor = open_cursor(call.simulator.sealer, text)
    except ValueError as error:
        raise GraphError(400, "invalidRequest", "The token is not valid.") from error
    if cursor.feed != feed_name:
        raise GraphError(400, "invalidRequest", "The token does not belong to this drive.")
    if cursor.is_older_than(call.home.settings.drive_delta_lifetime_days, now_s):
        token = Cursor(feed_name, 0, 0, 0, now_s, cursor.options).seal(call.simulator.sealer)
        path = call.path.split("?")[0]
        raise resync_required(call, f"{call.base_url}{path}?token={token}")
    return cursor
