"""HTTP: one low-level aiohttp server on the loopback interface, in this process or in a thread of it."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

from aiohttp import web

from local.tenant.answers import Answer, Piece
from local.tenant.control.client import TenantControl
from local.tenant.control.routes import ControlInterface
from local.tenant.drives.content import SLICE_BYTES
from local.tenant.simulator import Delivery, Simulator

_DIRECT_BYTES = 1024 * 1024
_START_TIMEOUT_S = 20.0


class RunningServer:
    """A simulator that is being served. `async with` stops it at the end."""

    def __init__(self, state: Simulator, runner: web.ServerRunner, port: int) -> None:
        self.state = state
        self.url = f"http://127.0.0.1:{port}"
        self._runner = runner

    async def stop(self) -> None:
        """Close all connections and stop serving."""
        await self._runner.cleanup()
        self.state.close()

    async def __aenter__(self) -> RunningServer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def start(port: int = 0) -> RunningServer:
    """Serve a new simulator on 127.0.0.1; port 0 takes a free one."""
    state = Simulator()
    endpoint = _Endpoint(state)
    runner = web.ServerRunner(web.Server(endpoint.handle, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
    await site.start()
    bound = int(runner.addresses[0][1])
    endpoint.base_url = f"http://127.0.0.1:{bound}"
    return RunningServer(state, runner, bound)


class _Endpoint:
    """Turns HTTP requests into calls and deliveries into HTTP answers."""

    def __init__(self, state: Simulator) -> None:
        self._state = state
        self._control = ControlInterface(state)
        self.base_url = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request."""
        body = await request.content.read() if request.body_exists else b""
        target = request.raw_path
        if target.startswith("/_control/"):
            return await self._control.answer(request, body)
        call = self._state.make_call(self.base_url, request.method, target, request.headers, body)
        delivery = await self._state.deliver(call)
        return await self._send(request, delivery)

    async def _send(self, request: web.BaseRequest, delivery: Delivery) -> web.StreamResponse:
        answer, fault = delivery.answer, delivery.fault
        size = delivery.body_size_bytes
        on_wire = fault is not None and answer.status < 400
        if request.method != "HEAD" and not on_wire and size <= _DIRECT_BYTES:
            body = answer.body
            data = body.content.read(body.start, size) if isinstance(body, Piece) else body
            self._state.record(delivery, size)
            return web.Response(status=answer.status, body=data, headers=_headers(answer, size))
        return await self._stream(request, delivery, size)

    async def _stream(self, request: web.BaseRequest, delivery: Delivery, size: int) -> web.StreamResponse:
        answer, fault = delivery.answer, delivery.fault
        announced, until = size, size
        flips: dict[int, int] = {}
        cut = False
        if fault is not None and answer.status < 400:
            if fault.truncate is not None:
                announced = until = min(size, fault.truncate)
            if fault.cut_after_bytes is not None:
                until, cut = min(until, fault.cut_after_bytes), True
            if fault.corrupt_bytes and size:
                chance = self._state.faults.random
                flips = {chance.randrange(size): 1 << chance.randrange(8) for _ in range(fault.corrupt_bytes)}
        response = web.StreamResponse(status=answer.status, headers=_headers(answer, announced))
        response.content_length = announced
        await response.prepare(request)
        sent = 0
        try:
            while sent < until and request.method != "HEAD":
                length = min(SLICE_BYTES, until - sent)
                await response.write(_flipped(_read(answer, sent, length), sent, flips))
                sent += length
            if cut:
                if request.transport is not None:
                    request.transport.abort()
            else:
                await response.write_eof()
        finally:
            self._state.record(delivery, sent)
        return response


def _headers(answer: Answer, size: int) -> dict[str, str]:
    return {**answer.headers, "Content-Type": answer.content_type} if size or answer.status == 200 else answer.headers


def _read(answer: Answer, offset: int, length: int) -> bytes:
    body = answer.body
    if isinstance(body, Piece):
        return body.content.read(body.start + offset, length)
    return body[offset : offset + length]


def _flipped(data: bytes, offset: int, flips: dict[int, int]) -> bytes:
    inside = [position for position in flips if offset <= position < offset + len(data)]
    if not inside:
        return data
    changed = bytearray(data)
    for position in inside:
        changed[position - offset] ^= flips[position]
    return bytes(changed)


class SimulatorThread:
    """A simulator in a thread of its own, for tests and demos that are not asynchronous.

    `url` is where it serves, `state` its simulator (to be read only), `control` a client of its control interface.
    """

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="tenant-simulator", daemon=True)
        self.url = ""
        self.state: Simulator
        self.control: TenantControl

    def start(self) -> SimulatorThread:
        """Start and wait until it serves. Raises what kept it from starting."""
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT_S):
            raise TimeoutError("the tenant simulator did not start in time")
        if self._error is not None:
            raise self._error
        self.control = TenantControl(self.url)
        return self

    def stop(self) -> None:
        """Stop serving and wait for the thread."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_START_TIMEOUT_S)
        if hasattr(self, "control"):
            self.control.close()

    def __enter__(self) -> SimulatorThread:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits in `start`
            self._error = error
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        async with await start(self._port) as server:
            self.url = server.url
            self.state = server.state
            self._ready.set()
            await self._stopping.wait()
