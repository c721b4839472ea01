"""The local stack: storage emulator, tenant simulator, functions host; each a process, each optional.

    with Stack(host_env=lambda stack: {...}) as stack:
        stack.blob_connection_string, stack.tenant_url, stack.host_url

Leaving the context ends all of them, and so do SIGINT and SIGTERM; if this process is killed, they die with it.
Logs lie in a temporary folder, which is removed at the end unless there was a failure.
"""

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Self

from local.azurite import Azurite, start_azurite
from local.child_process import ChildProcess, ServiceError, Spawner

ROOT = Path(__file__).resolve().parent.parent
_READY_S = 60.0
_URL_LINE = r'^\{.*"url": ?"(http[^"]+)"'

HostEnvironment = Mapping[str, str] | Callable[["Stack"], Mapping[str, str]]


class Stack:
    """Starts the chosen services in the order emulator, simulator, host; stops them in reverse.

    ``host_env`` is added to this process's environment for the host; a callable gets this stack, with the
    addresses of the other services known. ``AzureWebJobsStorage`` is set to the emulator by itself.
    """

    def __init__(
        self,
        *,
        azurite: bool = True,
        simulator: bool = True,
        host: bool = True,
        host_env: HostEnvironment | None = None,
        host_arguments: Sequence[str] = ("--port", "0", "--no-timers"),
        simulator_arguments: Sequence[str] = ("--port", "0"),
        root: Path = ROOT,
    ) -> None:
        self._wanted = (azurite, simulator, host)
        self._host_env = host_env or {}
        self._host_arguments = tuple(host_arguments)
        self._simulator_arguments = tuple(simulator_arguments)
        self._root = root
        self._azurite: Azurite | None = None
        self._simulator: ChildProcess | None = None
        self._host: ChildProcess | None = None
        self._started_hosts = 0
        self._urls: dict[str, str] = {}
        self._signal_before: Any = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        interrupted = kind is not None and not issubclass(kind, Exception)
        self.stop(keep_logs=kind is not None and not interrupted)

    @property
    def blob_connection_string(self) -> str:
        """The emulator's connection string; it serves blobs, queues and tables."""
        if self._azurite is None:
            raise ServiceError("This stack has no storage emulator.")
        return self._azurite.connection_string

    @property
    def tenant_url(self) -> str:
        """The address of the tenant simulator."""
        return self._url("simulator")

    @property
    def host_url(self) -> str:
        """The address of the functions host; a new one after each ``start_host``."""
        return self._url("host")

    @property
    def logs(self) -> Path:
        """The folder with a log for each service."""
        return self._logs

    @property
    def host_pid(self) -> int:
        """The process id of the functions host."""
        if self._host is None:
            raise ServiceError("The functions host is not running.")
        return self._host.pid

    def start(self) -> None:
        """Start what was asked for and wait until each answers. Raises ServiceError; then nothing is left running."""
        self._logs = Path(tempfile.mkdtemp(prefix="m365-backup-"))
        self._spawner = Spawner()
        self._catch_termination()
        azurite, simulator, host = self._wanted
        try:
            if azurite:
                self._azurite = start_azurite(self._root, self._spawner, self._logs)
            if simulator:
                self.start_simulator()
            if host:
                self.start_host()
        except BaseException as error:
            self.stop(keep_logs=isinstance(error, Exception))
            raise

    def start_simulator(self) -> None:
        """Start the tenant simulator, with an empty tenant."""
        command = [sys.executable, "-m", "local.tenant", *self._simulator_arguments]
        self._simulator = self._start("simulator", "The tenant simulator", command, os.environ, "simulator.log")

    def start_host(self, env: Mapping[str, str] | None = None, arguments: Sequence[str] | None = None) -> None:
        """Start the functions host, again after ``kill_host``; ``env`` is added to its settings."""
        if self._host is not None:
            raise ServiceError("The functions host is running already.")
        settings = self._host_env(self) if callable(self._host_env) else self._host_env
        storage = {"AzureWebJobsStorage": self._azurite.connection_string} if self._azurite else {}
        # Temporary files lie beside the logs, so that even a host that was killed leaves nothing behind.
        temporary = {"TMPDIR": str(self._logs)}
        environment = {**os.environ, **temporary, **storage, **settings, **(env or {})}
        command = [
            sys.executable,
            "-m",
            "local.host",
            *(self._host_arguments if arguments is None else arguments),
        ]
        self._started_hosts += 1
        log = f"host-{self._started_hosts}.log"
        self._host = self._start("host", "The functions host", command, environment, log)

    def kill_host(self) -> None:
        """End the functions host as a crash would: SIGKILL."""
        if self._host is not None:
            self._host.kill()
            self._host = None

    def raise_if_dead(self) -> None:
        """Raise ServiceError, with the end of its log, if a service has ended by itself."""
        for child in self._children():
            child.raise_if_dead()

    def watch(self) -> None:
        """Wait until a service ends by itself, and raise ServiceError. For a stack that only serves."""
        while True:
            self.raise_if_dead()
            time.sleep(0.2)

    def stop(self, keep_logs: bool = False) -> None:
        """End every service and remove the logs. A second Ctrl-C does not interrupt this."""
        main = threading.current_thread() is threading.main_thread()
        interrupt_before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
        try:
            for child in reversed(self._children()):
                child.stop()
            self._azurite = self._simulator = self._host = None
            self._spawner.close()
            if keep_logs:
                print(f"The logs are kept in {self._logs}", file=sys.stderr)
            else:
                shutil.rmtree(self._logs, ignore_errors=True)
        finally:
            if main:
                signal.signal(signal.SIGINT, interrupt_before)
                if self._signal_before is not None:
                    signal.signal(signal.SIGTERM, self._signal_before)

    def _start(
        self, key: str, title: str, command: Sequence[str], environment: Mapping[str, str], log: str
    ) -> ChildProcess:
        process = self._spawner.start(title, command, environment, self._root, self._logs / log)
        try:
            self._urls[key] = process.wait_for(_URL_LINE, _READY_S)
        except BaseException:
            process.kill()
            raise
        return process

    def _children(self) -> list[ChildProcess]:
        azurite = self._azurite.process if self._azurite else None
        return [child for child in (azurite, self._simulator, self._host) if child is not None]

    def _url(self, key: str) -> str:
        try:
            return self._urls[key]
        except KeyError:
            raise ServiceError(f"This stack has no {key}.") from None

    def _catch_termination(self) -> None:
        """Let SIGTERM unwind the stack like an exception, unless somebody handles it already."""
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._signal_before = signal.signal(signal.SIGTERM, _exit_on_termination)


def _exit_on_termination(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
