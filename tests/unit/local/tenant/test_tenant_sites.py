"""Sites of the simulated tenant: as Graph answers, and as it refuses."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from local.tenant.plain_client import PlainClient
from tests.fakes.example_site import CANVAS, TERM, ExampleSite, add_terms, add_unwritable, fill_site
from tests.unit.local.tenant.conftest import World

CAST = "microsoft.graph.sitePage"


@pytest.fixture
def example(world: World) -> ExampleSite:
    return fill_site(world.control, world.tenant)


def get(world: World, target: str) -> dict[str, Any]:
    reply = world.graph.get(target)
    assert reply.status == 200, reply
    body: dict[str, Any] = reply.json()
    return body


def rows_of(example: ExampleSite) -> str:
    return f"/sites/{example.site}/lists/{example.tasks}/items"


def test_a_site_is_found_by_every_form_of_its_id_and_keeps_it(world: World, example: ExampleSite) -> None:
    hostname, collection, web = example.site.split(",")
    for form in (example.site, f"{collection},{web}", example.site.upper(), quote(example.site, safe="")):
        assert get(world, f"/sites/{form}")["id"] == example.site
    world.control.change_site(world.tenant, example.site, path="/sites/new", display_name="New")
    found = get(world, f"/sites/{example.site}")
    assert (found["id"], found["displayName"]) == (example.site, "New")
    assert found["webUrl"] == f"https://{hostname}/sites/new"
    assert world.graph.get("/sites/root").status == 404
    home = world.control.add_site(world.tenant, "", "Home")
    assert get(world, "/sites/root")["id"] == home


def test_all_sites_hold_personal_ones_and_subsites(world: World, example: ExampleSite) -> None:
    below = world.control.add_site(world.tenant, "/sites/works/below", "Below", parent=example.site)
    found = get(world, "/sites/getAllSites()")["value"]
    assert {example.site, below} <= {each["id"] for each in found}
    assert [each["displayName"] for each in found if each["isPersonalSite"]] == ["Ada Alder"]
    assert [each["id"] for each in get(world, f"/sites/{example.site}/sites")["value"]] == [below]


def test_lists_are_shown_and_system_ones_only_when_asked_for(world: World, example: ExampleSite) -> None:
    world.control.add_list(world.tenant, example.site, "Users", system=True)
    lists = f"/sites/{example.site}/lists"
    plain = {each["displayName"]: each for each in get(world, lists)["value"]}
    assert set(plain) == {"Documents", "Site Pages", "Pictures", "Customers", "Tasks"}
    assert plain["Documents"]["list"]["template"] == "documentLibrary"
    assert "Users" in [each["displayName"] for each in get(world, f"{lists}?$select=displayName,system")["value"]]
    drives = get(world, f"/sites/{example.site}/drives")["value"]
    assert {each["sharePointIds"]["listId"] for each in drives} >= {example.documents}
    assert get(world, f"{lists}/{example.documents}/drive")["id"] == example.drive
    assert world.graph.get(f"{lists}/{example.tasks}/drive").status == 404


def test_a_librarys_files_are_those_of_its_drive(world: World, example: ExampleSite) -> None:
    found = get(world, f"/drives/{example.drive}/root:/Plans/plan.txt")
    assert found["parentReference"]["driveType"] == "documentLibrary"
    assert found["webUrl"].startswith("https://simulated.sharepoint.com/sites/works/")
    fields = get(world, f"/drives/{example.drive}/items/{example.file}/listItem?$expand=fields")["fields"]
    assert fields["Stage"] == "draft"
    own = f"/drives/{world.user['drive_id']}/items/root/listItem"
    assert world.graph.get(own).status == 404


def test_rows_have_values_only_when_expanded(world: World, example: ExampleSite) -> None:
    assert "fields" not in get(world, f"{rows_of(example)}/{example.task}")
    fields = get(world, f"{rows_of(example)}/{example.task}?$expand=fields")["fields"]
    assert (fields["Hours"], fields["CustomerLookupId"]) == (2.5, example.customer)
    assert [each["LookupId"] for each in fields["Others"]] == [1, 2]
    assert fields["LinkTitle"] == "First"
    chosen = get(world, f"{rows_of(example)}/{example.task}?$expand=fields($select=Title)")["fields"]
    assert chosen == {"Title": "First"}


def test_delta_of_rows_tells_what_came_changed_and_went(world: World, example: ExampleSite) -> None:
    page = get(world, f"{rows_of(example)}/delta?$expand=fields&$top=1")
    assert [each["id"] for each in page["value"]] == ["1"]
    page = get(world, page["@odata.nextLink"])
    link = page["@odata.deltaLink"]
    world.control.delete_row(world.tenant, example.site, "Tasks", "1")
    world.control.change_row(world.tenant, example.site, "Tasks", "2", {"Title": "Changed"})
    world.control.add_row(world.tenant, example.site, "Tasks", {"Title": "New"})
    found: dict[str, Any] = {}
    while True:
        page = get(world, link)
        found |= {each["id"]: each for each in page["value"]}
        if "@odata.deltaLink" in page:
            break
        link = page["@odata.nextLink"]
    assert found["1"]["deleted"] == {"state": "deleted"}
    assert [found[number]["fields"]["Title"] for number in ("2", "3")] == ["Changed", "New"]
    assert get(world, page["@odata.deltaLink"])["value"] == []
    world.control.set_clock(world.tenant, advance_s=31 * 86_400)
    reply = world.graph.get(page["@odata.deltaLink"])
    assert (reply.status, reply.json()["error"]["code"]) == (410, "resyncRequired")
    assert reply.headers["location"]


@pytest.mark.parametrize(
    "fields",
    [
        {"Nonsense": "x"},
        {"Created": "2020-01-01T00:00:00Z"},
        {"Hours": "many"},
        {"Done": "yes"},
        {"Tags": ["a"]},
        {"Customer": "Contoso"},
        {"OthersLookupId": [1]},
        {"Link": {"Url": "https://x.example"}},
        {"Place": {"DisplayName": "Berlin"}},
        {"City": TERM},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_values_that_graph_refuses(world: World, example: ExampleSite, fields: dict[str, Any]) -> None:
    add_unwritable(world.control, world.tenant, example)
    add_terms(world.control, world.tenant, example)
    before = world.control.site_oracle(world.tenant, example.site)
    assert world.graph.send("POST", rows_of(example), {"fields": fields}).status == 400
    assert world.graph.send("PATCH", f"{rows_of(example)}/1/fields", fields).status == 400
    assert world.control.site_oracle(world.tenant, example.site) == before


def test_values_that_graph_takes(world: World, example: ExampleSite) -> None:
    add_terms(world.control, world.tenant, example)
    columns = get(world, f"/sites/{example.site}/lists/{example.tasks}/columns?$select=name,displayName,hidden")[
        "value"
    ]
    [note] = [column["name"] for column in columns if column["displayName"] == "City_0"]
    fields = {
        "Title": "x",
        "Tags": ["a"],
        "Tags@odata.type": "Collection(Edm.String)",
        "OthersLookupId": [2],
        "OthersLookupId@odata.type": "Collection(Edm.Int32)",
        "CustomerLookupId": 1,
        note: f"-1;Rome|{TERM['TermGuid']}",
    }
    reply = world.graph.send("POST", rows_of(example), {"fields": fields})
    assert reply.status == 201, reply
    [made] = [
        record["fields"]
        for record in world.control.site_oracle(world.tenant, example.site)
        if record["record"] == "item" and record["fields"].get("Title") == "x"
    ]
    assert made["City"] == [{"Label": "Rome", "TermGuid": TERM["TermGuid"]}]
    assert (made["CustomerLookupId"], made["OthersLookupId"]) == (["Contoso"], ["Fabrikam"])


def test_an_update_with_an_old_tag_is_refused(world: World, example: ExampleSite) -> None:
    tag = get(world, f"{rows_of(example)}/1")["eTag"]
    path = f"{rows_of(example)}/1/fields"
    assert world.graph.send("PATCH", path, {"Title": "y"}, {"If-Match": tag}).status == 200
    assert world.graph.send("PATCH", path, {"Title": "z"}, {"If-Match": tag}).status == 412


def test_columns_and_lists_are_made_once(world: World, example: ExampleSite) -> None:
    lists, columns = f"/sites/{example.site}/lists", f"/sites/{example.site}/lists/{example.tasks}/columns"
    assert world.graph.send("POST", columns, {"name": "Extra", "text": {}}).status == 201
    assert world.graph.send("POST", columns, {"name": "Extra", "text": {}}).status == 409
    assert world.graph.send("POST", columns, {"name": "Nothing"}).status == 400
    assert world.graph.send("POST", columns, {"name": "Term", "term": {}}).status == 400
    assert world.graph.send("POST", lists, {"displayName": "tasks"}).status == 409
    assert world.graph.send("POST", lists, {"displayName": "x", "list": {"template": "nonsense"}}).status == 400


def test_pages_are_drafts_until_they_are_published(world: World, example: ExampleSite) -> None:
    pages = f"/sites/{example.site}/pages"
    body = {"@odata.type": f"#{CAST}", "name": "new.aspx", "title": "New", "canvasLayout": CANVAS}
    made = world.graph.send("POST", pages, body).json()
    assert made["publishingState"]["level"] == "draft"
    assert world.graph.send("POST", f"{pages}/{made['id']}/{CAST}/publish").status == 204
    found = get(world, f"{pages}/{made['id']}/{CAST}?$expand=canvasLayout")
    assert found["publishingState"] == {"level": "published", "versionId": "1.0"}
    assert found["canvasLayout"] == CANVAS
    assert "canvasLayout" not in get(world, f"{pages}/{made['id']}/{CAST}")
    listed = {each["id"]: each for each in get(world, f"{pages}/{CAST}")["value"]}
    world.graph.send("PATCH", f"{pages}/{made['id']}/{CAST}", {"title": "Newer"})
    assert get(world, f"{pages}/{made['id']}/{CAST}")["eTag"] != listed[made["id"]]["eTag"]
    assert world.graph.send("POST", pages, body).status == 409
    part = {"webPartType": "00000000-0000-4000-8000-000000000000"}
    canvas = {"horizontalSections": [{"columns": [{"webparts": [part]}]}]}
    assert world.graph.send("POST", pages, {**body, "name": "b.aspx", "canvasLayout": canvas}).status == 400
    assert world.graph.send("DELETE", f"{pages}/{made['id']}").status == 204
    assert world.graph.get(f"{pages}/{made['id']}/{CAST}").status == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "enough", "too_little"),
    [
        ("GET", "/sites/getAllSites", None, "Sites.Read.All", "Files.ReadWrite.All"),
        ("GET", "{site}/lists", None, "Sites.Read.All", "Files.ReadWrite.All"),
        ("POST", "{site}/lists", {"displayName": "x"}, "Sites.Manage.All", "Sites.ReadWrite.All"),
        ("POST", "{site}/lists/Tasks/items", {"fields": {"Title": "x"}}, "Sites.ReadWrite.All", "Sites.Read.All"),
        (
            "POST",
            "{site}/lists/Tasks/columns",
            {"name": "y", "text": {}},
            "Sites.FullControl.All",
            "Sites.ReadWrite.All",
        ),
    ],
)
def test_roles(
    world: World, example: ExampleSite, method: str, path: str, body: Any, enough: str, too_little: str
) -> None:
    target = path.format(site=f"/sites/{example.site}")

    def status(role: str) -> int:
        client: PlainClient = world.client_with(role)
        try:
            return client.send(method, target, body).status
        finally:
            client.close()

    assert status(too_little) == 403
    assert status(enough) in (200, 201)
