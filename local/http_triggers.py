"""HTTP triggers over aiohttp: from a request to ``HttpRequest``, from ``HttpResponse`` to an answer."""

import asyncio
import inspect
import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func
from aiohttp import web
from azure.functions.http import HttpResponseConverter

from local.host_index import AppError, IndexedFunction

_log = logging.getLogger("local.host.http")

Invoke = Callable[[IndexedFunction, Any], Awaitable[Any]]
_SEGMENT = re.compile(r"\{(?P<star>\*{0,2})(?P<name>\w+)(?P<rule>:[^}?]+)?(?P<optional>\?)?\}")
_ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


def add_http_triggers(
    app: web.Application, functions: tuple[IndexedFunction, ...], prefix: str, invoke: Invoke
) -> None:
    """Add a route for each HTTP trigger; a literal segment wins over a parameter, as in the Functions host.

    Raises AppError if two functions want the same route and method.
    """
    taken: dict[tuple[str, str], str] = {}
    triggers = [function for function in functions if function.trigger == "httpTrigger"]
    for function in sorted(triggers, key=lambda one: [_is_parameter(part) for part in one.route.split("/")]):
        for path in _paths(prefix, function.route):
            for method in function.methods or _ALL_METHODS:
                shape = (method, re.sub(r"\{\w+", "{", path))
                if shape in taken:
                    raise AppError(f"functions {taken[shape]!r} and {function.name!r} both want {method} {path}")
                taken[shape] = function.name
                app.router.add_route(method, path, _handler(function, invoke))


def problem(status: int, title: str) -> web.Response:
    """An RFC 9457 answer of the host itself."""
    body = json.dumps({"title": title, "status": status})
    return web.Response(status=status, body=body.encode(), content_type="application/problem+json")


@web.middleware
async def plain_failures(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Unhandled exceptions become a 500 without detail; an unknown route or method is a 404."""
    try:
        return await handler(request)
    except web.HTTPException as answer:
        # The Functions host knows no 405: a method that no function of the route takes is "not found".
        status = 404 if answer.status == 405 else answer.status
        return problem(status, "Not Found" if status == 404 else answer.reason)
    except asyncio.CancelledError:
        raise
    except Exception:  # noqa: BLE001 - the boundary of the host: logged in full, answered without detail
        _log.exception("unhandled exception while answering %s", request.method)
        return problem(500, "Internal Server Error")


def _handler(function: IndexedFunction, invoke: Invoke) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        handed = func.HttpRequest(
            method=request.method,
            url=str(request.url),
            headers=dict(request.headers),
            params=dict(request.query),
            route_params={name: value for name, value in request.match_info.items() if value},
            body=await request.read(),
        )
        return _answer(function, await invoke(function, handed))

    return handle


def _answer(function: IndexedFunction, outcome: Any) -> web.Response:
    if outcome is None:
        return web.Response(status=204)
    if isinstance(outcome, str):
        return web.Response(text=outcome)
    if not isinstance(outcome, func.HttpResponse):
        raise TypeError(f"function {function.name!r} returned {type(outcome).__name__} instead of an HttpResponse")
    # The worker's own conversion: it fills in the content type and takes the cookies out.
    encoded = HttpResponseConverter.encode(outcome, expected_type=None).value
    response = web.Response(status=int(encoded["status_code"].value), body=encoded["body"].value)
    for name, datum in encoded["headers"].items():
        response.headers[name] = datum.value
    for cookie in encoded["cookies"] or ():
        response.cookies.update(cookie)
    return response


def _paths(prefix: str, route: str) -> list[str]:
    """The aiohttp patterns of an ASP.NET route: one, or two when its last parameter may be left out."""
    head = f"/{prefix}" if prefix else ""
    parts = route.strip("/").split("/")
    last = _SEGMENT.fullmatch(parts[-1])
    full = head + "/" + "/".join(_SEGMENT.sub(_pattern, part) for part in parts)
    if last is None or not (last["optional"] or last["star"]):
        return [full]
    return [full, head + "".join("/" + _SEGMENT.sub(_pattern, part) for part in parts[:-1])]


def _pattern(match: re.Match[str]) -> str:
    rules = {":int": r"-?\d+", ":long": r"-?\d+", ":guid": r"[0-9a-fA-F-]{36}", ":alpha": "[a-zA-Z]+"}
    if match["star"]:
        return f"{{{match['name']}:.+}}"
    rule = match["rule"]
    if rule is None:
        return f"{{{match['name']}}}"
    if rule not in rules:
        raise AppError(f"the route constraint {rule!r} is not known to the local host")
    return f"{{{match['name']}:{rules[rule]}}}"


def _is_parameter(part: str) -> int:
    match = _SEGMENT.search(part)
    return 0 if match is None else 2 if match["star"] else 1


async def call(function: IndexedFunction, arguments: dict[str, Any]) -> Any:
    """Call a user function: coroutines on this loop, plain functions in a thread."""
    if function.is_async:
        return await function.code(**arguments)
    outcome = await asyncio.to_thread(function.code, **arguments)
    return await outcome if inspect.isawaitable(outcome) else outcome
