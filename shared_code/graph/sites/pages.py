"""Pages of a site, as they are listed and read, and when two of them are equal.

Sources: graph-docs sitepage-list, sitepage-get, resources/sitepage (v1.0, checked 2026-11). There is no delta; the tag
changes with every edit, also of a draft.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared_code.graph.odata import text_of, time_of
from shared_code.graph.sites.names import PAGES_ID, computed_etag
from shared_code.model.item import Change, ItemKind

CAST = "microsoft.graph.sitePage"
PAGE_EXPAND = "canvasLayout"
# "Update sitePage" (checked 2026-11): what can be written.
WRITTEN = (
    "title",
    "description",
    "promotionKind",
    "showComments",
    "showRecommendedPages",
    "thumbnailWebUrl",
    "titleArea",
    "canvasLayout",
)


def pages_folder() -> Change:
    """The folder that stands for the library of pages, whatever it is called in the site's language."""
    return Change(PAGES_ID, ItemKind.LIBRARY, name="Site Pages", etag="1", properties={"pages": True})


def page_change(value: Mapping[str, Any]) -> Change | None:
    """A page of the listing; None for one without an id."""
    page_id = text_of(value.get("id"))
    if not page_id:
        return None
    state = value.get("publishingState")
    version = text_of(state.get("versionId")) if isinstance(state, Mapping) else ""
    tag = text_of(value.get("eTag")) or computed_etag({**value, "webUrl": None})
    return Change(
        page_id,
        ItemKind.PAGE,
        parent_id=PAGES_ID,
        name=text_of(value.get("name")) or text_of(value.get("title")),
        time=time_of(value.get("lastModifiedDateTime")),
        etag=f"{tag} {version}".strip(),
        properties={"title": text_of(value.get("title"))},
    )


def stored_page(value: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored of a page: everything that Graph shows, without what tells of the request."""
    return {name: entry for name, entry in value.items() if not name.startswith("@odata.")}


def is_published(page: Mapping[str, Any]) -> bool:
    """Whether readers see this version."""
    state = page.get("publishingState")
    return isinstance(state, Mapping) and state.get("level") == "published"


def comparable(page: Mapping[str, Any]) -> dict[str, Any]:
    """A page without ids and other things that a copy has of its own."""
    compared = {name: _bare(page[name]) for name in WRITTEN if page.get(name) not in (None, "", {}, [])}
    return {**compared, "pageLayout": page.get("pageLayout"), "published": is_published(page)}


def written_body(page: Mapping[str, Any]) -> dict[str, Any]:
    """The body that makes or changes a page."""
    body = {name: _unannotated(page[name]) for name in WRITTEN if page.get(name) is not None}
    return {"@odata.type": f"#{CAST}", **body}


def _bare(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _bare(entry)
            for name, entry in value.items()
            if not name.startswith("@") and name not in ("id", "serverProcessedContent") and entry is not None
        }
    return [_bare(entry) for entry in value] if isinstance(value, list) else value


def _unannotated(value: Any) -> Any:
    """Without OData's links and contexts, which a write refuses; types stay."""
    if isinstance(value, Mapping):
        return {
            name: _unannotated(entry)
            for name, entry in value.items()
            if name == "@odata.type" or ("@" not in name and entry is not None)
        }
    return [_unannotated(entry) for entry in value] if isinstance(value, list) else value
