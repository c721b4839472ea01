"""The command line: ``python3 dev.py bench [--quick] [--markdown FILE] [CASE ...]``.

Exit codes: 0 every target is reached (or ``--quick``), 1 a target is missed, 3 something could not be run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import psutil

from benchmarks.cases import CASES, Bench
from benchmarks.errors import BenchmarkError
from benchmarks.figures import NOTES, markdown, show
from benchmarks.trials import QUICK, Sizes, Trials
from local.child_process import ServiceError

# Of all processors, while nothing of the benchmark runs.
_BUSY_PERCENT = 10
_LOOK_FOR_S = 2.0


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen cases, all without a name, and print one table."""
    parser = argparse.ArgumentParser(
        prog="dev.py bench", description="Measure the product beside a straightforward copier."
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"some of: {', '.join(CASES)}; none means all")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs: targets are not judged")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        parser.error(f"there is no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    sizes = QUICK if options.quick else Sizes()
    notes = [] if options.quick else _warnings()
    for note in notes:
        print(note, file=sys.stderr, flush=True)
    try:
        with Trials(sizes, lambda line: print(line, file=sys.stderr, flush=True)) as trials:
            bench = Bench(trials)
            figures = [figure for name in CASES if name in (options.cases or CASES) for figure in CASES[name](bench)]
    except (BenchmarkError, ServiceError) as error:
        print(error, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    notes = [*NOTES, *notes]
    show(figures, notes, judged=not options.quick)
    if options.markdown:
        options.markdown.write_text(markdown(figures, notes, judged=not options.quick), encoding="utf-8")
    return int(not options.quick and any(figure.reached is False for figure in figures))


def _warnings() -> list[str]:
    """What makes figures of this moment doubtful."""
    busy = psutil.cpu_percent(interval=_LOOK_FOR_S)
    if busy <= _BUSY_PERCENT:
        return []
    return [
        f"When this began, {busy:.0f} % of the machine's processors were busy with something else: these figures, and "
        "the ratios among them, are not to be trusted."
    ]


if __name__ == "__main__":
    sys.exit(main())
