"""Pages go back with their layout and web parts, and are published where they were.

Sources: graph-docs sitepage-create, sitepage-update, sitepage-publish (v1.0, checked 2026-11). Some web parts cannot be
written: then the page comes back without them, and the restore says so. Author and dates are set by SharePoint alone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from shared_code.errors import BackupError, SourceError, SourceNotFoundError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.target_names import escaped, is_writable, numbered
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.sites.pages import CAST, PAGE_EXPAND, comparable, is_published, written_body
from shared_code.graph.sites.target_lists import READ
from shared_code.graph.target_outcomes import failed, read_form
from shared_code.model.item import Form
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import RestoreItem, WriteState, Written

WRITE = "Sites.ReadWrite.All"
_MOST_NAMES = 20
_OCCUPIED = "Another page has its place; choose keep_both or replace to have the stored one."
_BESIDE = "Another page has its place; it came back beside it under a name with (restored)."
_WEB_PARTS = "web parts of it are of kinds that Graph does not write; it came back without them."


class SiteTargetPages:
    """The pages of one site, for one slice."""

    def __init__(self, client: GraphClient, site_id: str) -> None:
        self._client = client
        self._site_id = site_id
        self._names: dict[str, str] | None = None

    async def write(self, label: str, items: Sequence[RestoreItem]) -> AsyncIterator[Written]:
        """Write pages one after the other; ``label`` goes before the names of those restored beside present ones."""
        for item in items:
            try:
                yield await self._write_one(label, item)
            except BackupError as error:
                yield failed(item, error)

    async def _write_one(self, label: str, item: RestoreItem) -> Written:
        stored = json.loads(await read_form(item, Form.NATIVE))
        name = item.version.change.name
        name = name if is_writable(name) else escaped(name)
        present = None if label else await self._page(item.id)
        if present is None:
            name = f"{label} {name}" if label else name
            present = await self._named(name)
        if present is None:
            return await self._create(item, stored, name)
        if comparable(present) == comparable(stored):
            state = WriteState.RESTORED if item.tried_before else WriteState.EXISTING
            return Written(item.id, state, text_of(present.get("id")))
        if item.tried_before and _is_draft_of(present, stored):
            return await self._finished(item, stored, text_of(present.get("id")), 0)
        if item.conflict is ConflictRule.SKIP:
            return Written(item.id, WriteState.OCCUPIED, text_of(present.get("id")), error=_OCCUPIED)
        if item.conflict is ConflictRule.REPLACE:
            return await self._change(item, stored, text_of(present.get("id")))
        return await self._beside(item, stored, name)

    async def _beside(self, item: RestoreItem, stored: Mapping[str, Any], name: str) -> Written:
        for number in range(1, _MOST_NAMES):
            candidate = numbered(name, number)
            beside = await self._named(candidate)
            if beside is None:
                return await self._create(item, stored, candidate, _BESIDE)
            if comparable(beside) == comparable(stored):
                state = WriteState.RESTORED if item.tried_before else WriteState.EXISTING
                return Written(item.id, state, text_of(beside.get("id")), error=_BESIDE)
        return Written(item.id, WriteState.FAILED, error="Other pages have the names that it could have.")

    async def _create(self, item: RestoreItem, stored: Mapping[str, Any], name: str, note: str = "") -> Written:
        body = {**written_body(stored), "name": name, "pageLayout": stored.get("pageLayout") or "article"}
        answer, left_out = await self._written("POST", "/sites/{site}/pages", {}, body, "make a page")
        page_id = text_of(answer.get("id"))
        if not page_id:
            raise SourceError("A page was made and answers without an id.")
        self._names = None
        return await self._finished(item, stored, page_id, left_out, note)

    async def _change(self, item: RestoreItem, stored: Mapping[str, Any], page_id: str) -> Written:
        path = f"/sites/{{site}}/pages/{{page}}/{CAST}"
        _, left_out = await self._written("PATCH", path, {"page": page_id}, written_body(stored), "change a page")
        return await self._finished(item, stored, page_id, left_out)

    async def _written(
        self, method: str, path: str, parts: Mapping[str, str], body: dict[str, Any], operation: str
    ) -> tuple[dict[str, Any], int]:
        """Send a page; where Graph refuses it, without the web parts that may be the cause. Returns the answer and how
        many were left out."""
        try:
            return await self._send(method, path, parts, body, operation), 0
        except SourceError as error:
            bare, left_out = _with_text_parts_alone(body)
            if error.context.get("status") != 400 or not left_out:
                raise
        return await self._send(method, path, parts, bare, operation), left_out

    async def _send(
        self, method: str, path: str, parts: Mapping[str, str], body: dict[str, Any], operation: str
    ) -> dict[str, Any]:
        info = self._client.request(method, path, site=self._site_id, **parts)
        return await self._client.send_json(info, body, Asked(operation, WRITE))

    async def _finished(
        self, item: RestoreItem, stored: Mapping[str, Any], page_id: str, left_out: int, note: str = ""
    ) -> Written:
        if is_published(stored):
            path = f"/sites/{{site}}/pages/{{page}}/{CAST}/publish"
            info = self._client.request("POST", path, site=self._site_id, page=page_id)
            await self._client.send(info, Asked("publish a page", WRITE), idempotent=True)
        seen = await self._page(page_id)
        if seen is None:
            return Written(item.id, WriteState.DIFFERS, page_id, error="It was written and is not there any more.")
        if left_out or comparable(seen) != comparable(stored):
            error = f"{left_out} {_WEB_PARTS}" if left_out else "It was written, and differs from the stored page."
            return Written(item.id, WriteState.DIFFERS, page_id, error=error)
        size_bytes = sum(each.size_bytes for each in item.version.representations)
        return Written(item.id, WriteState.RESTORED, page_id, size_bytes, note)

    async def _page(self, page_id: str) -> dict[str, Any] | None:
        path = f"/sites/{{site}}/pages/{{page}}/{CAST}{{?%24expand}}"
        request = with_query(self._client.request("GET", path, site=self._site_id, page=page_id), expand=PAGE_EXPAND)
        try:
            return await self._client.get_json(request, Asked("read a page", READ))
        except SourceNotFoundError:
            return None
        except SourceError as error:
            if error.context.get("status") != 400:  # an id that is none here
                raise
            return None

    async def _named(self, name: str) -> dict[str, Any] | None:
        if self._names is None:
            request = self._client.request("GET", f"/sites/{{site}}/pages/{CAST}", site=self._site_id)
            found: dict[str, str] = {}
            async with aclosing(self._client.get_pages(request, Asked("list pages", READ))) as listing:
                async for page in listing:
                    found |= {text_of(each.get("name")).casefold(): text_of(each.get("id")) for each in values_of(page)}
            self._names = found
        page_id = self._names.get(name.casefold())
        return await self._page(page_id) if page_id else None


def _is_draft_of(present: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Whether a page is the stored one but for its publication: an earlier attempt came no further."""
    return is_published(stored) and {**comparable(present), "published": True} == comparable(stored)


def _with_text_parts_alone(body: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The page without web parts other than texts, and how many those are."""
    left_out = 0

    def bare(value: Any) -> Any:
        nonlocal left_out
        if isinstance(value, Mapping):
            found = {name: bare(entry) for name, entry in value.items()}
            parts = value.get("webparts")
            if isinstance(parts, list):
                kept = [part for part in parts if isinstance(part, Mapping) and "innerHtml" in part]
                left_out += len(parts) - len(kept)
                found["webparts"] = kept
            return found
        return [bare(entry) for entry in value] if isinstance(value, list) else value

    return bare(body), left_out
