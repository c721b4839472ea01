"""A site that answers oddly about one of its parts: nothing alive is buried, nothing else stops, all is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared_code.backup.budget import SliceBudget
from shared_code.backup.copier import ResourceCopier
from shared_code.errors import AccessDeniedError
from shared_code.graph.client import GraphClient
from shared_code.graph.sites.source import SiteSource
from shared_code.model.feed import FetchState
from shared_code.model.item import Change, ItemKind, ItemVersion
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.restore import Selection
from shared_code.model.snapshot import Snapshot
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore
from tests.fakes.backup_bench import TERMS
from tests.fakes.graph_server import FixedCredential, GraphServer, Reply, Seen
from tests.fakes.memory_damage import MemoryDamage
from tests.fakes.simulated_tenant import no_sleep

SITE = Resource(ResourceKind.SITE, "g1,g2", "Works", {"hostname": "c.sharepoint.example"})
Fault = Callable[[str], Reply | None]
EVERYTHING = {"settings", "L1", "L1:f1", "L1:f2", "L2", "L2:0000000001", "pages", "p1", "p2", "p3"}


def refused(status: int) -> Reply:
    return Reply(status, {"error": {"code": "odd"}})


class OddSite:
    """A library ``L1`` of two files, a list ``L2`` of one row, three pages on two pages of the listing. ``fault``
    answers in place of the site where it answers at all."""

    def __init__(self, tmp_path: Path) -> None:
        self.fault: Fault = lambda path: None
        self.server = GraphServer(handler=self._handle)
        self.now = datetime(2026, 3, 1, 21, tzinfo=UTC)
        self.vault = CustomerVault(MemoryBlobStore(lambda: self.now), "acme", tmp_path)
        self.count = 0

    def client(self) -> GraphClient:
        return GraphClient(FixedCredential(10**9), now=lambda: self.now, base_url=self.server.base_url, sleep=no_sleep)

    async def night(self, fault: Fault | None = None) -> Snapshot:
        """One night's backup."""
        self.count += 1
        self.now += timedelta(days=1)
        self.fault = fault or (lambda path: None)
        async with self.client() as client:
            for _ in range(20):
                copier = ResourceCopier(
                    "acme",
                    self.vault,
                    SiteSource(client),
                    MemoryDamage(),
                    TERMS,
                    SliceBudget(),
                    lambda: self.now,
                    lambda: 0.0,
                )
                if (await copier.run_slice(SITE, f"r{self.count}")).outcome:
                    return await self.vault.snapshot(SITE.id, self.count)
        raise AssertionError("the run does not end")

    async def living(self) -> dict[str, Change]:
        """Every living item and folder of the newest snapshot."""
        reader = await self.vault.open_reader((await self.vault.snapshot(SITE.id, self.count)).segments)
        try:
            found: list[ItemVersion] = list(await reader.selected_folders(Selection(everything=True)))
            found += await reader.selected(Selection(everything=True), "", 500)
        finally:
            await reader.aclose()
        return {version.change.item_id: version.change for version in found}

    def _handle(self, seen: Seen) -> Reply:
        if not seen.path.endswith("/$batch"):
            return self._answer(seen.path.removeprefix("/v1.0"))
        answers: list[dict[str, Any]] = []
        for request in seen.json()["requests"]:
            reply = self._answer(request["url"])
            headers = {"Content-Type": "application/json"}
            answers.append({"id": request["id"], "status": reply.status, "headers": headers, "body": reply.body})
        return Reply(200, {"responses": answers})

    def _answer(self, path: str) -> Reply:
        fault = self.fault(path)
        return fault if fault is not None else Reply(200, self._body(path))

    def _body(self, path: str) -> Any:
        root, plain = self.server.base_url, path.split("?", maxsplit=1)[0]
        *_, parent, last = ["", *plain.split("/")]
        if "/pages/" in path:
            if parent != "pages":
                return _page(parent)
            following = {"@odata.nextLink": f"{root}/sites/x/pages/more?second"}
            return {"value": [_page("p3")]} if "second" in path else {"value": [_page("p1"), _page("p2")], **following}
        if last == "download":
            return b"hello"
        if last == "listItem":
            return {"id": "1", "fields": {"Project": "X"}}
        if "delta" in last:
            values = (
                [] if "token" in path else [_row("1")] if "/L2/" in path else [_file("f1", root), _file("f2", root)]
            )
            return {"value": values, "@odata.deltaLink": f"{root}{plain}?token=1"}
        if parent == "items" and "/L2/" in path:
            return _row(last)
        if parent == "items":
            return _file(last, root) if last != "root" else {"id": "root"}
        values_of = {
            "columns": [{"id": "k", "name": "Project", "displayName": "Project", "text": {}}],
            "contentTypes": [{"id": "t", "name": "Item"}],
            "lists": [_list("L1", "documentLibrary"), _list("L2", "genericList")],
            "drives": [{"id": "D1", "sharePointIds": {"listId": "L1"}}],
        }
        if last in values_of:
            return {"value": values_of[last]}
        return {"id": last, "displayName": "Works", "webUrl": "https://c.sharepoint.example"}


def _list(list_id: str, template: str) -> dict[str, Any]:
    return {"id": list_id, "displayName": list_id, "list": {"template": template}}


def _row(number: str) -> dict[str, Any]:
    return {"id": number, "eTag": "1", "fields": {"Title": f"row {number}"}}


def _page(page_id: str) -> dict[str, Any]:
    return {"id": page_id, "name": f"{page_id}.aspx", "eTag": "1"}


def _file(file_id: str, root: str) -> dict[str, Any]:
    return {
        "id": file_id,
        "name": f"{file_id}.txt",
        "size": 5,
        "eTag": "e1",
        "cTag": "c1",
        "file": {},
        "parentReference": {"id": "root"},
        "@microsoft.graph.downloadUrl": f"{root}/download",
    }


@pytest.fixture
def site(tmp_path: Path) -> OddSite:
    return OddSite(tmp_path)


async def test_pages_behind_the_first_that_are_not_found_are_not_buried(site: OddSite) -> None:
    async with site.server:
        await site.night()
        assert set(await site.living()) == EVERYTHING
        snapshot = await site.night(lambda path: refused(404) if "second" in path else None)
        assert set(await site.living()) == EVERYTHING
    assert [failure.feed for failure in snapshot.failures] == ["pages"]


async def test_columns_that_are_not_found_are_not_stored_as_none(site: OddSite) -> None:
    async with site.server:
        await site.night()
        before = await site.living()
        snapshot = await site.night(lambda path: refused(404) if "/lists/L2/columns" in path else None)
        assert (await site.living())["L2"] == before["L2"]
        settings = await site.night(lambda path: refused(404) if "/columns" in path and "/lists/" not in path else None)
        assert (await site.living())["settings"] == before["settings"]
    assert before["L2"].properties["definition"]["columns"]
    assert [(skip.item_id, str(skip.cause)) for skip in snapshot.skips] == [("L2", "definition_unreadable")]
    assert [failure.feed for failure in settings.failures] == ["site"]


async def test_a_list_that_went_away_while_it_was_read_is_gone(site: OddSite) -> None:
    async with site.server:
        await site.night()
        await site.night(lambda path: refused(404) if "/lists/L2" in path else None)
        assert set(await site.living()) == EVERYTHING - {"L2", "L2:0000000001"}


@pytest.mark.parametrize("part", ["columns", "contentTypes"])
@pytest.mark.parametrize("status", [400, 403])
async def test_refused_columns_of_one_list_do_not_stop_the_site(site: OddSite, part: str, status: int) -> None:
    async with site.server:
        snapshot = await site.night(lambda path: refused(status) if f"/lists/L1/{part}" in path else None)
        assert set(await site.living()) == EVERYTHING
        assert ("L1", "definition_unreadable") in {(skip.item_id, str(skip.cause)) for skip in snapshot.skips}
        assert part not in (await site.living())["L1"].properties["definition"]
        snapshot = await site.night()
        definition = (await site.living())["L1"].properties["definition"]
    assert definition[part] and "unread" not in definition
    assert "L1" not in {skip.item_id for skip in snapshot.skips}


@pytest.mark.parametrize("status", [400, 403, 423])
async def test_a_file_whose_columns_are_refused_is_stored_and_named(site: OddSite, status: int) -> None:
    async with site.server:
        snapshot = await site.night(lambda path: refused(status) if "/f2/listItem" in path else None)
        living = await site.living()
    assert set(living) == EVERYTHING
    assert snapshot.failures == ()
    assert [(skip.item_id, str(skip.cause)) for skip in snapshot.skips] == [("L1:f2", "columns_unreadable")]
    assert (living["L1:f1"].properties["fields"], living["L1:f2"].properties.get("fields")) == ({"Project": "X"}, None)
    assert (living["L1:f1"].etag, living["L1:f2"].etag) == ("e1", "e1#fieldsUnread")


async def test_one_refused_page_is_that_pages_failure(site: OddSite) -> None:
    async with site.server:
        snapshot = await site.night(lambda path: refused(403) if "/pages/p2/" in path else None)
        assert set(await site.living()) == EVERYTHING - {"p2"}
    assert [(failure.feed, failure.change.item_id) for failure in snapshot.failures] == [("pages", "p2")]


async def test_many_refused_pages_in_a_row_are_the_sites(site: OddSite) -> None:
    pages = [Change(f"p{number}", ItemKind.PAGE) for number in range(40)]
    site.fault = lambda path: refused(403)
    async with site.server, site.client() as client:
        with pytest.raises(AccessDeniedError):
            [_ async for _ in SiteSource(client).fetch(SITE, pages)]


async def test_an_answer_without_the_asked_id_is_no_content(site: OddSite) -> None:
    asked = [Change("L2:0000000001", ItemKind.LIST_ITEM, parent_id="L2"), Change("p1", ItemKind.PAGE)]
    site.fault = lambda path: Reply(200, {"value": []})
    async with site.server, site.client() as client:
        states = {each.asked.item_id: each.state async for each in SiteSource(client).fetch(SITE, asked)}
    assert states == {change.item_id: FetchState.FAILED for change in asked}


async def test_columns_that_are_not_found_do_not_make_an_item_gone(site: OddSite) -> None:
    asked = [Change("L2:0000000001", ItemKind.LIST_ITEM, parent_id="L2"), Change("settings", ItemKind.SITE_SETTINGS)]
    site.fault = lambda path: refused(404) if "/columns" in path else None
    async with site.server, site.client() as client:
        states = {each.asked.item_id: each.state async for each in SiteSource(client).fetch(SITE, asked)}
    assert states == {change.item_id: FetchState.FAILED for change in asked}


@pytest.mark.parametrize("part", ["/columns", "/lists/L2/contentTypes"])
async def test_an_answer_that_is_no_collection_is_not_an_empty_one(site: OddSite, part: str) -> None:
    async with site.server:
        await site.night()
        before = await site.living()
        with pytest.raises(Exception, match="no collection"):
            await site.night(lambda path: Reply(200, {}) if part in path else None)
        site.count -= 1
        assert await site.living() == before


async def test_a_library_whose_drive_is_refused_for_a_night_stays_what_it_was(site: OddSite) -> None:
    def no_drive(path: str) -> Reply | None:
        if path.split("?", maxsplit=1)[0].endswith("/drives"):
            return Reply(200, {"value": []})
        return refused(403) if "/lists/L1/drive" in path else None

    def deleted(path: str) -> Reply | None:
        if path.split("?", maxsplit=1)[0].endswith("/lists"):
            return Reply(200, {"value": [_list("L2", "genericList")]})
        return refused(404) if "/D1/" in path else None

    async with site.server:
        first = await site.night(no_drive)
        assert set(await site.living()) == EVERYTHING - {"L1:f1", "L1:f2"}
        await site.night()
        assert set(await site.living()) == EVERYTHING
        before = await site.living()
        again = await site.night(no_drive)
        assert await site.living() == before
        await site.night(deleted)
        last = await site.night(deleted)
        assert set(await site.living()) == EVERYTHING - {"L1", "L1:f1", "L1:f2"}
    for snapshot in (first, again):
        assert [(skip.item_id, str(skip.cause)) for skip in snapshot.skips] == [("L1", "library_unreadable")]
    assert "library:L1:D1" not in last.cursors
    assert last.failures == ()
