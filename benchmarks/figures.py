"""Figures, whether they reach their targets, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from rich.console import Console
from rich.table import Table

_HEADINGS = ("case", "figure", "product", "beside", "its figure", "product / it", "target", "reached")
_NUMBERS = (2, 4, 5)
NOTES = (
    "copier: what one writes straightforwardly with the libraries of the product: aiohttp for the GET, the async "
    "client of azure-storage-blob (upload_blob, account key) for the PUT; as many under way as in the product; one "
    "GET and one PUT for each file or message and nothing else. The targets that name a copier mean this one.",
    "bare copier: the same, but its PUTs are made by hand with aiohttp and a SAS, without an SDK: nothing is signed, "
    "retried or parsed. It is the stricter comparison, and has no target.",
    "Both copiers store files and messages as they come: no checksums, no compression, no history, no restore points, "
    "and of a message the readable form only; the product stores the native form, too.",
    "Storage is an emulator in memory on the same machine, Graph a simulator; each takes its share of the processors. "
    "CPU and memory are those of the copying process alone. Of several repetitions the fastest counts, for everyone.",
)
"""What one has to know in order to read the table."""


class Bound(Enum):
    """What a target limits: the product's own figure, or its ratio to the copier's; from above or from below."""

    VALUE_AT_MOST = "at most"
    VALUE_BELOW = "under"
    RATIO_AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Target:
    """A number to be reached."""

    bound: Bound
    limit: float
    unit: str = ""

    def reached(self, product: float, copier: float | None) -> bool:
        """Whether these figures reach it. A ratio to nothing reaches nothing."""
        match self.bound:
            case Bound.VALUE_AT_MOST:
                return product <= self.limit
            case Bound.VALUE_BELOW:
                return product < self.limit
            case Bound.RATIO_AT_LEAST:
                return bool(copier) and product / (copier or 1.0) >= self.limit

    def __str__(self) -> str:
        if self.bound is Bound.RATIO_AT_LEAST:
            return f"{self.bound.value} {self.limit:g} x copier"
        return f"{self.bound.value} {self.limit:g} {self.unit}".strip()


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result. ``copier`` is the figure of the one that ``beside`` names; None where there is nothing to
    compare with."""

    case: str
    name: str
    product: float
    copier: float | None
    target: Target | None = None
    beside: str = "copier"

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        return None if self.target is None else self.target.reached(self.product, self.copier)

    def cells(self, *, judged: bool) -> tuple[str, ...]:
        """As text, in the order of the headings."""
        ratio = self.product / self.copier if self.copier else None
        verdict = {None: "", True: "yes", False: "NO"}[self.reached]
        return (
            self.case,
            self.name,
            _number(self.product),
            "" if self.copier is None else self.beside,
            "" if self.copier is None else _number(self.copier),
            "" if ratio is None else _number(ratio),
            "" if self.target is None else str(self.target),
            verdict if judged or not verdict else "not judged",
        )


def show(figures: Sequence[Figure], notes: Sequence[str], *, judged: bool) -> None:
    """Print the table and how to read it."""
    table = Table(show_lines=False)
    for position, heading in enumerate(_HEADINGS):
        is_number = position in _NUMBERS
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold", no_wrap=not is_number)
    case = ""
    for figure in figures:
        if case and figure.case != case:
            table.add_section()
        case = figure.case
        table.add_row(*figure.cells(judged=judged))
    console = Console(width=None if Console().is_terminal else 160)
    console.print(table)
    for note in notes:
        console.print(note, highlight=False)


def markdown(figures: Sequence[Figure], notes: Sequence[str], *, judged: bool) -> str:
    """The table and how to read it, for a page of the docs."""
    rule = "".join("--:|" if position in _NUMBERS else "---|" for position in range(len(_HEADINGS)))
    lines = ["| " + " | ".join(_HEADINGS) + " |", f"|{rule}"]
    lines += ["| " + " | ".join(figure.cells(judged=judged)) + " |" for figure in figures]
    lines += ["", *(f"- {note}" for note in notes)]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """Three digits that mean something."""
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"
