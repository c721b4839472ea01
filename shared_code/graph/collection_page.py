"""The values of one page of a collection, told apart from an answer that is no page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared_code.errors import SourceUnavailableError
from shared_code.graph.answer import Asked
from shared_code.graph.odata import values_of


def page_values(page: Mapping[str, Any], asked: Asked) -> list[dict[str, Any]]:
    """The objects on the page. Raises SourceUnavailableError for an answer that is no page of a collection: taken for
    an empty one, it would end a listing, and what the listing should have held would count as deleted."""
    if not isinstance(page.get("value"), list):
        raise SourceUnavailableError(f"{asked.operation}: an answer is no page of a collection.", **(asked.ids or {}))
    return values_of(page)
