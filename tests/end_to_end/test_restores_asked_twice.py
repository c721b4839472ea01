"""A double click doubles nothing, a key finds its restore, and a restore that was not meant can be stopped."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.end_to_end.service import DEADLINE_S, Customer

MESSAGES = 40
TOP = "Back"


def _mailbox(customer: Customer, messages: int = MESSAGES) -> tuple[dict[str, Any], dict[str, Any]]:
    """Somebody with a mailbox that is backed up, and a restore of all of it below a new folder."""
    user = customer.add_user()
    customer.edit("generate_items", user, count=messages)
    customer.run()
    everything = {"selection": {"everything": True}, "target": "folder", "folder_name": TOP}
    return user, {"resource": customer.resource("mailbox", user), "seq": 1, **everything}


def _ask(customer: Customer, body: dict[str, Any], key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return customer.service.call("POST", f"/api/customers/{customer.id}/restores", body, headers=headers)


def _messages(customer: Customer, user: dict[str, Any]) -> tuple[Counter[str], Counter[str]]:
    """Messages by their content: those below the new folder, and the others."""
    below: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for record in customer.oracle(user, "mailbox"):
        if record["record"] == "item" and record.get("mime_sha256"):
            is_below = str(record["folder"]).strip("/").split("/")[0] == TOP
            (below if is_below else others)[record["mime_sha256"]] += 1
    return below, others


def test_a_double_click_doubles_nothing(customer: Customer) -> None:
    user, body = _mailbox(customer)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: _ask(customer, body), range(4)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    [restore_id] = {answer.json()["restore_id"] for answer in answers}
    [location] = {answer.headers["Location"] for answer in answers}
    assert location == f"/api/customers/{customer.id}/restores/{restore_id}"
    restore = customer.wait(f"/restores/{restore_id}")
    assert (restore["state"], restore["counts"]["restored"]) == ("complete", MESSAGES)
    below, others = _messages(customer, user)
    assert below == others
    assert below.total() == MESSAGES
    assert [entry["restore_id"] for entry in customer.get("/restores")["restores"]] == [restore_id]


def test_the_same_key_is_the_same_restore(customer: Customer) -> None:
    user, body = _mailbox(customer)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: _ask(customer, body, "key 1"), range(3)))
    assert [answer.status_code for answer in answers] == [202] * 3
    [restore_id] = {answer.json()["restore_id"] for answer in answers}
    customer.wait(f"/restores/{restore_id}")
    late = _ask(customer, body, "key 1")
    assert (late.status_code, late.json()["restore_id"]) == (200, restore_id)
    assert _ask(customer, {**body, "conflict": "replace"}, "key 1").status_code == 422
    below, others = _messages(customer, user)
    assert below == others


def test_a_cancelled_restore_stops_and_tells_what_it_wrote(customer: Customer) -> None:
    user, body = _mailbox(customer, messages=250)
    customer.control.add_fault(
        match={"tenant": customer.tenant_id, "operation": "mailbox.import"}, action={"delay_s": 0.1}
    )
    path = f"/restores/{_ask(customer, body).json()['restore_id']}"
    deadline = time.monotonic() + DEADLINE_S
    while not customer.get(path)["counts"]["restored"]:
        assert time.monotonic() < deadline, "the restore does not begin"
        time.sleep(0.05)
    cancel = f"/api/customers/{customer.id}{path}/cancel"
    assert customer.service.call("POST", cancel).status_code == 202
    restore = customer.wait(path)
    assert restore["state"] == "cancelled", restore
    counts = restore["counts"]
    assert 0 < counts["restored"] < 250 <= counts["planned"]
    assert counts["failed"] == counts["differs"] == 0
    below, _ = _messages(customer, user)
    assert below.total() == counts["restored"]
    assert customer.service.call("POST", cancel).status_code == 200
