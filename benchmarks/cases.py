"""The cases: what is copied, how often, and which figures come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Self

import psutil

from benchmarks.errors import BenchmarkError
from benchmarks.figures import Bound, Figure, Target
from benchmarks.load import Load, create
from benchmarks.measured import Measured, fastest
from benchmarks.subjects import CopierProcess, Product
from local.product_settings import product_settings
from local.services import Stack
from local.tenant.control_client import TenantControl

Say = Callable[[str], None]
_PEAK = Target(Bound.VALUE_BELOW, 400, "MB")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much each case copies."""

    files: int = 5_000
    file_bytes: int = 50_000
    big_file_bytes: int = 2_000_000_000
    messages: int = 5_000
    huge_file_bytes: int = 5_000_000_000
    huge_mailbox_items: int = 200_000
    repeats: int = 2
    one_stack: bool = False


QUICK = Sizes(
    files=40,
    file_bytes=20_000,
    big_file_bytes=12_000_000,
    messages=40,
    huge_file_bytes=12_000_000,
    huge_mailbox_items=60,
    repeats=1,
    one_stack=True,
)
# Enough for the imports and connections that a process makes once in its life, and a night's first run with it.
_WARM_UP = (Load(files=20, file_bytes=1_000), Load(messages=20))


@dataclass(frozen=True, slots=True)
class Subjects:
    """What a case works with: both, on the same running stack, and the tenants' control."""

    product: Product
    copier: CopierProcess
    control: TenantControl


@dataclass(frozen=True, slots=True)
class Pair:
    """First and second runs over the same tenant; the second ones have nothing to do."""

    product: Measured
    copier: Measured
    product_again: Measured
    copier_again: Measured


class Bench:
    """Runs cases; a context manager. The emulator keeps blobs in memory, so every repetition gets a stack of its own,
    except for quick runs."""

    def __init__(self, sizes: Sizes, say: Say) -> None:
        self._sizes = sizes
        self._say = say
        self._files: Pair | None = None
        self._kept = ExitStack()
        self._shared: Subjects | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shared = None
        self._kept.close()

    def files(self) -> list[Figure]:
        """Many small files that do not compress."""
        pair = self._files_pair()
        target = Target(Bound.RATIO_AT_LEAST, 4)
        return [
            _figure("files", "files/s", pair, lambda run: run.items_per_s, target),
            *_content_figures("files", pair),
        ]

    def unchanged(self) -> list[Figure]:
        """A second run over the same files: nothing is to be copied."""
        pair = self._files_pair()
        share = pair.product_again.wall_s / pair.product.wall_s
        copier_share = pair.copier_again.wall_s / pair.copier.wall_s
        return [
            Figure("unchanged", "second run / first run", share, copier_share, Target(Bound.VALUE_BELOW, 1 / 50)),
            _again("unchanged", "second run, s", pair, lambda run: run.wall_s),
            _again("unchanged", "requests per unchanged drive", pair, lambda run: run.requests),
        ]

    def big_file(self) -> list[Figure]:
        """One large file that does not compress."""
        pair = self._pair("big-file", Load(files=1, file_bytes=self._sizes.big_file_bytes))
        target = Target(Bound.RATIO_AT_LEAST, 0.8)
        return [
            _figure("big-file", "MB/s", pair, lambda run: run.mb_per_s, target),
            _figure("big-file", "CPU s per GB", pair, lambda run: run.cpu_s_per_gb),
            _figure("big-file", "peak memory, MB", pair, lambda run: run.peak_mb),
        ]

    def mail(self) -> list[Figure]:
        """Messages: the product stores the native and the readable form, the copier the readable one."""
        pair = self._pair("mail", Load(messages=self._sizes.messages))
        # Seconds for a thousand are milliseconds for one.
        target = Target(Bound.VALUE_BELOW, 2, "ms")
        return [
            _figure("mail", "messages/s", pair, lambda run: run.items_per_s),
            _figure("mail", "CPU s per 1,000 (ms per message)", pair, lambda run: run.cpu_s_per_1000, target),
            _figure("mail", "MB/s", pair, lambda run: run.mb_per_s),
            _figure("mail", "CPU s per GB", pair, lambda run: run.cpu_s_per_gb),
            _figure("mail", "peak memory, MB", pair, lambda run: run.peak_mb),
            _again("mail", "requests per unchanged mailbox", pair, lambda run: run.requests),
        ]

    def memory(self) -> list[Figure]:
        """Peak memory of the host with what a tenant can hold in one piece. The copier's belongs to the cases above."""
        sizes = self._sizes
        file = Load(files=1, file_bytes=sizes.huge_file_bytes)
        mailbox = Load(messages=sizes.huge_mailbox_items)
        with_file = f"peak memory with a file of {sizes.huge_file_bytes / 1e9:g} GB, MB"
        with_mailbox = f"peak memory with {sizes.huge_mailbox_items:,} messages, MB"
        return [
            Figure("memory", with_file, self._alone("memory", file).peak_mb, None, _PEAK),
            Figure("memory", with_mailbox, self._alone("memory", mailbox).peak_mb, None, _PEAK),
        ]

    def _files_pair(self) -> Pair:
        if self._files is None:
            load = Load(files=self._sizes.files, file_bytes=self._sizes.file_bytes)
            self._files = self._pair("files", load)
        return self._files

    def _pair(self, case: str, load: Load) -> Pair:
        """Product and copier in turn, each first over everything and then again; the fastest of each."""
        pairs = [self._measure_pair(case, load, number) for number in range(self._sizes.repeats)]
        return Pair(
            fastest(pair.product for pair in pairs),
            fastest(pair.copier for pair in pairs),
            fastest(pair.product_again for pair in pairs),
            fastest(pair.copier_again for pair in pairs),
        )

    @contextmanager
    def _subjects(self) -> Iterator[Subjects]:
        if not self._sizes.one_stack:
            with _running() as subjects:
                yield subjects
            return
        if self._shared is None:
            self._shared = self._kept.enter_context(_running())
        yield self._shared

    def _measure_pair(self, case: str, load: Load, number: int) -> Pair:
        _check_memory(2 * load.files * load.file_bytes)
        with self._subjects() as subjects:
            product, copier = subjects.product, subjects.copier
            tenant = create(subjects.control, load, seed=f"{case}-{number}")
            customer = product.onboard(tenant)
            first = product.run(customer, load.items)
            self._say(f"{case}: product {first.wall_s:.2f} s")
            copied = copier.run(tenant, load.items)
            self._say(f"{case}: copier {copied.wall_s:.2f} s")
            again = product.run(customer, 0)
            copied_again = copier.run(tenant, 0)
            self._say(f"{case}, unchanged: product {again.wall_s:.3f} s, copier {copied_again.wall_s:.3f} s")
            return Pair(first, copied, again, copied_again)

    def _alone(self, case: str, load: Load) -> Measured:
        _check_memory(load.files * load.file_bytes)
        with self._subjects() as subjects:
            tenant = create(subjects.control, load, seed=case)
            run = subjects.product.run(subjects.product.onboard(tenant), load.items)
            self._say(f"{case}: {run.wall_s:.1f} s, peak {run.peak_mb:.0f} MB")
            return run


CASES: dict[str, Callable[[Bench], list[Figure]]] = {
    "files": Bench.files,
    "unchanged": Bench.unchanged,
    "big-file": Bench.big_file,
    "mail": Bench.mail,
    "memory": Bench.memory,
}


@contextmanager
def _running() -> Iterator[Subjects]:
    """A stack on which both have worked a little already."""
    with Stack(host_env=product_settings) as stack, TenantControl(stack.tenant_url) as control:
        product = Product(stack, control)
        copier = CopierProcess(stack, control)
        try:
            for load in _WARM_UP:
                tenant = create(control, load, seed="warm-up")
                customer = product.onboard(tenant)
                product.run(customer, load.items)
                product.run(customer, 0)
                copier.run(tenant, load.items)
            yield Subjects(product, copier, control)
        finally:
            product.close()


def _check_memory(blob_bytes: int) -> None:
    """The emulator holds every blob in memory."""
    available = int(psutil.virtual_memory().available)
    needed = int(blob_bytes * 1.3) + 1_000_000_000
    if blob_bytes > 1_000_000_000 and available < needed:
        raise BenchmarkError(
            f"This case needs {needed / 1e9:.0f} GB of free memory for the storage emulator, "
            f"and {available / 1e9:.0f} GB are free."
        )


def _figure(
    case: str, name: str, pair: Pair, value: Callable[[Measured], float], target: Target | None = None
) -> Figure:
    return Figure(case, name, value(pair.product), value(pair.copier), target)


def _again(case: str, name: str, pair: Pair, value: Callable[[Measured], float]) -> Figure:
    return Figure(case, name, value(pair.product_again), value(pair.copier_again))


def _content_figures(case: str, pair: Pair) -> list[Figure]:
    return [
        _figure(case, "MB/s", pair, lambda run: run.mb_per_s),
        _figure(case, "CPU s per 1,000", pair, lambda run: run.cpu_s_per_1000),
        _figure(case, "CPU s per GB", pair, lambda run: run.cpu_s_per_gb),
        _figure(case, "peak memory, MB", pair, lambda run: run.peak_mb),
    ]
