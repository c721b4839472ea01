"""A site with one of everything: libraries, lists with columns of all kinds, rows, pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local.tenant.control.client import TenantControl
from shared_code.model.resource import Resource, ResourceKind

QUICK_LINKS = "c70391ea-0b10-4ee9-b2b4-006d3fcad0cd"
TERM = {"Label": "Berlin", "TermGuid": "b81212d2-c69d-4b11-8a76-001dd8d70282", "WssId": 3}
_TEXT_PART = {
    "@odata.type": "#microsoft.graph.textWebPart",
    "id": "6f9230af-2a98-4952-b205-9ede4f9ef548",
    "innerHtml": "<p>Grüße &amp; <b>more</b></p>",
}
_LINKS_PART = {
    "@odata.type": "#microsoft.graph.standardWebPart",
    "id": "73d07dde-3474-4545-badb-f28ba239e0e1",
    "webPartType": QUICK_LINKS,
    "data": {"dataVersion": "1.0", "title": "Links", "description": "Where to go"},
}
CANVAS: dict[str, Any] = {
    "horizontalSections": [
        {
            "id": "1",
            "layout": "twoColumns",
            "emphasis": "none",
            "columns": [
                {"id": "1", "width": 6, "webparts": [_TEXT_PART]},
                {"id": "2", "width": 6, "webparts": [_LINKS_PART]},
            ],
        }
    ],
    "verticalSection": {"emphasis": "soft", "webparts": []},
}


@dataclass(frozen=True, slots=True)
class ExampleSite:
    """Ids of what ``fill_site`` made."""

    site: str
    documents: str
    drive: str
    file: str
    tasks: str
    customers: str
    customer: str
    task: str
    page: str

    @property
    def resource(self) -> Resource:
        hostname, _, guids = self.site.partition(",")
        return Resource(ResourceKind.SITE, guids, "Works", {"hostname": hostname})


def fill_site(control: TenantControl, tenant: str, path: str = "/sites/works") -> ExampleSite:
    """Make the site. Everything in it can be written through Graph again; see ``add_unwritable`` for the rest."""
    site = control.add_site(tenant, path, "Works", description="All of it")
    control.add_site_column(tenant, site, "Cost centre", "text", {"maxLength": 20})
    ada = control.add_site_user(tenant, site, "Ada", "ada@x.example")
    ben = control.add_site_user(tenant, site, "Ben", "ben@x.example")
    documents = control.change_list(tenant, site, "Documents")
    drive = documents["drive"]
    file = control.put_file(tenant, drive, "/Plans/plan.txt", b"plan A", modified="2021-01-02T03:04:05Z")
    control.put_file(tenant, drive, "/read me.txt", b"")
    control.mkdir(tenant, drive, "/Nothing in it")
    control.add_column(tenant, site, "Documents", "Stage", "choice", {"choices": ["draft", "final"]})
    control.set_file_fields(tenant, site, "Documents", "/Plans/plan.txt", {"Stage": "draft"})
    pictures = control.add_list(tenant, site, "Pictures", "documentLibrary")
    control.put_file(tenant, pictures["drive"], "/a.png", b"png" * 500)
    customers = control.add_list(tenant, site, "Customers", description="Who pays")["list"]
    customer = control.add_row(tenant, site, customers, {"Title": "Contoso"})
    control.add_row(tenant, site, customers, {"Title": "Fabrikam"})
    tasks = control.add_list(tenant, site, "Tasks")["list"]
    columns: list[tuple[str, str, dict[str, Any]]] = [
        ("Note", "text", {"allowMultipleLines": True, "textType": "richText", "linesForEditing": 6}),
        ("Hours", "number", {"decimalPlaces": "two", "minimum": 0.0}),
        ("Price", "currency", {"locale": "de-DE"}),
        ("Done", "boolean", {}),
        ("Due", "dateTime", {"format": "dateOnly", "displayAs": "standard"}),
        ("State", "choice", {"choices": ["new", "done"], "allowTextEntry": False, "displayAs": "dropDownMenu"}),
        ("Tags", "choice", {"choices": ["a", "b", "c"], "displayAs": "checkBoxes"}),
        ("Customer", "lookup", {"listId": customers, "columnName": "Title", "allowMultipleValues": False}),
        ("Others", "lookup", {"listId": customers, "columnName": "Title", "allowMultipleValues": True}),
        ("Owner", "personOrGroup", {"allowMultipleSelection": False, "chooseFromType": "peopleOnly"}),
        ("Team", "personOrGroup", {"allowMultipleSelection": True, "chooseFromType": "peopleAndGroups"}),
    ]
    for name, facet, definition in columns:
        control.add_column(tenant, site, tasks, name, facet, definition)
    values = {
        "Title": "First",
        "Note": "<p>über & unter</p>",
        "Hours": 2.5,
        "Price": 1200,
        "Done": True,
        "Due": "2026-12-24T00:00:00Z",
        "State": "new",
        "Tags": ["a", "c"],
        "CustomerLookupId": customer,
        "OthersLookupId": [1, 2],
        "OwnerLookupId": str(ada),
        "TeamLookupId": [ada, ben],
    }
    task = control.add_row(tenant, site, tasks, values)
    control.add_content_type(tenant, site, tasks, "Urgent task")
    second = {"Title": "Second", "Done": False, "CustomerLookupId": "2"}
    control.add_row(tenant, site, tasks, second, content_type="Urgent task")
    properties = {
        "title": "Welcome",
        "description": "Where to begin",
        "showComments": True,
        "showRecommendedPages": False,
        "titleArea": {"layout": "plain", "showAuthor": True, "textAlignment": "left"},
        "canvasLayout": CANVAS,
    }
    page = control.add_page(tenant, site, "welcome.aspx", properties)
    control.add_page(tenant, site, "draft.aspx", {"title": "Not yet"}, published=False)
    return ExampleSite(site, documents["list"], drive, file, tasks, customers, customer, task, page)


def add_unwritable(control: TenantControl, tenant: str, example: ExampleSite) -> str:
    """Add columns whose values Graph shows and does not write, and a row with a value in each. Return its id."""
    site, tasks = example.site, example.tasks
    control.add_column(tenant, site, tasks, "Link", "hyperlinkOrPicture", {"isPicture": False})
    control.add_column(tenant, site, tasks, "Place", "")
    values = {
        "Title": "Odd",
        "Link": {"Url": "https://x.example/", "Description": "x"},
        "Place": {"DisplayName": "Berlin", "Coordinates": {"Latitude": 52.5, "Longitude": 13.4}},
    }
    return control.add_row(tenant, site, tasks, values, attachments=True)


def add_terms(control: TenantControl, tenant: str, example: ExampleSite) -> str:
    """Add a column of managed metadata, and a row with a term. Return its id."""
    control.add_column(tenant, example.site, example.tasks, "City", "term", {"allowMultipleValues": False})
    return control.add_row(tenant, example.site, example.tasks, {"Title": "Local", "City": TERM})
