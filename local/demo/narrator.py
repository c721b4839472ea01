"""How the demo speaks: colours and moving bars on a terminal, plain lines anywhere else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

_PLAIN_WIDTH = 110
_WIDEST = 120


class Bar(Protocol):
    """A progress bar."""

    def show(self, done: int, total: int, note: str = "") -> None:
        """Show that ``done`` of ``total`` are done; no total yet: 0."""
        ...


class Narrator:
    """Prints sentences, tables and bars. Takes everything literally: names from a tenant cannot style the output."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        self._moves = self._console.is_terminal
        self._after_space = False
        if not self._moves:
            self._console.width = _PLAIN_WIDTH
        elif self._console.width > _WIDEST:
            self._console.width = _WIDEST

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        if not self._after_space:
            self._console.print()
        self._console.print(Text(title, style="bold cyan"))
        self._after_space = False

    def say(self, sentence: str, style: str = "") -> None:
        """A sentence, indented."""
        self._print(Padding(Text(sentence, style=style), (0, 0, 0, 2)))
        self._after_space = False

    def raw(self, line: str) -> None:
        """A line to be copied: never wrapped."""
        self._console.print(Text("  " + line), soft_wrap=True)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> None:
        """A table whose first ``left`` columns are text and whose others are numbers."""
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for position, heading in enumerate(headings):
            text = position < left
            table.add_column(heading, justify="left" if text else "right", overflow="fold" if text else "ellipsis")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._print(Padding(table, (1, 0, 1, 2), expand=False))
        self._after_space = True

    def _print(self, what: RenderableType) -> None:
        """Print without the spaces that fill lines up where nobody sees colours."""
        if self._moves:
            self._console.print(what)
            return
        with self._console.capture() as captured:
            self._console.print(what)
        for line in captured.get().splitlines():
            self._console.print(Text(line.rstrip()), soft_wrap=True)

    @contextmanager
    def bar(self, label: str) -> Iterator[Bar]:
        """A bar for as long as the context lasts."""
        if self._moves:
            with _moving(self._console) as progress:
                yield _MovingBar(progress, label)
        else:
            lines = _LineBar(self._console, label)
            yield lines
            lines.end()


def _moving(console: Console) -> Progress:
    columns = (
        TextColumn("  {task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    return Progress(*columns, console=console)


class _MovingBar:
    def __init__(self, progress: Progress, label: str) -> None:
        self._progress = progress
        self._task = progress.add_task(label, total=None, note="")

    def show(self, done: int, total: int, note: str = "") -> None:
        self._progress.update(self._task, completed=done, total=total or None, note=note)


class _LineBar:
    """Lines at each quarter: enough for a log, not a flood."""

    def __init__(self, console: Console, label: str) -> None:
        self._console = console
        self._label = label
        self._quarter = -1
        self._line = ""
        self._printed = ""

    def show(self, done: int, total: int, note: str = "") -> None:
        self._line = f"  {self._label}: {done} of {total}" + (f", {note}" if note else "")
        quarter = 4 * done // total if total else -1
        if quarter > self._quarter:
            self._quarter = quarter
            self._print()

    def end(self) -> None:
        self._print()

    def _print(self) -> None:
        if self._line != self._printed:
            self._console.print(Text(self._line))
            self._printed = self._line
