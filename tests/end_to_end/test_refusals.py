"""Every wrong request gets a clear answer, and nothing is written for it."""

from __future__ import annotations

from typing import Any

import pytest

from local.product_settings import APP_CLIENT_ID, APP_CLIENT_SECRET
from tests.end_to_end.service import Customer, Service

UNKNOWN = "/api/customers/nobody-here"


def _problem(service: Service, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, str]:
    answer = service.call(method, path, body, **options)
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail"}
    assert problem["status"] == answer.status_code
    assert "Traceback" not in answer.text
    return answer.status_code, problem["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", UNKNOWN),
        ("POST", f"{UNKNOWN}/runs"),
        ("GET", f"{UNKNOWN}/runs"),
        ("GET", f"{UNKNOWN}/resources"),
        ("GET", f"{UNKNOWN}/resources/mailbox.x/snapshots"),
        ("POST", f"{UNKNOWN}/restores"),
    ],
)
def test_an_unknown_customer_is_not_found(service: Service, method: str, path: str) -> None:
    status, detail = _problem(service, method, path, {} if method == "POST" else None)
    assert status == 404
    assert "nobody-here" in detail


@pytest.mark.parametrize(
    ("customer_id", "body", "expected"),
    [
        ("A", {}, "display_name"),
        ("Bad_Id", {"display_name": "x", "tenant_id": "11111111-1111-1111-1111-111111111111"}, "customer id"),
        ("good-id", {"display_name": "x"}, "tenant_id"),
        ("good-id", {"display_name": "x", "tenant_id": "contoso.com"}, "GUID"),
        ("good-id", {"display_name": "x\u202e", "tenant_id": "1"}, "display_name"),
        ("good-id", {"display_name": 5}, "string"),
        ("good-id", {"nonsense": "x"}, "nonsense"),
        ("good-id", ["not", "an", "object"], "object"),
    ],
)
def test_a_malformed_customer_is_refused(service: Service, customer_id: str, body: Any, expected: str) -> None:
    status, detail = _problem(service, "PUT", f"/api/customers/{customer_id}", body)
    assert status == 400
    assert expected in detail


def test_a_body_that_is_not_json_is_refused(service: Service, customer: Customer) -> None:
    for content in (b"{", b"\xff\xfe", b"[" * 100_000):
        answer = service.call("POST", f"/api/customers/{customer.id}/restores", content=content)
        assert answer.status_code == 400, answer.text
        assert "JSON" in answer.json()["detail"]


@pytest.mark.parametrize("method", ["POST departure", "DELETE departure", "POST runs"])
def test_what_an_address_does_not_take_is_refused_before_anything_is_done(
    service: Service, customer: Customer, method: str
) -> None:
    verb, _, path = method.partition(" ")
    for query, body in (("?at=2027-01-01", None), ("", {"at": "2027-01-01"})):
        status, detail = _problem(service, verb, f"/api/customers/{customer.id}/{path}{query}", body)
        assert (status, "'at'" in detail, "takes none" in detail) == (400, True, True)
    assert customer.get("")["left_at"] is None
    assert customer.get("/runs")["runs"] == []


def test_a_customer_id_cannot_be_given_to_another_tenant(service: Service, customer: Customer) -> None:
    other = {"display_name": "Other", "tenant_id": "99999999-9999-9999-9999-999999999999"}
    status, detail = _problem(service, "PUT", f"/api/customers/{customer.id}", other)
    assert (status, "another tenant" in detail) == (409, True)
    assert customer.get("")["tenant_id"] == customer.tenant_id


def test_a_tenant_is_protected_once(service: Service, customer: Customer) -> None:
    again = {"display_name": "Once more", "tenant_id": customer.tenant_id.upper()}
    status, detail = _problem(service, "PUT", f"/api/customers/{customer.id}-2", again)
    assert (status, f"customer {customer.id}" in detail) == (409, True)
    assert service.call("GET", f"/api/customers/{customer.id}-2").status_code == 404
    assert service.call("POST", f"/api/customers/{customer.id}/departure").status_code == 202
    assert service.call("PUT", f"/api/customers/{customer.id}-2", again).status_code == 201


@pytest.fixture
def backed_up(customer: Customer) -> tuple[Customer, dict[str, Any]]:
    user = customer.add_user()
    customer.edit("generate_items", user, count=3)
    customer.edit("put_file", user, path="a/b.txt", data=b"content")
    customer.run()
    return customer, user


def test_wrong_restores_are_refused_before_anything_is_written(
    service: Service, backed_up: tuple[Customer, dict[str, Any]]
) -> None:
    customer, user = backed_up
    mailbox = customer.resource("mailbox", user)
    everything = {"everything": True}
    since = customer.control.log_position()
    refused: list[tuple[dict[str, Any], int]] = [
        ({}, 400),
        ({"resource": mailbox}, 400),
        ({"resource": mailbox, "seq": 1}, 400),
        ({"resource": mailbox, "seq": 1, "selection": {}}, 400),
        ({"resource": mailbox, "seq": 1, "selection": {"item_ids": ["no-such-item"]}}, 400),
        ({"resource": mailbox, "seq": 1, "selection": {"everything": True, "item_ids": ["x"]}}, 400),
        ({"resource": mailbox, "seq": 1, "selection": {"item_ids": [7]}}, 400),
        ({"resource": mailbox, "seq": True, "selection": everything}, 400),
        ({"resource": mailbox, "seq": 99, "selection": everything}, 404),
        ({"resource": mailbox, "at": "yesterday", "selection": everything}, 400),
        ({"resource": mailbox, "at": "2001-01-01T00:00:00Z", "selection": everything}, 404),
        ({"resource": "../../etc", "seq": 1, "selection": everything}, 400),
        ({"resource": "mailbox.unknown", "seq": 1, "selection": everything}, 404),
        ({"resource": mailbox, "seq": 1, "selection": everything, "target": "elsewhere"}, 400),
        ({"resource": mailbox, "seq": 1, "selection": everything, "target": "folder"}, 400),
        ({"resource": mailbox, "seq": 1, "selection": everything, "conflict": "destroy"}, 400),
        (
            {
                "resource": mailbox,
                "seq": 1,
                "selection": everything,
                "target": "folder",
                "folder_name": "a\u0000b",
            },
            400,
        ),
    ]
    for body, expected in refused:
        status, detail = _problem(service, "POST", f"/api/customers/{customer.id}/restores", body)
        assert status == expected, (body, detail)
    written = [
        entry
        for entry in customer.control.log(since)
        if entry["tenant"] == customer.tenant_id and entry["method"] != "GET" and entry["operation"] != "token"
    ]
    assert written == []
    assert customer.get("/restores")["restores"] == []


def test_a_snapshot_of_someone_else_is_not_found(service: Service, backed_up: tuple[Customer, dict[str, Any]]) -> None:
    owner, user = backed_up
    stranger = service.onboard()
    resource = owner.resource("mailbox", user)
    base = f"/api/customers/{stranger.id}"
    assert _problem(service, "GET", f"{base}/resources/{resource}/snapshots")[0] == 404
    assert _problem(service, "GET", f"{base}/resources/{resource}/snapshots/1/items")[0] == 404
    body = {"resource": resource, "seq": 1, "selection": {"everything": True}}
    assert _problem(service, "POST", f"{base}/restores", body)[0] == 404
    run_id = owner.get("/runs")["runs"][0]["run_id"]
    assert _problem(service, "GET", f"{base}/runs/{run_id}")[0] == 404


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=99999", "token=%21%21", "parent=no-such-folder"])
def test_browsing_with_a_wrong_query_is_refused(
    service: Service, backed_up: tuple[Customer, dict[str, Any]], query: str
) -> None:
    customer, user = backed_up
    resource = customer.resource("drive", user)
    path = f"/api/customers/{customer.id}/resources/{resource}/snapshots/1/items?{query}"
    assert _problem(service, "GET", path)[0] == 400


def test_a_missing_permission_is_named_in_the_run(service: Service) -> None:
    customer = service.onboard()
    user = customer.add_user()
    customer.edit("generate_items", user, count=2)
    customer.edit("put_file", user, path="kept.txt", data=b"kept")
    roles = ["User.Read.All", "Organization.Read.All", "Files.ReadWrite.All", "MailboxSettings.Read"]
    customer.control.add_app(customer.tenant_id, APP_CLIENT_ID, APP_CLIENT_SECRET, roles)
    run = customer.run(expect="partial")
    resources = {entry["kind"]: entry for entry in run["resources"]}
    assert resources["drive"]["state"] == "complete", "one missing permission must not stop the rest"
    assert resources["mailbox"]["state"] == "failed"
    assert "Mailbox" in resources["mailbox"]["error"], "the answer names the permission to grant"


@pytest.mark.parametrize("odd", ["%00", "a%0AERROR%20forged", "..%2F..%2Fother", "%ED%A0%80", "x" * 2000])
def test_odd_ids_in_paths_are_answered_at_once(service: Service, customer: Customer, odd: str) -> None:
    base = f"/api/customers/{customer.id}"
    paths = (
        f"/api/customers/{odd}",
        f"{base}/runs/{odd}",
        f"{base}/restores/{odd}",
        f"{base}/resources/{odd}/snapshots",
    )
    for path in paths:
        answer = service.call("GET", path)
        assert answer.status_code in (400, 404), (path, answer.text)
        assert answer.elapsed.total_seconds() < 5, path
    body = {"resource": f"drive.{odd}", "seq": 1, "selection": {"everything": True}}
    assert service.call("POST", f"{base}/restores", body).status_code in (400, 404)
