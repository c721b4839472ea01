"""Delta answers of Outlook's feeds: paging, cursors, and how an unusable cursor is refused."""

from __future__ import annotations

import re
from collections.abc import Callable

from local.tenant.answers import Answer, GraphError, Json, json_answer
from local.tenant.call import Call
from local.tenant.delta_round import Cursor, delta_page, open_cursor
from local.tenant.feed_log import Entry, FeedLog

_LARGEST_PAGE = 1000
_PAGE_SIZE = re.compile(r"[0-9]{1,6}")


def answer_delta(
    call: Call,
    feed_name: str,
    feed: FeedLog,
    newest_seq: int,
    show: Callable[[Entry, list[str] | None], Json | None],
    show_removed: Callable[[Entry], Json],
    context: str,
) -> Answer:
    """Answer one page of an Outlook delta feed. Cursors are bound to feed and tenant."""
    tenant = call.home
    now_s = int(tenant.clock.epoch_s())
    bound_name = f"{tenant.tenant_id}/{feed_name}"
    text = call.query.get("$deltatoken") or call.query.get("$skiptoken")
    if text is None:
        options = {"select": call.selected(), "top": call.integer("$top", 0, _LARGEST_PAGE)}
        cursor = Cursor(bound_name, 0, 0, 0, now_s, options)
    else:
        cursor = _continued(call, text, bound_name, now_s)
    preferred = call.preference("odata.maxpagesize")
    page_size = int(preferred) if preferred and _PAGE_SIZE.fullmatch(preferred) else int(cursor.options["top"] or 0)
    page_size = min(page_size or tenant.settings.outlook_page_size, _LARGEST_PAGE)
    selected = cursor.options["select"]
    page = delta_page(
        cursor,
        feed.entries(cursor.after),
        newest_seq,
        page_size,
        now_s,
        lambda entry: show(entry, selected),
        show_removed,
    )
    token = page.following.seal(call.simulator.sealer)
    link, name = ("@odata.deltaLink", "$deltatoken") if page.is_last else ("@odata.nextLink", "$skiptoken")
    return json_answer(
        {
            "@odata.context": f"{call.base_url}/v1.0/$metadata#{context}",
            link: f"{call.base_url}{call.path}?{name}={token}",
            "value": page.values,
        }
    )


def _continued(call: Call, text: str, bound_name: str, now_s: int) -> Cursor:
    settings = call.home.settings
    try:
        cursor = open_cursor(call.simulator.sealer, text)
    except ValueError as error:
        raise GraphError(400, "ErrorInvalidUrlQuery", "Badly formed token.") from error
    if cursor.feed != bound_name:
        raise GraphError(400, "ErrorInvalidUrlQuery", "Badly formed token.")
    if cursor.is_older_than(settings.outlook_delta_lifetime_days, now_s):
        raise GraphError(
            settings.outlook_expired_status,
            "syncStateNotFound",
            "The sync state generation is not found; state_not_found.",
            headers={"Location": f"{call.base_url}{call.path}"} if settings.outlook_expired_status == 410 else None,
        )
    return cursor
