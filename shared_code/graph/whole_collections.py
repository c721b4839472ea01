"""Small collections that are asked for many at a time: the whole of each, whatever the number of its pages."""

from __future__ import annotations

from typing import Any

from shared_code.errors import SourceUnavailableError
from shared_code.graph.answer import Asked
from shared_code.graph.batch import BatchAnswer
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, values_of


async def all_values(client: GraphClient, answer: BatchAnswer, asked: Asked) -> list[dict[str, Any]]:
    """The values of a collection whose first page is a successful answer of a batch. Raises SourceUnavailableError
    for an answer that is no collection, since taking it for an empty one would lose what it should have held."""
    page = answer.json_object()
    if not isinstance(page.get("value"), list):
        raise SourceUnavailableError(f"{asked.operation}: an answer is no collection.", **(asked.ids or {}))
    values = values_of(page)
    link = text_of(page.get("@odata.nextLink"))
    if link:
        async for following in client.get_pages(client.link(link), asked):
            values += values_of(following)
    return values
