"""What a process costs: CPU seconds and the peak of its resident memory."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLE_EVERY_S = 0.05
_RESET_PEAK = "5"  # proc(5), clear_refs: sets the high-water mark of the resident set back to its present size


@dataclass(frozen=True, slots=True)
class Usage:
    """Between the start and the end of a measurement. ``cpu_s`` is user and system time of all threads."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


class ProcessMeter:
    """Measures one process: ``start``, then ``stop``.

    The peak comes from the kernel's own high-water mark where there is one (Linux); elsewhere, and where the mark
    cannot be set back, from samples taken every 50 ms by a thread.
    """

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._status = Path(f"/proc/{pid}/status")
        self._clear = Path(f"/proc/{pid}/clear_refs")
        self._exact = False
        self._sampled = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._started = self._cpu_before = 0.0

    def start(self) -> None:
        """Begin: what was before does not count."""
        self._exact = self._reset_peak()
        self._sampled = self._process.memory_info().rss
        if not self._exact:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._sample, name="memory-samples", daemon=True)
            self._thread.start()
        self._cpu_before = self._cpu_s()
        self._started = time.monotonic()

    def resident_bytes(self) -> int:
        """Resident memory now."""
        return int(self._process.memory_info().rss)

    def stop(self) -> Usage:
        """End, and tell. Raises psutil.NoSuchProcess when the process has died meanwhile."""
        wall_s = time.monotonic() - self._started
        cpu_s = self._cpu_s() - self._cpu_before
        if self._thread is not None:
            self._stopping.set()
            self._thread.join()
            self._thread = None
        peak_bytes = self._high_water() if self._exact else max(self._sampled, self._process.memory_info().rss)
        return Usage(wall_s, cpu_s, peak_bytes)

    def _cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _reset_peak(self) -> bool:
        try:
            self._clear.write_text(_RESET_PEAK)
        except OSError:
            return False
        return self._high_water() > 0

    def _high_water(self) -> int:
        with contextlib.suppress(OSError):
            found = re.search(r"^VmHWM:\s+(\d+) kB", self._status.read_text(), re.MULTILINE)
            if found:
                return int(found[1]) * 1024
        return 0

    def _sample(self) -> None:
        while not self._stopping.wait(_SAMPLE_EVERY_S):
            with contextlib.suppress(psutil.Error):
                self._sampled = max(self._sampled, self._process.memory_info().rss)
