"""One page of a site."""

from __future__ import annotations

from dataclasses import dataclass, field

from local.tenant.answers import Json

# "Update sitePage", learn.microsoft.com/graph/api/sitepage-update (checked 2026-11): the web parts that can be written.
SUPPORTED_WEB_PARTS = frozenset(
    {
        "e377ea37-9047-43b9-8cdb-a761be2f8e09",
        "0f087d7f-520e-42b7-89c0-496aaf979d58",
        "df8e44e7-edd5-46d5-90da-aca1539313b8",
        "2161a1c6-db61-4731-b97c-3cdb303f7cbb",
        "b7dd04e1-19ce-4b24-9132-b60a1c2b910d",
        "d1d91016-032f-456d-98a4-721247c305e8",
        "af8be689-990e-492a-81f7-ba3e4cd3ed9c",
        "6410b3b6-d440-4663-8744-378976dc041e",
        "e84a8ca2-f63c-4fb9-bc0b-d8eef5ccb22b",
        "7f718435-ee4d-431c-bdbf-9c4ff326f46e",
        "c70391ea-0b10-4ee9-b2b4-006d3fcad0cd",
        "8654b779-4886-46d4-8ffb-b5ed960ee986",
        "544dd15b-cf3c-441b-96da-004d5a8cea1d",
    }
)
WRITABLE = (
    "title",
    "description",
    "promotionKind",
    "showComments",
    "showRecommendedPages",
    "thumbnailWebUrl",
    "titleArea",
    "canvasLayout",
)


@dataclass(slots=True)
class SitePage:
    """`properties` are those that people write; `published` says what readers see is what editors see."""

    page_id: str
    name: str
    created: str
    modified: str
    layout: str = "article"
    properties: Json = field(default_factory=dict)
    version: int = 1
    major: int = 0
    published: bool = False

    def change(self, properties: Json, stamp: str) -> None:
        """Set properties: a new draft."""
        self.properties |= properties
        self.version += 1
        self.published = False
        self.modified = stamp

    def publish(self) -> None:
        """Make the draft what readers see."""
        self.published = True
        self.major += 1
        self.version += 1


def web_parts_of(canvas: Json) -> list[Json]:
    """Return every web part of a canvas."""
    found: list[Json] = []
    for section in canvas.get("horizontalSections") or []:
        for column in section.get("columns") or []:
            found += column.get("webparts") or []
    found += (canvas.get("verticalSection") or {}).get("webparts") or []
    return found
