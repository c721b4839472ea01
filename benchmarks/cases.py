"""The cases: which figures come of which trials, and what is to be reached."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.figures import Bound, Figure, Target
from benchmarks.load import Load
from benchmarks.measured import Measured
from benchmarks.trials import Comparison, Trials

_PEAK = Target(Bound.VALUE_BELOW, 400, "MB")
_Value = Callable[[Measured], float]


class Bench:
    """The cases over some trials. What two cases look at is measured once."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials
        self._sizes = trials.sizes
        self._files: Comparison | None = None

    def files(self) -> list[Figure]:
        """Many small files that do not compress."""
        found = self._compared_files()
        target = Target(Bound.RATIO_AT_LEAST, 4)
        return [
            *_throughput("files", "files/s", found, lambda run: run.items_per_s, target),
            _first("files", "MB/s", found, lambda run: run.mb_per_s),
            _first("files", "CPU s per 1,000", found, lambda run: run.cpu_s_per_1000),
            _first("files", "CPU s per GB", found, lambda run: run.cpu_s_per_gb),
            _first("files", "peak memory, MB", found, lambda run: run.peak_mb),
        ]

    def unchanged(self) -> list[Figure]:
        """A second run over the same files: nothing is to be copied."""
        found = self._compared_files()
        share = found.product.again.wall_s / found.product.first.wall_s
        copier_share = found.copier.again.wall_s / found.copier.first.wall_s
        return [
            Figure("unchanged", "second run / first run", share, copier_share, Target(Bound.VALUE_BELOW, 1 / 50)),
            _again("unchanged", "second run, s", found, lambda run: run.wall_s),
            _again("unchanged", "requests per unchanged drive", found, lambda run: run.requests),
        ]

    def big_file(self) -> list[Figure]:
        """One large file that does not compress."""
        found = self._trials.compare("big-file", Load(files=1, file_bytes=self._sizes.big_file_bytes))
        target = Target(Bound.RATIO_AT_LEAST, 0.8)
        return [
            *_throughput("big-file", "MB/s", found, lambda run: run.mb_per_s, target),
            _first("big-file", "CPU s per GB", found, lambda run: run.cpu_s_per_gb),
            _first("big-file", "peak memory, MB", found, lambda run: run.peak_mb),
        ]

    def mail(self) -> list[Figure]:
        """Messages: the product stores the native and the readable form, the copiers the readable one."""
        found = self._trials.compare("mail", Load(messages=self._sizes.messages))
        # Seconds for a thousand are milliseconds for one.
        target = Target(Bound.VALUE_BELOW, 2, "ms")
        return [
            *_throughput("mail", "messages/s", found, lambda run: run.items_per_s),
            _first("mail", "CPU s per 1,000 (ms per message)", found, lambda run: run.cpu_s_per_1000, target),
            _first("mail", "MB/s", found, lambda run: run.mb_per_s),
            _first("mail", "CPU s per GB", found, lambda run: run.cpu_s_per_gb),
            _first("mail", "peak memory, MB", found, lambda run: run.peak_mb),
            _again("mail", "requests per unchanged mailbox", found, lambda run: run.requests),
        ]

    def memory(self) -> list[Figure]:
        """Peak memory of the host with what a tenant can hold in one piece. The copiers' is above."""
        sizes = self._sizes
        file = Load(files=1, file_bytes=sizes.huge_file_bytes)
        mailbox = Load(messages=sizes.huge_mailbox_items)
        with_file = f"peak memory with a file of {sizes.huge_file_bytes / 1e9:g} GB, MB"
        with_mailbox = f"peak memory with {sizes.huge_mailbox_items:,} messages, MB"
        return [
            Figure("memory", with_file, self._trials.alone("memory", file).peak_mb, None, _PEAK),
            Figure("memory", with_mailbox, self._trials.alone("memory", mailbox).peak_mb, None, _PEAK),
        ]

    def daily(self) -> list[Figure]:
        """A daily run over many mailboxes and drives of which 3 % have changed."""
        found = self._trials.daily()
        per_1000 = found.run.wall_s / found.resources * 1000
        return [
            _alone("daily", "requests per unchanged mailbox", found.mailbox_mean, Target(Bound.VALUE_AT_MOST, 3)),
            _alone("daily", "requests per unchanged mailbox, the most", found.mailbox_most),
            _alone("daily", "requests per unchanged drive", found.drive_mean, Target(Bound.VALUE_AT_MOST, 1)),
            _alone("daily", "requests per unchanged drive, the most", found.drive_most),
            _alone("daily", "first run, s", found.first.wall_s),
            _alone("daily", "daily run, s", found.run.wall_s),
            _alone("daily", "s per 1,000 resources", per_1000),
            _alone("daily", "CPU s per 1,000 resources", found.run.cpu_s / found.resources * 1000),
            _alone("daily", "peak memory, MB", found.run.peak_mb, _PEAK),
        ]

    def orchestration(self) -> list[Figure]:
        """Thousands of resources with nothing to copy: time and memory for many beside those for a quarter of them."""
        few, many = self._trials.orchestrated()
        time_ratio, memory_ratio = many.ms_per_resource / few.ms_per_resource, many.peak_bytes / few.peak_bytes
        name = "orchestration"
        return [
            _alone(name, "ms per resource", many.ms_per_resource),
            _alone(name, "time per resource / a quarter's", time_ratio, Target(Bound.VALUE_AT_MOST, 1.25)),
            _alone(name, "peak memory, MB", many.peak_mb, _PEAK),
            _alone(name, "peak memory / a quarter's", memory_ratio, Target(Bound.VALUE_AT_MOST, 1.25)),
        ]

    def _compared_files(self) -> Comparison:
        if self._files is None:
            load = Load(files=self._sizes.files, file_bytes=self._sizes.file_bytes)
            self._files = self._trials.compare("files", load)
        return self._files


CASES: dict[str, Callable[[Bench], list[Figure]]] = {
    "files": Bench.files,
    "unchanged": Bench.unchanged,
    "big-file": Bench.big_file,
    "mail": Bench.mail,
    "memory": Bench.memory,
    "daily": Bench.daily,
    "orchestration": Bench.orchestration,
}


def _throughput(
    case: str, name: str, found: Comparison, value: _Value, target: Target | None = None
) -> tuple[Figure, Figure]:
    """Beside the copier, with the target, and beside the bare copier, without."""
    product, bare = value(found.product.first), value(found.bare.first)
    return _first(case, name, found, value, target), Figure(case, name, product, bare, beside="bare copier")


def _alone(case: str, name: str, value: float, target: Target | None = None) -> Figure:
    """Nothing to compare with."""
    return Figure(case, name, value, None, target)


def _first(case: str, name: str, found: Comparison, value: _Value, target: Target | None = None) -> Figure:
    return Figure(case, name, value(found.product.first), value(found.copier.first), target)


def _again(case: str, name: str, found: Comparison, value: _Value) -> Figure:
    return Figure(case, name, value(found.product.again), value(found.copier.again))
