"""The change log of one delta feed: which entry changed at which sequence number, the last change winning.

Generated entries are not written down one by one: a run says "numbers first..first+count-1 appeared at sequence
base+1..base+count", so a feed of 200,000 generated items costs a few dozen bytes until they are edited.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

_COMPACT_FROM = 1024


@dataclass(frozen=True, slots=True)
class Run:
    """`count` consecutive numbers that appeared at consecutive sequence numbers."""

    base_seq: int
    first_number: int
    count: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One changed number, the sequence of its last change, and the sequence at which it entered the feed."""

    seq: int
    number: int
    born_seq: int


class FeedLog:
    """Ordered by sequence. A reader that continues after the last sequence it saw misses nothing."""

    __slots__ = ("_born", "_latest", "_numbers", "_runs", "_seqs")

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._seqs: list[int] = []
        self._numbers: list[int] = []
        self._latest: dict[int, int] = {}
        self._born: dict[int, int] = {}

    def add_run(self, run: Run) -> None:
        """Record a generated run. Its sequence numbers must be newer than everything recorded so far."""
        self._runs.append(run)

    def record(self, number: int, seq: int, *, entered: bool = False) -> None:
        """Record that `number` changed at `seq`; `entered` says that it is new in this feed."""
        if entered:
            self._born[number] = seq
        self._latest[number] = seq
        self._seqs.append(seq)
        self._numbers.append(number)
        if len(self._seqs) > _COMPACT_FROM and len(self._seqs) > 4 * len(self._latest):
            self._compact()

    def entries(self, after_seq: int) -> Iterator[Entry]:
        """Yield what changed after `after_seq`, each number once, oldest change first."""
        position = bisect_right(self._seqs, after_seq)
        for run in self._runs:
            if run.base_seq + run.count <= after_seq:
                continue
            while position < len(self._seqs) and self._seqs[position] <= run.base_seq:
                yield from self._logged(position)
                position += 1
            start = max(0, after_seq - run.base_seq)
            latest = self._latest
            for index in range(start, run.count):
                number = run.first_number + index
                if number not in latest:
                    seq = run.base_seq + 1 + index
                    yield Entry(seq, number, seq)
        while position < len(self._seqs):
            yield from self._logged(position)
            position += 1

    def _logged(self, position: int) -> Iterator[Entry]:
        number, seq = self._numbers[position], self._seqs[position]
        if self._latest[number] == seq:
            yield Entry(seq, number, self._born_of(number))

    def _born_of(self, number: int) -> int:
        born = self._born.get(number)
        if born is not None:
            return born
        for run in self._runs:
            if run.first_number <= number < run.first_number + run.count:
                return run.base_seq + 1 + number - run.first_number
        return 0

    def _compact(self) -> None:
        kept = [
            (seq, number) for seq, number in zip(self._seqs, self._numbers, strict=True) if self._latest[number] == seq
        ]
        self._seqs = [seq for seq, _ in kept]
        self._numbers = [number for _, number in kept]
