"""A functions host for development: runs the real ``function_app.app`` without Azure or the Functions tools.

It stands in for three things at once: the HTTP front end, the timer listener and the durable extension. It
is no model of Azure's scaling, authentication or storage: authorization levels are ignored, orchestrations
live in memory.

    python -m local.host --port 0 [--no-timers] [--app function_app:app]

prints one JSON line ``{"service": "functions-host", "url": ...}`` when it answers, and stops on SIGTERM or
SIGINT. Application settings are the environment variables.
"""

import argparse
import asyncio
import importlib
import json
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import azure.functions as func
from aiohttp import web

from local.durable_api import PREFIX, Answer, DurableApi
from local.durable_engine import DurableEngine
from local.host_index import AppError, IndexedFunction, index_app
from local.host_settings import read_host_settings
from local.http_triggers import add_http_triggers, call, plain_failures, problem
from local.port_number import port_number
from local.timer_triggers import TimerLoop, timer_request

_log = logging.getLogger("local.host")
_MAX_BODY_BYTES = 100 * 1024 * 1024  # the Functions host's limit for a request; see http-trigger limits, 2026-11
_STOP_TIMEOUT_S = 4.0
_ROOT = Path(__file__).resolve().parent.parent


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FunctionsHost:
    """One running host. ``async with FunctionsHost(app) as host: host.url``.

    Coroutines of the app, activities included, run on the loop that entered the context.
    """

    def __init__(
        self,
        app: func.FunctionRegister,
        *,
        port: int = 0,
        timers: bool = True,
        root: Path = _ROOT,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._functions = index_app(app)
        self._settings = read_host_settings(root / "host.json", os.environ)
        self._port = port
        self._with_timers = timers
        self._timers = TimerLoop(self._functions, self.invoke, clock, os.environ)
        self._engine = DurableEngine(self._functions, self._settings)
        self.url = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the engine, the HTTP server and the timers. Raises OSError when the port is taken."""
        self._runner = web.AppRunner(self._web_app(), access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, "127.0.0.1", self._port)
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"
        self._engine.start(asyncio.get_running_loop())
        self._durable = DurableApi(self._engine, self.url, self._settings.hub_name)
        if self._with_timers:
            self._timers.start()

    async def stop(self) -> None:
        """Stop in the reverse order; running functions are cancelled."""
        await self._timers.stop()
        await asyncio.to_thread(self._engine.stop)
        await self._runner.cleanup()

    async def invoke(self, function: IndexedFunction, trigger: Any) -> Any:
        """Call an HTTP or timer function with its bindings. What it raises comes through."""
        arguments = {function.argument: trigger}
        arguments |= {name: self._durable.client() for name in function.client_arguments}
        if function.takes_context:
            arguments["context"] = SimpleNamespace(
                invocation_id=str(uuid.uuid4()), function_name=function.name, function_directory=str(_ROOT)
            )
        started = time.monotonic()
        try:
            outcome = await call(function, arguments)
        except Exception:
            _log.info("%s failed after %.0f ms", function.name, (time.monotonic() - started) * 1000)
            raise
        _log.debug("%s took %.0f ms", function.name, (time.monotonic() - started) * 1000)
        return outcome

    def _web_app(self) -> web.Application:
        app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[plain_failures])
        app.router.add_get("/admin/host/status", self._host_status)
        app.router.add_get("/admin/functions", self._list_functions)
        app.router.add_post("/admin/functions/{name}", self._fire)
        app.router.add_route("*", PREFIX + "{path:.+}", self._durable_request)
        add_http_triggers(app, self._functions, self._settings.route_prefix, self.invoke)
        return app

    async def _host_status(self, request: web.Request) -> web.Response:
        return web.json_response({"state": "Running", "functions": len(self._functions)})

    async def _list_functions(self, request: web.Request) -> web.Response:
        prefix = f"{self._settings.route_prefix}/" if self._settings.route_prefix else ""
        described = [
            {"name": one.name, "trigger": one.trigger, "isAsync": one.is_async}
            | ({"route": prefix + one.route, "methods": list(one.methods)} if one.trigger == "httpTrigger" else {})
            | ({"schedule": one.schedule} if one.trigger == "timerTrigger" else {})
            for one in self._functions
        ]
        return web.json_response(described)

    async def _fire(self, request: web.Request) -> web.Response:
        """Fire a timer now and answer when it has returned; start an orchestrator with ``{"input": ...}``."""
        name = request.match_info["name"]
        function = next((one for one in self._functions if one.name == name), None)
        if function is None:
            return problem(404, f"There is no function {name!r}.")
        if function.trigger == "timerTrigger":
            await self.invoke(function, timer_request(past_due=False))
            return web.json_response({"function": name, "state": "returned"}, status=202)
        if function.trigger == "orchestrationTrigger":
            body = await _json_body(request)
            payload = body.get("input") if isinstance(body, dict) else None
            return _json_answer(await self._durable.handle("POST", f"orchestrators/{name}", {}, payload))
        return problem(400, f"The function {name!r} has a {function.trigger}; it can't be fired by itself.")

    async def _durable_request(self, request: web.Request) -> web.Response:
        path = request.rel_url.raw_path.removeprefix(PREFIX)
        payload = await _json_body(request)
        return _json_answer(await self._durable.handle(request.method, path, request.query, payload))


async def _json_body(request: web.Request) -> Any:
    body = await request.read()
    try:
        return json.loads(body) if body else None
    except ValueError:
        raise web.HTTPBadRequest(reason="The body is not valid JSON.") from None


def _json_answer(answer: Answer) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status)
    return web.json_response(answer.body, status=answer.status)


def load_app(where: str) -> func.FunctionRegister:
    """Import ``module:attribute``. Raises AppError if that is no function app."""
    module, _, attribute = where.partition(":")
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise AppError(f"there is no module {module!r}") from error
    app = getattr(loaded, attribute or "app", None)
    if not isinstance(app, func.FunctionRegister):
        raise AppError(f"{where} is no function app")
    return app


async def serve(where: str, port: int, timers: bool) -> None:
    """Run the host until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    host = FunctionsHost(load_app(where), port=port, timers=timers)
    await host.start()
    print(json.dumps({"service": "functions-host", "url": host.url}), flush=True)
    await stop.wait()
    try:
        await asyncio.wait_for(host.stop(), _STOP_TIMEOUT_S)
    except TimeoutError:
        _log.warning("a function did not end in time and is cut off")
    finally:
        # A thread that runs a blocking function would keep the interpreter alive.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m local.host", description="Run the function app locally.")
    parser.add_argument("--port", type=port_number, default=0, help="0 takes a free one")
    parser.add_argument("--no-timers", action="store_true", help="fire timers only through /admin/functions/{name}")
    parser.add_argument("--app", default="function_app:app", help="module:attribute of the function app")
    options = parser.parse_args()
    logging.basicConfig(
        level=os.environ.get("LOCAL_HOST_LOG_LEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    for noisy in ("azure.core", "azure.identity", "msal", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    sys.path.insert(0, str(_ROOT))
    try:
        asyncio.run(serve(options.app, options.port, timers=not options.no_timers))
    except OSError as error:
        print(f"Port {options.port} cannot be used: {error.strerror}. Choose another or 0.", file=sys.stderr)
        return 3
    except AppError as error:
        print(f"The app can't be hosted: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
