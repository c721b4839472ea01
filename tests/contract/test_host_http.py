"""The local host's HTTP triggers answer as the Functions host does."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import pytest_asyncio

from local.host import FunctionsHost
from tests.fakes import toy_function_app as toy

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(autouse=True)
def _fresh_counts() -> Iterator[None]:
    toy.reset()
    yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with FunctionsHost(toy.app, timers=False) as host, aiohttp.ClientSession(host.url) as session:
        yield session


async def test_a_request_reaches_the_function_whole(http: aiohttp.ClientSession) -> None:
    async with http.post("/api/echo/a%20b%2Fc?q=1", data="hello", headers={"x-probe": "p"}) as answer:
        body = await answer.json()
    assert (answer.status, answer.headers["X-Answer"]) == (201, "yes")
    assert answer.cookies["crumb"].value == "1"
    assert body["url"].endswith("/api/echo/a%20b%2Fc?q=1")
    del body["url"]
    assert body == {"method": "POST", "name": "a b/c", "query": {"q": "1"}, "header": "p", "body": "hello"}


@pytest.mark.parametrize(
    ("path", "text"),
    [("/api/echo/literal", "literal"), ("/api/files", "root"), ("/api/files/a/b.txt", "a/b.txt")],
)
async def test_routes_are_matched_as_in_azure(http: aiohttp.ClientSession, path: str, text: str) -> None:
    async with http.get(path) as answer:
        assert (answer.status, await answer.text()) == (200, text)


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/none"), ("DELETE", "/api/echo/x"), ("GET", "/echo/x")])
async def test_an_unknown_route_or_method_is_not_found(http: aiohttp.ClientSession, method: str, path: str) -> None:
    async with http.request(method, path) as answer:
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"


async def test_an_unhandled_exception_says_nothing_of_the_inside(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/broken") as answer:
        text = await answer.text()
    assert answer.status == 500
    assert "secret" not in text
    assert "Traceback" not in text


async def test_the_admin_interface_lists_and_fires(http: aiohttp.ClientSession) -> None:
    async with http.get("/admin/host/status") as answer:
        assert (await answer.json())["state"] == "Running"
    async with http.get("/admin/functions") as answer:
        listed = {one["name"]: one for one in await answer.json()}
    assert listed["echo"]["route"] == "api/echo/{name}"
    assert listed["tick"]["schedule"] == "*/1 * * * * *"
    async with http.post("/admin/functions/tick") as answer:
        assert (answer.status, await answer.json()) == (202, {"function": "tick", "state": "returned"})
    assert toy.calls["tick"] == 1
    async with http.post("/admin/functions/never") as answer:
        assert answer.status == 500
        assert "secret" not in await answer.text()
    async with http.post("/admin/functions/double") as answer:
        assert answer.status == 400
    async with http.post("/admin/functions/unknown") as answer:
        assert answer.status == 404
