"""A SharePoint site from one day to the next, through the whole service: filled, backed up, changed in every way,
backed up, destroyed, and restored to either day, compared with the truth property by property."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.end_to_end.service import Customer
from tests.end_to_end.test_hostile_names import NAMES
from tests.end_to_end.test_real_data import DATA
from tests.fakes.example_site import ExampleSite, add_terms, add_unwritable, fill_site

Record = dict[str, Any]
LARGE = bytes(range(256)) * 20_000


def resource_of(site: str) -> str:
    return f"site.{site.partition(',')[2]}"


def truth(customer: Customer, site: str) -> list[Record]:
    """What a restore has to bring back: without what Graph cannot write, which is the name and address of the site, and
    dates that SharePoint sets."""
    found = []
    for record in customer.control.site_oracle(customer.tenant_id, site):
        if record["record"] == "site":
            continue
        set_by_sharepoint = {"created", "modified"} if record["record"] == "folder" else {"created"}
        found.append({name: value for name, value in record.items() if name not in set_by_sharepoint})
    return sorted(found, key=lambda record: json.dumps(record, sort_keys=True))


def change_in_every_way(customer: Customer, example: ExampleSite) -> None:
    control, tenant, site = customer.control, customer.tenant_id, example.site
    control.change_site(tenant, site, path="/sites/elsewhere", display_name="Factory")
    control.change_list(tenant, site, "Documents", display_name="Papers")
    control.put_file(tenant, example.drive, "/Plans/large.bin", LARGE)
    control.move_file(tenant, example.drive, "/Plans", "/Archive", "Old plans")
    control.put_file(tenant, example.drive, "/read me.txt", b"now with text")
    control.set_file_fields(tenant, site, "Papers", "/Archive/Old plans/plan.txt", {"Stage": "final"})
    control.delete_list(tenant, site, "Pictures")
    control.add_list(tenant, site, "New list", description="of the second day")
    control.add_row(tenant, site, "New list", {"Title": "Only row"})
    control.add_column(tenant, site, "Tasks", "Place of work", "text", {"maxLength": 50})
    control.change_row(
        tenant, site, "Tasks", example.task, {"Place of work": "Berlin", "Tags": ["b"], "Due": None, "Done": False}
    )
    control.delete_row(tenant, site, "Tasks", "2")
    control.add_row(tenant, site, "Tasks", {"Title": "Third", "CustomerLookupId": "2"})
    control.change_page(tenant, site, example.page, {"title": "Edited", "showComments": False})
    control.add_page(tenant, site, "news.aspx", {"title": "News", "promotionKind": "newsPost"})


def destroy(customer: Customer, site: str) -> None:
    """Everything in the site goes, lists, libraries and pages."""
    control, tenant = customer.control, customer.tenant_id
    for record in control.site_oracle(tenant, site):
        if record["record"] == "list" and record["list"] != "Site Pages":
            control.delete_list(tenant, site, record["list"])
    for page in control.edit(tenant, "list_pages", site=site)["pages"]:
        control.delete_page(tenant, site, page)
    control.edit(tenant, "remove_site_columns", site=site)


@pytest.mark.parametrize("day", [1, 2])
def test_either_day_comes_back(customer: Customer, day: int) -> None:
    example = fill_site(customer.control, customer.tenant_id)
    resource = resource_of(example.site)
    days = {1: truth(customer, example.site)}
    first = customer.run()
    assert first["counts"]["stored"] == 10
    change_in_every_way(customer, example)
    days[2] = truth(customer, example.site)
    second = customer.run()
    assert second["counts"]["reused"] >= 1  # the moved and renamed file, without a download
    destroy(customer, example.site)
    left = [record["list"] for record in truth(customer, example.site) if record["record"] == "list"]
    assert left == ["Site Pages"]
    everything, expect = {"everything": True}, "complete" if day == 2 else "partial"
    restore = customer.restore(resource, expect, seq=day, selection=everything)
    assert truth(customer, example.site) == days[day]
    # The name that the site had on the first day cannot be written, and is told.
    problems = [problem for problem in restore["problems"] if "another one now" in problem["error"]]
    assert len(problems) == (1 if day == 1 else 0)
    assert restore["counts"]["failed"] == 0
    again = customer.restore(resource, expect, seq=day, selection=everything)
    assert again["counts"]["restored"] == 0
    assert truth(customer, example.site) == days[day]


def keep_versions(customer: Customer, number: int) -> None:
    path = f"/api/customers/{customer.id}/protection"
    assert customer.service.call("PUT", path, {"earlier_versions": number}).status_code == 200


def sharing(customer: Customer, drive: str) -> dict[str, Any]:
    """Who may see what in a library, by path; guests, who have to accept anew, left out."""
    details = customer.control.file_details(customer.tenant_id, drive)
    found = {path: [each for each in entry["grants"] if "email" not in each] for path, entry in details.items()}
    return {path: grants for path, grants in found.items() if grants}


def items_below(customer: Customer, resource: str, seq: int, parent: str) -> dict[str, str]:
    """Ids by name, through the service's own API."""
    path = f"/resources/{resource}/snapshots/{seq}/items"
    return {each["name"]: each["id"] for each in customer.get(path, params={"limit": 100, "parent": parent})["items"]}


@pytest.mark.parametrize("day", [1, 2])
def test_a_library_comes_back_shared_as_it_was_and_with_what_its_files_were(customer: Customer, day: int) -> None:
    control, tenant = customer.control, customer.tenant_id
    keep_versions(customer, 2)
    ben, cleo = (customer.add_user(name)["id"] for name in ("Ben", "Cleo"))
    example = fill_site(control, tenant)
    drive, resource, plan = example.drive, resource_of(example.site), "/Plans/plan.txt"
    for text in (b"plan B", b"plan C", b"plan D"):
        control.put_file(tenant, drive, plan, text, modified="2021-02-03T04:05:06Z")
    control.share(tenant, drive, "/Plans", people=[ben], role="write")
    control.share(tenant, drive, plan, people=[cleo], role="read", expires="2031-01-01T00:00:00Z")
    control.share(tenant, drive, plan, email="guest@partner.example", role="read")
    control.share(tenant, drive, "/read me.txt", link_type="view", link_scope="organization")
    control.check_out(tenant, drive, "/read me.txt", draft=b"nobody else sees this")
    days = {1: (truth(customer, example.site), sharing(customer, drive))}
    assert customer.run()["counts"]["stored"] == 10 + 2 + 2  # two versions, and the settings of two mailboxes
    control.check_in(tenant, drive, "/read me.txt")
    control.put_file(tenant, drive, plan, b"plan E", modified="2021-03-04T05:06:07Z")
    control.move_file(tenant, drive, "/Plans", "/Archive", "Old plans")
    control.unshare(tenant, drive, "/Archive/Old plans")
    control.share(tenant, drive, "/Archive/Old plans", link_type="edit", link_scope="users", people=[cleo])
    days[2] = (truth(customer, example.site), sharing(customer, drive))
    # The draft that was checked in, the plan, and what each of both was before.
    assert customer.run()["counts"]["stored"] == 4
    drafts = [customer.get(f"/resources/{resource}/snapshots/{seq}/missing")["skipped"] for seq in (1, 2)]
    assert [[(each["name"], each["cause"]) for each in found] for found in drafts] == [
        [("read me.txt", "checked_out_draft")],
        [],
    ]
    assert customer.run()["counts"]["stored"] == 0

    destroy(customer, example.site)
    restore = customer.restore(resource, seq=day, selection={"everything": True})
    assert (restore["counts"]["failed"], restore["counts"]["differs"]) == (0, 0)
    new_drive = control.change_list(tenant, example.site, "Documents")["drive"]
    assert new_drive != drive
    assert (truth(customer, example.site), sharing(customer, new_drive)) == days[day]
    folder = {1: "Plans", 2: "Old plans"}[day]
    above = items_below(customer, resource, day, example.documents)
    folder_id = above[folder] if day == 1 else items_below(customer, resource, day, above["Archive"])[folder]
    file_id = items_below(customer, resource, day, folder_id)["plan.txt"]
    told = {problem["item_id"]: problem["error"] for problem in restore["problems"]}
    assert "1 guest(s) have to be invited anew" in told[file_id]
    assert "have another address" in told[above["read me.txt"] if day == 1 else folder_id]

    versions = items_below(customer, resource, day, file_id)
    customer.restore(resource, seq=day, selection={"item_ids": list(versions.values())})
    copies = {
        record["path"].rpartition("/")[2]: record["sha256"]
        for record in truth(customer, example.site)
        if record["record"] == "file" and "(version " in record["path"]
    }
    wanted = {1: {"2.0": b"plan B", "3.0": b"plan C"}, 2: {"3.0": b"plan C", "4.0": b"plan D"}}[day]
    assert copies == {
        f"plan (version {number}).txt": hashlib.sha256(data).hexdigest() for number, data in wanted.items()
    }


def test_an_unchanged_site_stores_nothing(customer: Customer) -> None:
    fill_site(customer.control, customer.tenant_id)
    customer.run()
    again = customer.run()
    assert {name: again["counts"][name] for name in ("stored", "reused", "deleted", "skipped", "failed")} == {
        "stored": 0,
        "reused": 0,
        "deleted": 0,
        "skipped": 0,
        "failed": 0,
    }


def test_what_is_not_covered_is_named(customer: Customer) -> None:
    example = fill_site(customer.control, customer.tenant_id)
    add_unwritable(customer.control, customer.tenant_id, example)
    run = customer.run()
    assert run["counts"]["skipped"] == 1
    before = truth(customer, example.site)
    customer.control.delete_list(customer.tenant_id, example.site, "Tasks")
    restore = customer.restore(resource_of(example.site), expect="partial", seq=1, selection={"everything": True})
    [problem] = [entry for entry in restore["problems"] if "hyperlinkOrPicture" in entry["error"]]
    assert "attached" in problem["error"]
    after = truth(customer, example.site)
    assert [record for record in after if record not in before] != []
    rows = [record["fields"]["Title"] for record in after if record["record"] == "item"]
    assert sorted(rows) == ["Contoso", "Fabrikam", "First", "Odd", "Second"]


def test_managed_metadata_and_one_row_alone(customer: Customer) -> None:
    example = fill_site(customer.control, customer.tenant_id)
    row = add_terms(customer.control, customer.tenant_id, example)
    before = truth(customer, example.site)
    customer.run()
    customer.control.delete_row(customer.tenant_id, example.site, example.tasks, row)
    resource = resource_of(example.site)
    listing = customer.get(f"/resources/{resource}/snapshots/1/items", params={"limit": 100, "parent": example.tasks})
    [found] = [entry for entry in listing["items"] if entry["name"] == "Local"]
    customer.restore(resource, seq=1, selection={"item_ids": [found["id"]]})
    assert truth(customer, example.site) == before
    customer.control.delete_file(customer.tenant_id, example.drive, "/Plans")
    listing = customer.get(
        f"/resources/{resource}/snapshots/1/items", params={"limit": 100, "parent": example.documents}
    )
    [folder] = [entry for entry in listing["items"] if entry["name"] == "Plans"]
    restore = customer.restore(resource, seq=1, selection={"folder_ids": [folder["id"]]})
    assert restore["counts"]["restored"] == 1
    assert truth(customer, example.site) == before


def test_a_site_that_is_gone_keeps_its_restore_points(customer: Customer) -> None:
    example = fill_site(customer.control, customer.tenant_id)
    customer.run()
    customer.control.delete_site(customer.tenant_id, example.site)
    customer.run(expect="partial")
    assert customer.get(f"/resources/{resource_of(example.site)}/snapshots")["snapshots"]


def test_hostile_names_and_values_are_stored_and_restored(customer: Customer) -> None:
    control, tenant = customer.control, customer.tenant_id
    site = control.add_site(tenant, "/sites/hostile", "Works")
    drive = control.change_list(tenant, site, "Documents")["drive"]
    control.add_list(tenant, site, "Rows")
    control.add_column(tenant, site, "Rows", "Note", "text", {"allowMultipleLines": True})
    for key, name in NAMES.items():
        control.add_list(tenant, site, name)
        control.add_row(tenant, site, "Rows", {"Title": key, "Note": name})
        control.add_page(tenant, site, f"{name}.aspx", {"title": name})
        control.put_file(tenant, drive, ["Folder", name], key.encode())
        control.set_file_fields(tenant, site, "Documents", "/Folder", {})
    before = truth(customer, site)
    customer.run()
    resource = resource_of(site)
    shown = customer.get(f"/resources/{resource}/snapshots/1/items", params={"limit": 100})["items"]
    assert set(NAMES.values()) <= {entry["name"] for entry in shown}
    destroy(customer, site)
    restore = customer.restore(resource, "partial", seq=1, selection={"everything": True})
    after = truth(customer, site)
    contents = {
        kind: sorted(record["sha256"] for record in records if record["record"] == "file")
        for kind, records in (("before", before), ("after", after))
    }
    assert contents["before"] == contents["after"]
    # What holds half a character cannot be sent to Graph at all: that value is told, and the rest of its row is there.
    notes = {record["fields"]["Title"]: record["fields"].get("Note") for record in after if record["record"] == "item"}
    assert notes == {key: name for key, name in NAMES.items() if key != "surrogate"} | {"surrogate": None}
    assert restore["counts"]["differs"] == 1
    assert restore["counts"]["failed"] == 1  # the page of half a character
    lists = [record for record in after if record["record"] == "list"]
    assert len(lists) == len([record for record in before if record["record"] == "list"])
    again = customer.restore(resource, "partial", seq=1, selection={"everything": True})
    assert again["counts"]["restored"] == 0


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not there: no folder {DATA.name} beside")
def test_real_files_and_texts_come_back_equal(customer: Customer) -> None:
    control, tenant = customer.control, customer.tenant_id
    site = control.add_site(tenant, "/sites/real", "Works")
    drive = control.change_list(tenant, site, "Documents")["drive"]
    control.add_list(tenant, site, "Texts")
    control.add_column(tenant, site, "Texts", "Body", "text", {"allowMultipleLines": True})
    folders = ("files", "mail", "calendar", "contacts")
    paths = [path for folder in folders for path in sorted((DATA / folder).iterdir()) if path.is_file()]
    for path in paths:
        control.put_file(tenant, drive, f"/{path.parent.name}/{path.name}", path.read_bytes())
    for path in paths[::6]:
        text = path.read_bytes().decode("utf-8", "replace")
        if 0 < len(text) < 100_000:  # an empty text and no text are the same to a list
            control.add_row(tenant, site, "Texts", {"Title": path.name, "Body": text})
    for path in paths[::30]:
        part = {
            "@odata.type": "#microsoft.graph.textWebPart",
            "id": "1",
            "innerHtml": path.read_bytes().decode("latin-1"),
        }
        column = {"id": "1", "width": 12, "webparts": [part]}
        section = {"id": "1", "layout": "oneColumn", "emphasis": "none", "columns": [column]}
        canvas = {"horizontalSections": [section]}
        control.add_page(tenant, site, f"{path.name}.aspx", {"title": path.name, "canvasLayout": canvas})
    before = truth(customer, site)
    customer.run()
    destroy(customer, site)
    restore = customer.restore(resource_of(site), seq=1, selection={"everything": True})
    assert restore["counts"]["restored"] >= len(paths)
    assert truth(customer, site) == before
