"""Sites take back what was taken out of them, value by value, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shared_code.errors import AccessDeniedError, SourceError, SourceUnavailableError
from shared_code.graph.client import GraphClient
from shared_code.graph.sites.source import SiteSource
from shared_code.graph.sites.target import SiteTarget
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import WriteState, Written
from tests.contract.test_source_site import resource_of
from tests.fakes.captured import Captured, capture, states, write_back
from tests.fakes.example_site import ExampleSite, add_terms, add_unwritable, fill_site
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

Record = dict[str, Any]


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
def example(tenant: SimulatedTenant) -> ExampleSite:
    return fill_site(tenant.control, tenant.id)


def truth(tenant: SimulatedTenant, example: ExampleSite, *kinds: str) -> list[Record]:
    """Records of the site without the dates of folders, which the service sets, and the order of columns' defaults."""
    found = []
    for record in tenant.control.site_oracle(tenant.id, example.site):
        if record["record"] == "folder":
            record.pop("created")
            record.pop("modified")
        if record["record"] == "file":
            record.pop("created")
        if not kinds or record["record"] in kinds:
            found.append(record)
    return sorted(found, key=lambda record: json.dumps(record, sort_keys=True))


def destroy(tenant: SimulatedTenant, example: ExampleSite) -> None:
    """Everything goes but the site itself and its first library."""
    control, site = tenant.control, example.site
    for name in ("Customers", "Tasks", "Pictures"):
        control.delete_list(tenant.id, site, name)
    for page in pages_of(tenant, example):
        control.delete_page(tenant.id, site, page)
    for entry in control.files(tenant.id, example.drive):
        if entry["path"].count("/") == 1:
            control.delete_file(tenant.id, example.drive, entry["path"])
    control.remove_column(tenant.id, site, "Documents", "Stage")


def pages_of(tenant: SimulatedTenant, example: ExampleSite) -> list[str]:
    return [str(page) for page in tenant.control.edit(tenant.id, "list_pages", site=example.site)["pages"]]


async def captured_of(client: GraphClient, example: ExampleSite) -> Captured:
    return await capture(SiteSource(client), resource_of(example))


async def restore(client: GraphClient, example: ExampleSite, captured: Captured, **more: Any) -> dict[str, Written]:
    return await write_back(SiteTarget(client).open(resource_of(example)), captured, **more)


async def test_a_destroyed_site_is_filled_again_identically(tenant: SimulatedTenant, example: ExampleSite) -> None:
    before = truth(tenant, example)
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        destroy(tenant, example)
        assert not truth(tenant, example, "item", "file", "page")
        outcomes = await restore(client, example, captured)
    assert states(outcomes) == {WriteState.RESTORED: 9, WriteState.EXISTING: 1}
    assert [outcome.error for outcome in outcomes.values() if outcome.error] == []
    assert truth(tenant, example) == before


async def test_an_untouched_site_is_left_alone_under_every_rule(tenant: SimulatedTenant, example: ExampleSite) -> None:
    before = truth(tenant, example)
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        start = tenant.control.log_position()
        for rule in ConflictRule:
            assert states(await restore(client, example, captured, conflict=rule)) == {WriteState.EXISTING: 10}
    assert truth(tenant, example) == before
    assert {entry["method"] for entry in tenant.control.log(start) if entry["operation"] != "batch"} == {"GET"}


async def test_a_second_restore_and_a_replayed_slice_double_nothing(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    before = truth(tenant, example)
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        destroy(tenant, example)
        await restore(client, example, captured)
        replayed = await restore(client, example, captured, tried_before=True)
        again = await restore(client, example, captured)
    assert set(states(replayed)) == {WriteState.RESTORED}
    assert states(again) == {WriteState.EXISTING: 10}
    assert truth(tenant, example) == before


@pytest.mark.parametrize("operation", ["list.createItem", "page.create", "page.publish", "list.create", "drive.put"])
async def test_a_lost_answer_and_a_second_try_double_nothing(
    tenant: SimulatedTenant, example: ExampleSite, operation: str
) -> None:
    """What was asked for was done, and nobody heard of it: the next try of the slice finds it."""
    before = truth(tenant, example)
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        destroy(tenant, example)
        tenant.control.add_fault(match={"operation": operation}, action={"cut_after_bytes": 0}, times=2)
        for _ in range(4):
            try:
                outcomes = await restore(client, example, captured, tried_before=True)
                break
            except SourceUnavailableError:
                continue
    assert set(states(outcomes)) == {WriteState.RESTORED}
    assert truth(tenant, example) == before


async def test_with_faults_on_a_fifth_of_all_requests_nothing_is_doubled_or_lost(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    before = truth(tenant, example)
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        destroy(tenant, example)
        faults: list[dict[str, Any]] = [{"status": 429}, {"status": 503}, {"status": 500}, {"cut_after_bytes": 0}]
        for seed, action in enumerate([*faults, {"truncate": 10}]):
            tenant.control.add_fault(action=action, probability=0.04, seed=seed)
        outcomes: dict[str, Written] = {}
        for _ in range(50):
            try:
                outcomes = await restore(client, example, captured, tried_before=True)
                break
            except SourceError as error:
                assert error.retryable, error
    assert set(states(outcomes)) == {WriteState.RESTORED}, outcomes
    assert truth(tenant, example) == before


async def test_a_folder_gets_the_values_of_its_columns_back(tenant: SimulatedTenant, example: ExampleSite) -> None:
    control, site = tenant.control, example.site
    control.set_file_fields(tenant.id, site, "Documents", "/Plans", {"Stage": "final"})
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        control.delete_file(tenant.id, example.drive, "/Plans")
        await restore(client, example, captured)
        assert stage_of(tenant, example, "/Plans") == "final"
        control.set_file_fields(tenant.id, site, "Documents", "/Plans", {"Stage": "draft"})
        await restore(client, example, captured)
    assert stage_of(tenant, example, "/Plans") == "draft"  # what somebody has set since is left alone


def stage_of(tenant: SimulatedTenant, example: ExampleSite, path: str) -> object:
    [record] = [each for each in truth(tenant, example, "file", "folder") if each["path"] == path]
    return record["fields"].get("Stage")


async def test_equal_rows_come_back_as_many_as_there_were(tenant: SimulatedTenant, example: ExampleSite) -> None:
    control = tenant.control
    for _ in range(2):
        control.add_row(tenant.id, example.site, "Customers", {"Title": "Contoso"})
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        control.delete_row(tenant.id, example.site, "Customers", "3")
        control.delete_row(tenant.id, example.site, "Customers", "4")
        for _ in range(2):
            await restore(client, example, captured)
    titles = [record["fields"]["Title"] for record in truth(tenant, example, "item") if record["list"] == "Customers"]
    assert sorted(titles) == ["Contoso", "Contoso", "Contoso", "Fabrikam"]


@pytest.mark.parametrize("rule", list(ConflictRule))
async def test_what_was_changed_since_is_dealt_with_as_asked(
    tenant: SimulatedTenant, example: ExampleSite, rule: ConflictRule
) -> None:
    control, site = tenant.control, example.site
    before = truth(tenant, example, "item", "page")
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        control.change_row(tenant.id, site, "Tasks", example.task, {"Title": "Changed", "Due": None, "Tags": ["b"]})
        control.change_page(tenant.id, site, example.page, {"title": "Edited"}, published=False)
        changed = truth(tenant, example, "item", "page")
        outcomes = await restore(client, example, captured, conflict=rule)
    after = truth(tenant, example, "item", "page")
    [row] = [outcomes[item_id] for item_id, version in captured.versions.items() if version.change.name == "First"]
    page = outcomes[example.page]
    if rule is ConflictRule.SKIP:
        assert (row.state, page.state, after) == (WriteState.OCCUPIED, WriteState.OCCUPIED, changed)
    elif rule is ConflictRule.REPLACE:
        assert (row.state, page.state, after) == (WriteState.RESTORED, WriteState.RESTORED, before)
    else:
        assert (row.state, page.state) == (WriteState.RESTORED, WriteState.RESTORED)
        assert len(after) == len(changed) + 2
        assert all(record in after for record in changed)
        assert "welcome (restored).aspx" in [record.get("name") for record in after]


async def test_restored_beside_under_a_name(tenant: SimulatedTenant, example: ExampleSite) -> None:
    before = truth(tenant, example)
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        for _ in range(2):
            outcomes = await restore(client, example, captured, into="Rescue")
    after = truth(tenant, example)
    assert all(record in after for record in before)
    titles = {record["list"] for record in after if record["record"] == "list"}
    assert titles == {"Documents", "Site Pages", "Pictures", "Customers", "Tasks"} | {
        "Rescue",
        "Rescue Customers",
        "Rescue Tasks",
    }
    files = {record["path"] for record in after if record["record"] == "file" and record["list"] == "Rescue"}
    assert files == {"/Documents/Plans/plan.txt", "/Documents/read me.txt", "/Pictures/a.png"}
    for title in ("Customers", "Tasks"):
        rows = [record["fields"] for record in after if record["record"] == "item" and record["list"] == title]
        copies = [
            record["fields"] for record in after if record["record"] == "item" and record["list"] == f"Rescue {title}"
        ]
        assert len(rows) == len(copies)
    pages = {record["name"] for record in after if record["record"] == "page"}
    assert {"Rescue welcome.aspx", "Rescue draft.aspx"} <= pages
    assert states(outcomes) == {WriteState.EXISTING: 9, WriteState.OCCUPIED: 1}  # settings have one place alone


async def test_what_graph_does_not_write_is_told(tenant: SimulatedTenant, example: ExampleSite) -> None:
    row = add_unwritable(tenant.control, tenant.id, example)
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        tenant.control.delete_row(tenant.id, example.site, "Tasks", row)
        odd = captured.named("Odd")
        outcomes = await restore(client, example, captured, versions=[odd])
        again = await restore(client, example, captured, versions=[odd], tried_before=True)
    outcome = outcomes[odd.change.item_id]
    assert outcome.state is WriteState.DIFFERS
    assert "hyperlinkOrPicture, location" in outcome.error
    assert "attached" in outcome.error
    assert again[odd.change.item_id].state is WriteState.DIFFERS
    [there] = [record for record in truth(tenant, example, "item") if record["fields"]["Title"] == "Odd"]
    assert there["fields"] == {"Title": "Odd"}


async def test_terms_come_back_by_the_column_behind(tenant: SimulatedTenant, example: ExampleSite) -> None:
    row = add_terms(tenant.control, tenant.id, example)
    before = truth(tenant, example, "item")
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        tenant.control.delete_row(tenant.id, example.site, "Tasks", row)
        local = captured.named("Local")
        outcomes = await restore(client, example, captured, versions=[local])
    assert outcomes[local.change.item_id].state is WriteState.RESTORED
    assert truth(tenant, example, "item") == before


async def test_a_column_that_cannot_be_made_is_told_with_the_rows(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    add_terms(tenant.control, tenant.id, example)
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        tenant.control.delete_list(tenant.id, example.site, "Tasks")
        outcomes = await restore(client, example, captured)
    local = outcomes[captured.named("Local").change.item_id]
    assert local.state is WriteState.DIFFERS
    assert "not in the list" in local.error
    assert outcomes[captured.named("First").change.item_id].state is WriteState.RESTORED


async def test_rows_have_their_content_type_back_or_say_that_they_have_not(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    control, site = tenant.control, example.site
    before = truth(tenant, example, "item")
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        second = captured.named("Second")
        control.delete_row(tenant.id, site, "Tasks", "2")
        outcomes = await restore(client, example, captured, versions=[second])
        assert (states(outcomes), truth(tenant, example, "item")) == ({WriteState.RESTORED: 1}, before)
        control.delete_list(tenant.id, site, "Tasks")
        control.edit(tenant.id, "remove_site_content_types", site=site)
        outcomes = await restore(client, example, captured, versions=[second])
    assert states(outcomes) == {WriteState.DIFFERS: 1}
    assert "contentType" in outcomes[second.change.item_id].error


async def test_one_value_that_is_refused_does_not_cost_the_others(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    control, site = tenant.control, example.site
    row = control.add_row(tenant.id, site, "Tasks", {"Title": "Bad", "Hours": "many", "State": "new"})
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        control.delete_row(tenant.id, site, "Tasks", row)
        bad = captured.named("Bad")
        outcomes = await restore(client, example, captured, versions=[bad])
        await restore(client, example, captured, versions=[bad], tried_before=True)
    assert outcomes[bad.change.item_id].state is WriteState.DIFFERS
    [there] = [record for record in truth(tenant, example, "item") if record["fields"].get("Title") == "Bad"]
    assert there["fields"] == {"Title": "Bad", "State": "new"}


async def test_a_row_that_is_refused_as_a_whole_is_written_value_by_value(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    before = truth(tenant, example, "item")
    first = example.task
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        tenant.control.delete_row(tenant.id, example.site, "Tasks", first)
        tenant.control.add_fault(match={"operation": "list.createItem"}, action={"status": 400}, times=1)
        outcomes = await restore(client, example, captured, versions=[captured.named("First")])
        await restore(client, example, captured, versions=[captured.named("First")], tried_before=True)
    assert set(states(outcomes)) == {WriteState.RESTORED}
    assert truth(tenant, example, "item") == before


async def test_rows_are_looked_at_by_twenties(tenant: SimulatedTenant, example: ExampleSite) -> None:
    titles = [{"Title": f"Row {number}"} for number in range(60)]
    operations = [{"op": "add_row", "site": example.site, "list": "Customers", "fields": title} for title in titles]
    tenant.control.edits(tenant.id, operations)
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        rows = [each for each in captured.items if each.change.parent_id == example.customers]
        start = tenant.control.log_position()
        outcomes = await restore(client, example, captured, versions=rows)
        sent = [entry for entry in tenant.control.log(start) if not entry.get("batch")]
    assert states(outcomes) == {WriteState.EXISTING: 62}
    assert sum(entry["operation"] == "batch" for entry in sent) <= 8
    assert len(sent) < 20


async def test_a_page_with_unsupported_web_parts_comes_back_without_them(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    part = {"id": "1", "webPartType": "00000000-0000-4000-8000-000000000000", "data": {"title": "Own"}}
    text = {"id": "2", "innerHtml": "<p>kept</p>"}
    section = {"layout": "oneColumn", "columns": [{"width": 12, "webparts": [text, part]}]}
    page = tenant.control.add_page(
        tenant.id, example.site, "own.aspx", {"title": "Own", "canvasLayout": {"horizontalSections": [section]}}
    )
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        tenant.control.delete_page(tenant.id, example.site, page)
        outcomes = await restore(client, example, captured, versions=[captured.versions[page]])
    assert outcomes[page].state is WriteState.DIFFERS
    assert "1 web parts" in outcomes[page].error
    [there] = [record for record in truth(tenant, example, "page") if record["name"] == "own.aspx"]
    parts = there["properties"]["canvasLayout"]["horizontalSections"][0]["columns"][0]["webparts"]
    assert [each.get("innerHtml") for each in parts] == ["<p>kept</p>"]
    assert there["published"]


async def test_a_renamed_site_is_told_and_missing_columns_are_made(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        settings = captured.versions["settings"]
        tenant.control.change_site(tenant.id, example.site, path="/sites/new", display_name="New")
        outcomes = await restore(client, example, captured, versions=[settings])
        assert outcomes["settings"].state is WriteState.DIFFERS
        tenant.control.change_site(tenant.id, example.site, display_name="Works")
        tenant.control.edit(tenant.id, "remove_site_columns", site=example.site)
        outcomes = await restore(client, example, captured, versions=[settings])
    assert outcomes["settings"].state is WriteState.RESTORED
    assert [record["name"] for record in truth(tenant, example, "site_column")] == ["Cost centre"]


async def test_metadata_of_a_file_that_is_there_is_left_alone_or_replaced(
    tenant: SimulatedTenant, example: ExampleSite
) -> None:
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        plan = captured.named("plan.txt")
        tenant.control.set_file_fields(tenant.id, example.site, "Documents", "/Plans/plan.txt", {"Stage": "final"})
        found = await restore(client, example, captured, versions=[plan])
        assert found[plan.change.item_id].state is WriteState.OCCUPIED
        found = await restore(client, example, captured, versions=[plan], conflict=ConflictRule.REPLACE)
    assert found[plan.change.item_id].state is WriteState.RESTORED
    [record] = [record for record in truth(tenant, example, "file") if record["path"] == "/Plans/plan.txt"]
    assert (record["fields"], record["modified"]) == ({"Stage": "draft"}, "2021-01-02T03:04:05Z")


async def test_lookups_follow_rows_to_their_new_numbers(tenant: SimulatedTenant, example: ExampleSite) -> None:
    control, site = tenant.control, example.site
    control.add_row(tenant.id, site, "Customers", {"Title": "Tailspin"})
    control.add_row(tenant.id, site, "Tasks", {"Title": "Third", "CustomerLookupId": "3"})
    control.delete_row(tenant.id, site, "Customers", "1")
    before = truth(tenant, example, "item")
    async with tenant.client() as client:
        captured = await captured_of(client, example)
        for name in ("Customers", "Tasks"):
            control.delete_list(tenant.id, site, name)
        tasks = [each for each in captured.items if each.change.parent_id == example.tasks]
        customers = [each for each in captured.items if each.change.parent_id == example.customers]
        await restore(client, example, captured, versions=tasks)  # those that point before those pointed to
        await restore(client, example, captured, versions=customers)
    after = truth(tenant, example, "item")
    third = [record["fields"]["CustomerLookupId"] for record in after if record["fields"]["Title"] == "Third"]
    assert third == [["Tailspin"]]
    assert [record for record in after if record["list"] == "Customers"] == [
        record for record in before if record["list"] == "Customers"
    ]


@pytest.mark.parametrize(
    ("roles", "named"),
    [
        (["Sites.Read.All", "Files.Read.All"], "Sites.Manage.All"),
        (["Sites.ReadWrite.All"], "Sites.Manage.All"),
    ],
)
async def test_a_missing_permission_is_named(
    tenant: SimulatedTenant, example: ExampleSite, roles: list[str], named: str
) -> None:
    async with tenant.client() as client:
        captured = await captured_of(client, example)
    destroy(tenant, example)
    async with tenant.client(roles) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await restore(client, example, captured)
    assert caught.value.permission == named
