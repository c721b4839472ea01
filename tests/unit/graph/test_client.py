"""The client: where the token goes, what is repeated, what errors become."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from shared_code.errors import (
    AccessDeniedError,
    CursorExpiredError,
    SourceContentError,
    SourceError,
    SourceNotFoundError,
    SourceUnavailableError,
    ThrottledError,
)
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import prefer, with_query
from tests.fakes.graph_server import FixedCredential, GraphServer, Reply

NOW = datetime.fromtimestamp(1_800_000_000, UTC)
ASKED = Asked("list things", permission="Things.Read.All", ids={"thing_id": "t1"})


class Waits:
    """A sleep that only remembers."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def client_of(server: GraphServer, **options: Any) -> GraphClient:
    options.setdefault("sleep", Waits())
    options.setdefault("credential", FixedCredential())
    options.setdefault("chance", lambda: 0.5)
    options.setdefault("base_url", server.base_url)
    return GraphClient(now=lambda: NOW, **options)


def batch_reply(*inner: dict[str, Any]) -> Reply:
    return Reply(200, {"responses": list(inner)})


async def test_builder_request_carries_token_query_and_headers() -> None:
    async with (
        GraphServer(Reply(200, {"value": [1]})) as server,
        client_of(server, user_agent="NONISV|A|B/1") as client,
    ):
        builder = client.graph.drives.by_drive_id("b!x").items.by_drive_item_id("root").delta
        info = prefer(
            with_query(builder.to_get_request_information(), select=["id", "size"], top=7),
            "odata.maxpagesize=7",
        )
        assert await client.get_json(info) == {"value": [1]}
    seen = server.seen[0]
    assert seen.path == "/v1.0/drives/b!x/items/root/delta()?$select=id,size&$top=7"
    assert seen.headers["authorization"] == "Bearer token-1"
    assert seen.headers["prefer"] == "odata.maxpagesize=7"
    assert seen.headers["user-agent"] == "NONISV|A|B/1"
    assert len(seen.headers["client-request-id"]) == 36


async def test_ids_cannot_leave_their_place_in_the_path() -> None:
    async with GraphServer(handler=lambda _: Reply(200, {})) as server, client_of(server) as client:
        hostile = "x/../../me?$select=a#b"
        await client.get_json(client.graph.users.by_user_id(hostile).drive.to_get_request_information())
        await client.get_json(client.request("GET", "/users/{id}/drive", id=hostile))
    for seen in server.seen:
        path, _, query = seen.path.partition("?")
        assert path.startswith("/v1.0/users/x%2F..%2F..%2Fme%3F")
        assert path.endswith("/drive")
        assert query == ""


async def test_token_is_cached_until_shortly_before_it_expires() -> None:
    credential, short = FixedCredential(), FixedCredential(lifetime_s=200)
    async with GraphServer(handler=lambda _: Reply(200, {})) as server:
        for each in (credential, short):
            async with client_of(server, credential=each) as client:
                for _ in range(3):
                    await client.get_json(client.graph.users.to_get_request_information())
    assert credential.asked == 1
    assert short.asked == 3


@pytest.mark.parametrize(
    "foreign",
    [
        "http://127.0.0.1:1/v1.0/x",
        "https://graph.microsoft.com/v1.0/x",
        "http://127.0.0.1.evil.example/v1.0",
        "http://user@127.0.0.1/v1.0",
        "//evil.example/x",
        "file:///etc/passwd",
        "http://[::1/x",
        "",
    ],
)
async def test_a_link_to_another_host_is_refused_and_gets_no_token(foreign: str) -> None:
    credential = FixedCredential()
    async with GraphServer() as server, client_of(server, credential=credential) as client:
        with pytest.raises(SourceError):
            await client.get_json(client.link(foreign), ASKED)
        info = client.request("GET", "/x")
        info.url = foreign or "x"
        with pytest.raises(SourceError):
            await client.batch([info])
        with pytest.raises(SourceError):
            await client.get_json(info)
    assert server.seen == []
    assert credential.asked == 0


async def pages_of(client: GraphClient) -> list[dict[str, Any]]:
    return [page async for page in client.get_pages(client.graph.users.to_get_request_information())]


async def test_neither_names_nor_cursors_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)  # what a Functions worker passes on
    async with GraphServer(handler=lambda _: Reply(200, {})) as server, client_of(server) as client:
        await client.get_json(client.request("GET", "/drives/d/root:/{name}", name="Dismissal of Jane.docx"))
        await client.get_json(client.link(f"{server.base_url}/drives/d/root/delta?token=CURSOR"))
        await (await client.open_download(f"{server.root}/Jane?tempauth=CURSOR")).read(100)
    said = [record for record in caplog.records if record.name != "aiohttp.access"]  # the log of the test's own server
    assert not [text for text in (record.getMessage() for record in said) if "Jane" in text or "CURSOR" in text]
    assert len(server.seen) == 3


async def test_the_pages_of_a_collection_are_followed_to_the_last() -> None:
    async with GraphServer() as server, client_of(server) as client:
        pages = [{"value": [1], "@odata.nextLink": f"{server.base_url}/users?page=2"}, {"value": [2]}]
        server.script = [Reply(200, page) for page in pages]
        assert await pages_of(client) == pages
    assert [seen.path for seen in server.seen] == ["/v1.0/users", "/v1.0/users?page=2"]


async def test_pages_that_lead_in_a_circle_end_with_an_error() -> None:
    async with GraphServer() as server, client_of(server) as client:
        links = [f"{server.base_url}/users?page={number}" for number in (1, 2)]
        server.script = [Reply(200, {"value": [], "@odata.nextLink": link}) for link in [*links, *links]]
        with pytest.raises(SourceUnavailableError, match="circle"):
            await pages_of(client)
    assert len(server.seen) == 3


async def test_a_page_without_values_is_no_empty_one() -> None:
    async with GraphServer() as server, client_of(server) as client:
        server.script = [
            Reply(200, {"value": [1], "@odata.nextLink": f"{server.base_url}/users?page=2"}),
            Reply(200, {}),
        ]
        with pytest.raises(SourceUnavailableError, match="without its values"):
            await pages_of(client)


async def test_a_nextlink_to_another_server_never_receives_the_token() -> None:
    async with GraphServer(handler=lambda _: Reply(200, {})) as other, GraphServer() as server:
        server.script = [Reply(200, {"@odata.nextLink": f"{other.root}/v1.0/more", "value": []})]
        async with client_of(server) as client:
            with pytest.raises(SourceError, match="another host"):
                await pages_of(client)
    assert other.seen == []


async def test_a_redirect_is_not_followed_with_the_token() -> None:
    async with GraphServer(handler=lambda _: Reply(200, {})) as other, GraphServer() as server:
        server.script = [Reply(302, None, {"Location": f"{other.root}/x"})]
        async with client_of(server) as client:
            answer = await client.send(client.graph.users.to_get_request_information())
    assert answer.status == 302
    assert other.seen == []


async def test_downloads_and_uploads_never_carry_the_token() -> None:
    async with GraphServer(handler=lambda _: Reply(200, b"data")) as server, client_of(server) as client:
        download = await client.open_download(f"{server.root}/file?sig=a%2Fb%2B%7E")
        assert await download.read(10) == b"data"
        await client.send_preauthenticated("PUT", f"{server.root}/up", data=b"x")
    assert server.seen[0].path == "/file?sig=a%2Fb%2B%7E"
    assert all("authorization" not in seen.headers for seen in server.seen)


@pytest.mark.parametrize("url", ["http://files.example/x", "ftp://127.0.0.1/x", "http://10.0.0.1/x"])
async def test_plain_http_downloads_are_for_loopback_only(url: str) -> None:
    async with GraphServer() as server, client_of(server) as client:
        with pytest.raises(SourceError):
            await client.open_download(url)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(403, {"error": {"code": "accessDenied", "message": "Secret subject"}}), AccessDeniedError),
        (Reply(404, {"error": {"code": "itemNotFound"}}), SourceNotFoundError),
        (Reply(410, {"error": {"code": "resyncChangesApplyDifferences"}}), CursorExpiredError),
        (Reply(400, {"error": {"code": "SyncStateNotFound"}}), CursorExpiredError),
        (
            Reply(404, {"error": {"code": "x", "innerError": {"code": "syncStateInvalid"}}}),
            CursorExpiredError,
        ),
        (Reply(429, None, {"Retry-After": "3"}), ThrottledError),
        (Reply(503, None, {"Retry-After": "3"}), ThrottledError),
        (Reply(503, b"<html>"), SourceUnavailableError),
        (Reply(500, {"error": {"code": "generalException"}}), SourceUnavailableError),
        (Reply(200, b"{broken"), SourceUnavailableError),
        (Reply(200, b'{"value": [1, 2', cut_after_bytes=8), SourceUnavailableError),
        (Reply(400, {"error": {"code": "BadRequest", "message": "Secret subject"}}), SourceError),
        (Reply(409, {"error": {"code": "nameAlreadyExists"}}), SourceError),
    ],
)
async def test_answers_become_errors_once_and_say_nothing_of_content(reply: Reply, kind: type) -> None:
    reply.headers["request-id"] = "r-1"
    async with GraphServer(handler=lambda _: reply) as server, client_of(server) as client:
        with pytest.raises(SourceError) as caught:
            await client.get_json(client.graph.users.to_get_request_information(), ASKED)
    error = caught.value
    assert type(error) is kind
    assert "list things" in str(error)
    assert "Secret" not in str(error) + str(error.context)
    assert error.context["thing_id"] == "t1"
    if "status" in error.context:
        assert error.context["request_id"] == "r-1"
        assert error.context["status"] == reply.status
    if isinstance(error, AccessDeniedError):
        assert error.permission == "Things.Read.All"
    if isinstance(error, ThrottledError):
        assert error.retry_after_s == 3


async def test_retry_after_is_obeyed_then_the_answer_is_taken() -> None:
    waits = Waits()
    script = [
        Reply(429, None, {"Retry-After": "7"}),
        Reply(503),
        Reply(200, b"{oh"),
        Reply(200, {"value": []}),
    ]
    async with GraphServer(*script) as server, client_of(server, sleep=waits) as client:
        assert await client.get_json(client.graph.users.to_get_request_information()) == {"value": []}
    assert waits.seconds == [7.0, 1.0, 2.0]
    assert len({seen.headers["client-request-id"] for seen in server.seen}) == 1
    assert all(seen.headers["authorization"] == "Bearer token-1" for seen in server.seen)


async def test_a_broken_connection_is_tried_again() -> None:
    script = [Reply(200, {"value": [1] * 50}, cut_after_bytes=5), Reply(200, {"value": [2]})]
    async with GraphServer(*script) as server, client_of(server) as client:
        assert await client.get_json(client.graph.users.to_get_request_information()) == {"value": [2]}


async def test_nobody_listening_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        base_url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1.0"
    async with GraphServer() as server, client_of(server, base_url=base_url) as client:
        with pytest.raises(SourceUnavailableError):
            await client.get_json(client.graph.users.to_get_request_information())


@pytest.mark.parametrize(("idempotent", "requests"), [(None, 1), (False, 1), (True, 6)])
async def test_a_post_that_may_have_been_done_is_not_repeated(idempotent: bool | None, requests: int) -> None:
    async with GraphServer(handler=lambda _: Reply(502)) as server, client_of(server) as client:
        with pytest.raises(SourceUnavailableError):
            info = client.request("POST", "/things")
            await client.send_json(info, {"a": 1}, ASKED, idempotent=idempotent)
    assert len(server.seen) == requests
    assert server.seen[0].json() == {"a": 1}


async def test_a_throttled_post_is_repeated() -> None:
    script = [Reply(429, None, {"Retry-After": "1"}), Reply(201, {"id": "n"})]
    async with GraphServer(*script) as server, client_of(server) as client:
        assert await client.send_json(client.request("POST", "/things"), {}) == {"id": "n"}
    assert len(server.seen) == 2


async def test_a_refused_token_is_renewed_once() -> None:
    def answer(seen: Any) -> Reply:
        return Reply(200, {}) if seen.headers["authorization"] == "Bearer token-2" else Reply(401)

    async with GraphServer(handler=answer) as server, client_of(server) as client:
        assert await client.get_json(client.graph.users.to_get_request_information()) == {}
    async with GraphServer(handler=lambda _: Reply(401)) as server, client_of(server) as client:
        with pytest.raises(AccessDeniedError):
            await client.get_json(client.graph.users.to_get_request_information())
    assert len(server.seen) == 2


async def test_the_time_budget_bounds_all_tries() -> None:
    clock = [0.0]

    async def sleep(seconds: float) -> None:
        clock[0] += seconds

    async with (
        GraphServer(handler=lambda _: Reply(429, None, {"Retry-After": "50"})) as server,
        client_of(server, sleep=sleep, monotonic=lambda: clock[0]) as client,
    ):
        with pytest.raises(ThrottledError):
            await client.get_json(client.graph.users.to_get_request_information())
    assert clock[0] == 100
    assert len(server.seen) == 3


def echo_batch(fail: Callable[[str], dict[str, Any] | None] = lambda _: None) -> Callable[[Any], Reply]:
    def answer(seen: Any) -> Reply:
        inner = []
        for request in reversed(seen.json()["requests"]):
            failure = fail(request["url"])
            inner.append({"id": request["id"], **(failure or {"status": 200, "body": {"url": request["url"]}})})
        return Reply(200, {"responses": inner})

    return answer


async def test_batches_hold_twenty_and_answers_come_in_order() -> None:
    async with GraphServer(handler=echo_batch()) as server, client_of(server) as client:
        infos = [client.graph.users.by_user_id(f"u{n}").drive.to_get_request_information() for n in range(45)]
        answers = await client.batch(infos)
    assert [answer.body["url"] for answer in answers] == [f"/users/u{n}/drive" for n in range(45)]
    assert [len(seen.json()["requests"]) for seen in server.seen] == [20, 20, 5]
    assert "Bearer" not in server.seen[0].body.decode()


async def test_inner_throttling_is_retried_alone_and_inner_4xx_is_data() -> None:
    left = {"/users/u1/drive": 2, "/users/u3/drive": 1}

    def fail(url: str) -> dict[str, Any] | None:
        if url == "/users/u0/drive":
            return {"status": 404, "body": {"error": {"code": "itemNotFound"}}}
        if left.get(url, 0) > 0:
            left[url] -= 1
            status = 429 if url == "/users/u1/drive" else 503
            return {"status": status, "headers": {"Retry-After": "4"}, "body": {"error": {"code": "x"}}}
        return None

    waits = Waits()
    async with GraphServer(handler=echo_batch(fail)) as server, client_of(server, sleep=waits) as client:
        infos = [client.graph.users.by_user_id(f"u{n}").drive.to_get_request_information() for n in range(5)]
        answers = await client.batch(infos)
    assert [answer.status for answer in answers] == [404, 200, 200, 200, 200]
    assert isinstance(answers[0].error(ASKED), SourceNotFoundError)
    assert [len(seen.json()["requests"]) for seen in server.seen] == [5, 2, 1]
    assert waits.seconds == [4.0, 4.0]


async def test_an_unsafe_batch_repeats_only_what_was_not_done() -> None:
    def fail(url: str) -> dict[str, Any] | None:
        return {"status": 503, "body": {}} if url == "/b" else None

    async with GraphServer(handler=echo_batch(fail)) as server, client_of(server) as client:
        infos = [client.request("POST", "/a"), client.request("POST", "/b")]
        answers = await client.batch(infos, idempotent=False)
    assert [answer.status for answer in answers] == [200, 503]
    assert len(server.seen) == 1


async def test_a_batch_answer_with_holes_is_asked_again_then_unavailable() -> None:
    async with GraphServer(handler=lambda _: batch_reply()) as server, client_of(server) as client:
        with pytest.raises(SourceUnavailableError):
            await client.batch([client.request("GET", "/a")])
    assert len(server.seen) == 6


async def test_json_that_is_cut_off_inside_a_batch_is_asked_for_again() -> None:
    said = {"id": "0", "status": 200, "headers": {"Content-Type": "application/json; charset=utf-8"}}
    replies = (batch_reply({**said, "body": "eyJ2YWx1ZSI6"}), batch_reply({**said, "body": {"value": [1]}}))
    async with GraphServer(*replies) as server, client_of(server) as client:
        [answer] = await client.batch([client.request("GET", "/a")])
    assert answer.json_object() == {"value": [1]}
    assert len(server.seen) == 2


async def test_raw_content_in_a_batch_is_base64_or_text() -> None:
    inner = [
        {"id": "0", "status": 200, "body": "U3ViamVjdDogaGk="},
        {"id": "1", "status": 200, "body": "Subject: hi"},
    ]
    async with GraphServer(batch_reply(*inner)) as server, client_of(server) as client:
        answers = await client.batch([client.request("GET", "/a"), client.request("GET", "/b")])
    assert [answer.content() for answer in answers] == [b"Subject: hi", b"Subject: hi"]


async def test_download_resumes_with_range_and_copes_with_a_server_that_ignores_it() -> None:
    script = [Reply(206, b"cdef", {"Content-Range": "bytes 2-5/6"}), Reply(200, b"abcdef")]
    async with GraphServer(*script) as server, client_of(server) as client:
        for _ in range(2):
            download = await client.open_download(f"{server.root}/f", 2)
            assert await download.read(4) == b"cdef"
        server.script = [Reply(206, b"bcdef", {"Content-Range": "bytes 1-5/6"})]
        with pytest.raises(SourceContentError):
            await client.open_download(f"{server.root}/f", 2)
    assert [seen.headers["range"] for seen in server.seen] == ["bytes=2-"] * 3


async def test_download_failures_have_names() -> None:
    async with GraphServer() as server, client_of(server) as client:
        for status, kind in ((401, AccessDeniedError), (404, SourceNotFoundError), (416, SourceError)):
            server.script = [Reply(status)]
            with pytest.raises(kind):
                await client.open_download(f"{server.root}/f")
        server.script = [Reply(200, b"x" * 1000, cut_after_bytes=10)]
        with pytest.raises(SourceUnavailableError):
            await (await client.open_download(f"{server.root}/f")).read(1000)
        server.script = [Reply(200, b"x" * 1000)]
        with pytest.raises(SourceContentError):
            await (await client.open_download(f"{server.root}/f")).read(999)


async def test_download_redirects_go_on_without_a_token_and_end() -> None:
    async with GraphServer() as server, client_of(server) as client:
        server.script = [Reply(302, None, {"Location": "/g"}), Reply(200, b"x")]
        assert await (await client.open_download(f"{server.root}/f")).read(1) == b"x"
        server.handler = lambda _: Reply(302, None, {"Location": "/h"})
        with pytest.raises(SourceUnavailableError):
            await client.open_download(f"{server.root}/f")
        server.handler = lambda _: Reply(302, None, {"Location": "http://files.example/x"})
        with pytest.raises(SourceError, match="not https"):
            await client.open_download(f"{server.root}/f")


async def test_preauthenticated_statuses_are_data_and_only_safe_methods_repeat() -> None:
    async with GraphServer(Reply(503), Reply(202, {"a": 1})) as server, client_of(server) as client:
        answer = await client.send_preauthenticated("PUT", f"{server.root}/u", data=b"x", headers={"A": "b"})
        assert (answer.status, answer.json()) == (202, {"a": 1})
        server.script = [Reply(503)]
        answer = await client.send_preauthenticated("POST", f"{server.root}/u", json_body={"x": 1})
        assert answer.status == 503
        server.script = [Reply(409, {"error": {"code": "nameAlreadyExists"}})]
        assert (await client.send_preauthenticated("PUT", f"{server.root}/u", data=b"")).status == 409
    assert [seen.method for seen in server.seen] == ["PUT", "PUT", "POST", "PUT"]
    assert server.seen[2].json() == {"x": 1}
