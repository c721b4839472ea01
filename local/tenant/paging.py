"""Collections that are paged by $top and $skip."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from local.tenant.answers import Answer, Json, json_answer
from local.tenant.call import Call

_LARGEST_PAGE = 1000


def paged(call: Call, values: Iterable[Any], context: str, show: Callable[[Any], Json], total: int) -> Answer:
    """Answer a collection with $top, $skip and $count, and a nextLink when more is left."""
    top = max(1, call.integer("$top", 10, _LARGEST_PAGE))
    skip = call.integer("$skip", 0, 1 << 40)
    page = list(islice(values, skip, skip + top + 1))
    body: Json = {"@odata.context": f"{call.base_url}/v1.0/$metadata#{context}"}
    if call.query.get("$count", "").lower() == "true":
        body["@odata.count"] = total
    body["value"] = [show(value) for value in page[:top]]
    if len(page) > top:
        kept = [
            part for part in call.raw_query.split("&") if part and not part.lower().startswith(("$skip=", "%24skip="))
        ]
        body["@odata.nextLink"] = f"{call.base_url}{call.path}?{'&'.join([*kept, f'$skip={skip + top}'])}"
    return json_answer(body)
