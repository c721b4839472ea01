"""Nonsense from a client is answered with a 4xx in Graph's words, never with a failure of the simulator."""

from __future__ import annotations

import json
import random
from urllib.parse import quote

from .conftest import World

VALUES = [None, 1, "x", [], {}, [1], {"a": 1}, True, "\ud800", "x" * 400]
KEYS = [
    "displayName",
    "type",
    "itemIds",
    "FolderId",
    "Mode",
    "Data",
    "ItemId",
    "requests",
    "name",
    "folder",
    "item",
    "parentReference",
    "fileSystemInfo",
    "@microsoft.graph.conflictBehavior",
    "headers",
    "dependsOn",
]


def test_bodies_of_any_shape(world: World) -> None:
    item = world.control.put_file(world.tenant, world.key, "a.txt", b"x")
    url = world.graph.post(f"{world.mailbox}/createImportSession").json()["importUrl"]
    targets = [
        ("POST", f"{world.mailbox}/folders"),
        ("PATCH", f"{world.mailbox}/folders/inbox"),
        ("POST", f"{world.mailbox}/exportItems"),
        ("POST", url),
        ("POST", "/$batch"),
        ("POST", f"{world.drive}/root/children"),
        ("PATCH", f"{world.drive}/items/{item}"),
        ("POST", f"{world.drive}/root:/q.bin:/createUploadSession"),
        ("POST", f"{world.drive}/items/{item}/createUploadSession"),
    ]
    chance = random.Random(1)
    for _ in range(1500):
        method, target = chance.choice(targets)
        body = {key: chance.choice(VALUES) for key in chance.sample(KEYS, chance.randint(0, 6))}
        if target == "/$batch" and chance.random() < 0.8:
            body = {"requests": [{"id": "1", "method": "GET", "url": "/users", **body}]}
        reply = world.graph.send(method, target, body)
        assert reply.status < 500, (method, target, body)
        if reply.status >= 400:
            assert {"code", "message", "innerError"} == set(json.loads(reply.body)["error"])


def test_queries_of_any_shape(world: World) -> None:
    world.control.put_file(world.tenant, world.key, ["half \ud800 name"], b"x")
    paths = [
        "/users",
        f"{world.mailbox}/folders",
        f"{world.mailbox}/folders/inbox/items",
        f"{world.mailbox}/folders/inbox/items/delta",
        f"{world.drive}/root/delta",
        f"{world.drive}/root/children",
        f"/users/{world.key}/messages",
    ]
    options = ["$top", "$skip", "$select", "$expand", "$orderby", "$filter", "token", "$deltatoken", "$skiptoken"]
    for path in paths:
        for option in options:
            for value in ("", "x", "-1", "9" * 20, "\x00", "'", "²"):
                reply = world.graph.get(f"{path}?{option}={quote(value)}")
                assert reply.status < 500, (path, option, value)
