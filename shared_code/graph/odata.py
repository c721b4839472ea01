"""OData's query options and Prefer headers on the SDK's requests, and reading its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared_code.errors import SourceUnavailableError


def prefer(info: Any, *preferences: str) -> Any:
    """Add a Prefer header to a request; returns it."""
    info.headers.remove("Prefer")
    info.headers.add("Prefer", ", ".join(preferences))
    return info


def with_query(
    info: Any,
    *,
    select: Sequence[str] = (),
    top: int | None = None,
    expand: str | None = None,
) -> Any:
    """Set OData query options of a builder's request; returns it."""
    if select:
        info.query_parameters["%24select"] = list(select)
    if top is not None:
        info.query_parameters["%24top"] = top
    if expand is not None:
        info.query_parameters["%24expand"] = expand
    return info


def time_of(value: object) -> datetime | None:
    """An OData time as an aware UTC datetime; None when it is missing or none."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def text_of(value: object) -> str:
    """A text, exactly as it came (JSON may carry lone surrogates); "" for everything else."""
    return value if isinstance(value, str) else ""


def size_of(value: object) -> int:
    """A size in bytes; Int64 values may come as text. 0 for everything else."""
    if isinstance(value, str) and value.isdigit() and value.isascii() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def values_of(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The objects on a page of a collection."""
    values = page.get("value")
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def next_cursor(page: Mapping[str, Any], cursor: str | None) -> tuple[str, bool]:
    """Where a delta feed goes on behind the page at ``cursor``, and whether that was its last. Raises
    SourceUnavailableError for a page with neither link, since taking it for the end would lose what follows, and for
    one that names itself as the next, since that never ends."""
    following, final = page.get("@odata.nextLink"), page.get("@odata.deltaLink")
    if isinstance(following, str) and following:
        if following == cursor:
            raise SourceUnavailableError("A delta page names itself as the next one.")
        return following, False
    if isinstance(final, str) and final:
        return final, True
    raise SourceUnavailableError("A delta page came without the link to the next one.")
