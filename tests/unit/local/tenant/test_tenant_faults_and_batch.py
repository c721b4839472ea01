"""Faults by rule, the request log, and batches."""

from __future__ import annotations

import base64
import http.client
import time

import pytest

from .conftest import World

MIME = b"From: a@x.example\r\nSubject: s\r\n\r\nbody\xff\r\n"


def test_a_fault_fires_as_often_as_it_says(world: World) -> None:
    rule = world.control.add_fault(
        match={"operation": "users.list", "tenant": world.tenant},
        action={"status": 429, "retry_after_s": 7},
        times=2,
        skip=1,
    )
    replies = [world.graph.get("/users") for _ in range(5)]
    assert [reply.status for reply in replies] == [200, 429, 429, 200, 200]
    assert replies[1].headers["retry-after"] == "7"
    assert replies[1].code == "TooManyRequests"
    assert world.control.fault_hits()[rule] == 2
    assert world.control.remove_fault(rule) == 2


def test_faults_match_by_method_path_and_chance(world: World) -> None:
    world.control.add_fault(
        match={"method": "GET", "path_regex": r"/users\?"}, action={"status": 503}, probability=0.5, seed=7
    )
    outcomes = [world.graph.get("/users?$top=1").status for _ in range(40)]
    assert 5 < outcomes.count(503) < 35
    assert world.graph.get("/organization").status == 200


def test_expired_cursors_by_fault(world: World) -> None:
    world.control.add_fault(match={"operation": "drive.delta"}, action={"status": 410}, times=1)
    world.control.add_fault(match={"operation": "mailbox.items.delta"}, action={"status": 410}, times=1)
    reply = world.graph.get(f"{world.drive}/root/delta")
    assert reply.code == "resyncRequired"
    assert world.graph.get(reply.headers["location"]).status == 200
    assert world.graph.get(f"{world.mailbox}/folders/inbox/items/delta").code == "syncStateNotFound"


def test_wrong_short_and_cut_downloads(world: World) -> None:
    data = bytes(3_000_000)
    item = world.control.put_file(world.tenant, world.key, "/a.bin", data)
    url = world.graph.get(f"{world.drive}/items/{item}").json()["@microsoft.graph.downloadUrl"]
    match = {"operation": "drive.download", "tenant": world.tenant}
    world.control.add_fault(match=match, action={"corrupt_bytes": 3}, times=1)
    world.control.add_fault(match=match, action={"truncate": 1000}, times=1)
    world.control.add_fault(match=match, action={"cut_after_bytes": 1_000_000}, times=1)
    corrupt = world.graph.get(url, signed=False).body
    assert len(corrupt) == len(data)
    assert sum(byte != 0 for byte in corrupt) == 3
    short = world.graph.get(url, signed=False)
    assert (short.status, len(short.body), short.headers["content-length"]) == (200, 1000, "1000")
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        world.graph.get(url, signed=False)
    assert world.graph.get(url, signed=False).body == data


def test_a_delay_is_waited_and_logged(world: World) -> None:
    world.control.add_fault(match={"operation": "users.get"}, action={"delay_s": 0.2}, times=1)
    before, began = world.control.log_position(), time.monotonic()
    assert world.graph.get(f"/users/{world.key}").status == 200
    assert time.monotonic() - began >= 0.2
    entry = world.control.log(before)[0]
    assert entry["operation"] == "users.get"
    assert entry["duration_ms"] >= 200
    assert entry["tenant"] == world.tenant
    assert entry["app"] == "backup-app"


def test_a_batch_answers_each_request_on_its_own(world: World) -> None:
    item = world.control.add_message(world.tenant, world.key, MIME)
    world.control.add_fault(
        match={"path_regex": "mailboxSettings"}, action={"status": 429, "retry_after_s": 3}, times=1
    )
    before = world.control.log_position()
    requests = [
        {"id": "a", "method": "GET", "url": f"/users/{world.key}/messages/{item}/$value"},
        {"id": "b", "method": "GET", "url": f"/users/{world.key}/messages/{item}?$select=subject"},
        {"id": "c", "method": "GET", "url": f"/users/{world.key}/messages/none"},
        {"id": "d", "method": "GET", "url": f"/users/{world.key}/mailboxSettings"},
        {"id": "e", "method": "GET", "url": f"/users/{world.key}", "dependsOn": ["c"]},
        {
            "id": "f",
            "method": "POST",
            "url": f"{world.drive}/root/children",
            "headers": {"Content-Type": "application/json"},
            "body": {"name": "F", "folder": {}},
        },
        {"id": "g", "method": "GET", "url": f"/users/{world.key}/events/{item}", "headers": {"prefer": "x"}},
    ]
    reply = world.graph.post("/$batch", {"requests": requests})
    assert reply.status == 200
    answers = {answer["id"]: answer for answer in reply.json()["responses"]}
    assert {key: answer["status"] for key, answer in answers.items()} == {
        "a": 200, "b": 200, "c": 404, "d": 429, "e": 424, "f": 201, "g": 404,
    }  # fmt: skip
    assert base64.b64decode(answers["a"]["body"]) == MIME
    assert answers["b"]["body"]["subject"] == "s"
    assert answers["d"]["headers"]["Retry-After"] == "3"
    entries = world.control.log(before)
    assert [entry["batch"] for entry in entries] == [True] * 6 + [False]
    assert entries[0]["operation"] == "message.mime"


def test_batches_that_are_malformed(world: World) -> None:
    one = {"id": "1", "method": "GET", "url": "/users"}
    for requests in ([], "x", [one] * 2, [{"id": "1"}], [{**one, "id": str(n)} for n in range(21)]):
        assert world.graph.post("/$batch", {"requests": requests}).status == 400
    assert world.graph.send("POST", "/$batch", b"{").status == 400
    nested = {"id": "1", "method": "POST", "url": "/$batch", "body": {"requests": [one]}}
    assert world.graph.post("/$batch", {"requests": [nested]}).json()["responses"][0]["status"] == 400


def test_inner_requests_are_authorised_one_by_one(world: World) -> None:
    client = world.client_with("User.Read.All")
    requests = [
        {"id": "1", "method": "GET", "url": "/users"},
        {"id": "2", "method": "GET", "url": f"/users/{world.key}/messages"},
    ]
    answers = client.post("/$batch", {"requests": requests}).json()["responses"]
    assert {answer["id"]: answer["status"] for answer in answers} == {"1": 200, "2": 403}
    client.close()


def test_the_log_sums_up_and_clears(world: World) -> None:
    world.graph.get("/users")
    assert world.control.log_summary()["users.list"]["200"] >= 1
    last = world.control.log_position()
    world.control.clear_log()
    assert world.control.log() == []
    world.graph.get("/users")
    assert [entry["n"] for entry in world.control.log()] == [last + 1]
