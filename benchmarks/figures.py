"""Figures, whether they reach their targets, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from rich.console import Console
from rich.table import Table

_HEADINGS = ("case", "figure", "product", "copier", "product / copier", "target", "reached")


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
    """One line of the result. ``copier`` is None where the copier has nothing to be compared with."""

    case: str
    name: str
    product: float
    copier: float | None
    target: Target | None = None

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
            "" if self.copier is None else _number(self.copier),
            "" if ratio is None else _number(ratio),
            "" if self.target is None else str(self.target),
            verdict if judged or not verdict else "not judged",
        )


def show(figures: Sequence[Figure], *, judged: bool) -> None:
    """Print the table."""
    table = Table(show_lines=False)
    for position, heading in enumerate(_HEADINGS):
        is_number = 2 <= position <= 4
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold", no_wrap=not is_number)
    case = ""
    for figure in figures:
        if case and figure.case != case:
            table.add_section()
        case = figure.case
        table.add_row(*figure.cells(judged=judged))
    Console(width=None if Console().is_terminal else 150).print(table)


def markdown(figures: Sequence[Figure], *, judged: bool) -> str:
    """The table for a page of the docs."""
    lines = ["| " + " | ".join(_HEADINGS) + " |", "|---|---|--:|--:|--:|---|---|"]
    lines += ["| " + " | ".join(figure.cells(judged=judged)) + " |" for figure in figures]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """Three digits that mean something."""
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"
