"""Trials: the product, the copier and the bare copier on one running stack, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Self

import psutil

from benchmarks import daily, orchestration
from benchmarks.copier_job import Uploads
from benchmarks.daily import DailyRun
from benchmarks.errors import BenchmarkError
from benchmarks.load import Load, LoadedTenant, create
from benchmarks.measured import Measured, fastest
from benchmarks.orchestration import Orchestrated
from benchmarks.subjects import CopierProcess, Product
from local.product_settings import product_settings
from local.services import Stack
from local.tenant.control.client import TenantControl

Say = Callable[[str], None]
# Enough for the imports and connections that a process makes once in its life, and a night's first run with it.
_WARM_UP = (Load(files=20, file_bytes=1_000), Load(messages=20))


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much each case copies, and how often. ``repeats`` are whole repetitions, each on a stack of its own: three,
    so that each of those that are compared comes first once, and last once. ``unchanged_runs`` are runs over what has
    just been copied."""

    files: int = 5_000
    file_bytes: int = 50_000
    big_file_bytes: int = 2_000_000_000
    messages: int = 5_000
    huge_file_bytes: int = 5_000_000_000
    huge_mailbox_items: int = 200_000
    daily_users: int = 1_000
    orchestrated: tuple[int, int] = (2_500, 10_000)
    repeats: int = 3
    unchanged_runs: int = 3
    one_stack: bool = False


QUICK = Sizes(
    files=40,
    file_bytes=20_000,
    big_file_bytes=12_000_000,
    messages=40,
    huge_file_bytes=12_000_000,
    huge_mailbox_items=60,
    daily_users=10,
    orchestrated=(60, 240),
    repeats=1,
    unchanged_runs=1,
    one_stack=True,
)


@dataclass(frozen=True, slots=True)
class Twice:
    """The fastest first run over a load, and the fastest one after it, which has nothing to do."""

    first: Measured
    again: Measured

    @classmethod
    def fastest(cls, several: Iterable[Twice]) -> Twice:
        """Of each the run that the rest of the machine disturbed least."""
        runs = list(several)
        return cls(fastest(run.first for run in runs), fastest(run.again for run in runs))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One load, copied by all three."""

    product: Twice
    copier: Twice
    bare: Twice


@dataclass(frozen=True, slots=True)
class _Subjects:
    """Who works on a running stack, and the tenants' control."""

    product: Product
    copier: CopierProcess
    bare: CopierProcess
    control: TenantControl


class Trials:
    """Runs trials; a context manager. The emulator keeps blobs in memory, so every repetition gets a stack of its own,
    except for quick runs."""

    def __init__(self, sizes: Sizes, say: Say) -> None:
        self.sizes = sizes
        self._say = say
        self._kept = ExitStack()
        self._shared: _Subjects | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shared = None
        self._kept.close()

    def compare(self, case: str, load: Load) -> Comparison:
        """All three in turn, each first over everything and then again. The turn goes round from one repetition to the
        next: whoever is last finds the emulator full. Raises BenchmarkError."""
        rounds = [self._compare_once(case, load, number) for number in range(self.sizes.repeats)]
        return Comparison(
            Twice.fastest(found.product for found in rounds),
            Twice.fastest(found.copier for found in rounds),
            Twice.fastest(found.bare for found in rounds),
        )

    def alone(self, case: str, load: Load) -> Measured:
        """The product's first run over a load. Raises BenchmarkError."""
        _check_memory(load.files * load.file_bytes)
        with self._subjects() as subjects:
            tenant = create(subjects.control, load, seed=case)
            run = subjects.product.run(subjects.product.onboard(tenant), load.items, len(tenant.mailboxes))
            self._say(f"{case}: {run.wall_s:.1f} s, peak {run.peak_mb:.0f} MB")
            return run

    def daily(self) -> DailyRun:
        """The product's daily run over many mailboxes and drives of which a few have changed. Raises BenchmarkError."""
        with self._subjects() as subjects:
            found = daily.measure(subjects.product, subjects.control, self.sizes.daily_users)
            self._say(f"daily: {found.run.wall_s:.1f} s over {found.resources} resources")
            return found

    def orchestrated(self) -> tuple[Orchestrated, Orchestrated]:
        """A few and many resources through the orchestration with nothing to copy. Raises BenchmarkError."""
        few, many = (orchestration.measure(count) for count in self.sizes.orchestrated)
        self._say(f"orchestration: {few.wall_s:.1f} s for {few.resources}, {many.wall_s:.1f} s for {many.resources}")
        return few, many

    def _compare_once(self, case: str, load: Load, number: int) -> Comparison:
        _check_memory(3 * load.files * load.file_bytes)
        with self._subjects() as subjects:
            tenant = create(subjects.control, load, seed=f"{case}-{number}")
            customer = subjects.product.onboard(tenant)
            settings = len(tenant.mailboxes)
            runs: list[tuple[str, Callable[[int], Measured]]] = [
                (
                    "product",
                    lambda expected: subjects.product.run(customer, expected, settings if expected else 0),
                ),
                ("copier", lambda expected: subjects.copier.run(tenant, expected)),
                ("bare copier", lambda expected: subjects.bare.run(tenant, expected)),
            ]
            found: dict[str, Twice] = {}
            for name, run in runs[number % len(runs) :] + runs[: number % len(runs)]:
                first = run(load.items)
                again = fastest(run(0) for _ in range(self.sizes.unchanged_runs))
                self._say(f"{case}: {name} {first.wall_s:.2f} s, unchanged {again.wall_s:.3f} s")
                found[name] = Twice(first, again)
            return Comparison(found["product"], found["copier"], found["bare copier"])

    @contextmanager
    def _subjects(self) -> Iterator[_Subjects]:
        if not self.sizes.one_stack:
            with _running() as subjects:
                yield subjects
            return
        if self._shared is None:
            self._shared = self._kept.enter_context(_running())
        yield self._shared


@contextmanager
def _running() -> Iterator[_Subjects]:
    """A stack on which everybody has worked a little already."""
    with Stack(host_env=product_settings) as stack, TenantControl(stack.tenant_url) as control:
        product = Product(stack, control)
        copiers = [CopierProcess(stack, control, uploads) for uploads in (Uploads.SDK, Uploads.BARE)]
        try:
            for load in _WARM_UP:
                tenant = create(control, load, seed="warm-up")
                _warm_up(product, copiers, tenant)
            yield _Subjects(product, copiers[0], copiers[1], control)
        finally:
            product.close()


def _warm_up(product: Product, copiers: list[CopierProcess], tenant: LoadedTenant) -> None:
    customer = product.onboard(tenant)
    product.run(customer, tenant.load.items, len(tenant.mailboxes))
    product.run(customer, 0)
    for copier in copiers:
        copier.run(tenant, tenant.load.items)


def _check_memory(blob_bytes: int) -> None:
    """The emulator holds every blob in memory."""
    available = int(psutil.virtual_memory().available)
    needed = int(blob_bytes * 1.3) + 1_000_000_000
    if blob_bytes > 1_000_000_000 and available < needed:
        raise BenchmarkError(
            f"This case needs {needed / 1e9:.0f} GB of free memory for the storage emulator, "
            f"and {available / 1e9:.0f} GB are free."
        )
