"""One child process of the local stack: started with a log file, watched, ended; never left behind."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_SCRIPT = Path(__file__).with_name("die_with_parent.py")
_POLL_S = 0.02
_TAIL_LINES = 15


class ServiceError(Exception):
    """A service did not start or has died; the message has the end of its log."""


class Spawner:
    """Starts children from one thread that lives as long as it does.

    Linux counts the *thread* that started a child as the parent whose death ends the child.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
    ) -> "ChildProcess":
        """Start ``command`` in ``folder``; what it prints goes to the file ``log``."""
        return self._thread.submit(ChildProcess, name, command, environment, folder, log).result()

    def close(self) -> None:
        """End the thread, and with it every child that still runs."""
        self._thread.shutdown()


class ChildProcess:
    """A running child, made by a Spawner."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SCRIPT), str(os.getpid()), *command],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C at the terminal reaches us, and we end the child in order
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """False once it has ended."""
        return self._process.poll() is None

    def wait_for(self, pattern: str, deadline_s: float) -> str:
        """Wait until a line of the log matches and return its first group.

        Raises ServiceError when the process ends before that, or after ``deadline_s`` seconds.
        """
        until = time.monotonic() + deadline_s
        while True:
            alive = self.is_alive  # asked before reading, so that its last words are read
            match = re.search(pattern, self.log.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
            if match is not None:
                return match[1]
            if not alive:
                raise self.failure(f"ended with code {self._process.returncode} before it was ready")
            if time.monotonic() > until:
                raise self.failure(f"was not ready within {deadline_s:.0f} s")
            time.sleep(_POLL_S)

    def failure(self, what: str) -> ServiceError:
        """An error about this child that ends with the end of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return ServiceError("\n".join([f"{self.name} {what}.", *(f"  | {line}" for line in lines)]))

    def raise_if_dead(self) -> None:
        """Raise ServiceError if it has ended."""
        if not self.is_alive:
            raise self.failure(f"has ended with code {self._process.returncode}")

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ask it to end, and kill it when it does not. Harmless when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self._process.wait()
