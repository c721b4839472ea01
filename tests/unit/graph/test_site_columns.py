"""Columns, names and places of sites: what is pure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_code.graph.sites.columns import (
    Column,
    fits,
    note_column_of,
    own_values,
    peoples_columns,
    to_fields,
    without_empty,
)
from shared_code.graph.sites.names import (
    computed_etag,
    file_id,
    inner_id,
    library_feed,
    library_of,
    list_feed,
    list_id_of,
    list_of,
    row_id,
    row_number,
)
from shared_code.graph.sites.pages import comparable, written_body
from shared_code.graph.sites.target_places import LibraryPlace, ListPlace, PagesPlace, TopPlace, place_of
from shared_code.graph.sites.target_row_index import RowIndex

GUID = "22e03ef3-6ef4-424d-a1d3-92a337807c30"


def column(name: str, facet: str, **definition: Any) -> dict[str, Any]:
    return {"name": name, "displayName": name, **({facet: definition} if facet else {})}


DEFINITIONS = [
    column("Title", "text"),
    column("Tags", "choice", displayAs="checkBoxes"),
    column("Customer", "lookup", listId=f"{{{GUID.upper()}}}"),
    column("Others", "lookup", allowMultipleValues=True),
    column("City", "term"),
    column("Cities", "term", allowMultipleValues=True),
    column("Place", ""),
    {**column("City_0", "text"), "name": "hidden1", "hidden": True},
    {**column("Created", "dateTime"), "readOnly": True},
    column("Attachments", ""),
]


def test_peoples_columns_are_those_that_people_set() -> None:
    found = peoples_columns(DEFINITIONS)
    assert list(found) == ["Title", "Tags", "Customer", "Others", "City", "Cities", "Place"]
    assert found["Customer"].looked_up_list == GUID
    assert (found["Place"].facet, found["Tags"].is_many, found["Customer"].is_many) == ("", True, False)
    assert note_column_of(DEFINITIONS, found["City"]) == "hidden1"
    assert note_column_of(DEFINITIONS, found["Cities"]) == ""


def test_values_are_the_same_whichever_way_lookups_are_shown() -> None:
    columns = peoples_columns(DEFINITIONS)
    objects = [{"LookupId": 1, "LookupValue": "a"}, {"LookupId": 2, "LookupValue": "b"}]
    one = own_values({"Title": "x", "CustomerLookupId": "3", "Others": objects, "Tags": []}, columns)
    other = own_values({"Title": "x", "CustomerLookupId": 3, "OthersLookupId": ["1", 2], "Place": None}, columns)
    assert one == other == {"Title": "x", "Customer": ["3"], "Others": ["1", "2"]}


def test_what_is_written_clears_what_is_not_there() -> None:
    columns = peoples_columns(DEFINITIONS)
    term = {"label": "Rome", "id": GUID}
    body = to_fields({"Title": "x", "Others": ["2"], "City": [term], "Place": {"a": 1}}, columns, {"City": "hidden1"})
    assert body == {
        "Title": "x",
        "Tags": [],
        "Tags@odata.type": "Collection(Edm.String)",
        "CustomerLookupId": None,
        "OthersLookupId": [2],
        "OthersLookupId@odata.type": "Collection(Edm.Int32)",
        "hidden1": f"-1;Rome|{GUID}",
    }
    assert without_empty(body) == {
        "Title": "x",
        "OthersLookupId": [2],
        "OthersLookupId@odata.type": "Collection(Edm.Int32)",
        "hidden1": f"-1;Rome|{GUID}",
    }


@pytest.mark.parametrize(
    ("facet", "value", "expected"),
    [
        ("number", 2.5, True),
        ("number", True, False),
        ("number", "2", False),
        ("boolean", True, True),
        ("boolean", 1, False),
        ("text", "x", True),
        ("text", "half \ud83d", False),
        ("lookup", ["1"], True),
        ("dateTime", 5, False),
    ],
)
def test_values_that_cannot_be_written_are_known_before(facet: str, value: object, expected: bool) -> None:
    assert fits(Column("x", facet, {}), value) is expected


@given(st.integers(min_value=1, max_value=10**9), st.text(min_size=1))
def test_names_are_taken_apart_as_they_were_put_together(number: int, name: str) -> None:
    assert row_number(row_id(GUID, str(number))) == str(number)
    assert list_id_of(row_id(GUID, str(number))) == GUID
    assert inner_id(file_id(GUID, name)) == name
    assert library_of(library_feed(GUID, "b!x_-y")) == (GUID, "b!x_-y")
    assert list_of(list_feed(GUID)) == GUID
    assert library_of(list_feed(GUID)) is None
    assert list_of(library_feed(GUID, "b!x")) is None
    for place in (LibraryPlace(GUID, "b!x", "01ABC"), LibraryPlace(GUID, "b!x"), ListPlace(GUID)):
        assert place_of(place.id) == place
    for label in (name, ""):
        assert place_of(PagesPlace(label).id) == PagesPlace(label)
        assert place_of(TopPlace(label).id) == TopPlace(label)


@given(st.sets(st.integers(min_value=1, max_value=10**9), min_size=2))
def test_rows_sort_by_their_numbers(numbers: set[int]) -> None:
    ids = sorted(row_id(GUID, str(number)) for number in numbers)
    assert [int(row_number(item_id)) for item_id in ids] == sorted(numbers)


def test_the_computed_tag_does_not_depend_on_the_order_of_names() -> None:
    assert computed_etag({"a": 1, "b": [1, 2]}) == computed_etag({"b": [1, 2], "a": 1})
    assert computed_etag({"a": 1, "b": [1, 2]}) != computed_etag({"a": 1, "b": [2, 1]})


def test_the_index_knows_rows_by_their_newest_values() -> None:
    index = RowIndex()
    index.put("1", {"Title": "a"})
    index.put("2", {"Title": "a"})
    index.put("1", {"Title": "b"})
    assert (index.equal({"Title": "a"}), index.equal({"Title": "b"})) == (["2"], ["1"])
    assert list(index.begun({"Title": "a", "Note": "x", "ContentType": "Item"})) == ["2"]
    index.put("2", {"Title": "a", "Note": "x"})
    assert list(index.begun({"Title": "a", "Note": "y"})) == []


def test_pages_are_compared_without_what_each_copy_has_of_its_own() -> None:
    part = {"@odata.type": "#microsoft.graph.textWebPart", "id": "1", "innerHtml": "<p>x</p>"}
    page = {
        "id": "1",
        "title": "A",
        "webUrl": "https://x",
        "publishingState": {"level": "published", "versionId": "3.0"},
        "pageLayout": "article",
        "canvasLayout": {
            "horizontalSections@odata.context": "c",
            "horizontalSections": [{"id": "1", "columns": [{"webparts": [part]}]}],
        },
    }
    copy = {**page, "id": "2", "webUrl": "https://y", "publishingState": {"level": "published", "versionId": "1.0"}}
    assert comparable(page) == comparable(copy)
    assert comparable(page) != comparable({**copy, "publishingState": {"level": "draft"}})
    assert comparable(page) != comparable({**copy, "title": "B"})
    assert written_body(page) == {
        "@odata.type": "#microsoft.graph.sitePage",
        "title": "A",
        "canvasLayout": {"horizontalSections": [{"id": "1", "columns": [{"webparts": [part]}]}]},
    }
