#!/usr/bin/env python3
"""One door for developers: ``python3 dev.py demo|serve|test|check|bench``. Needs nothing but Python 3.11 or later.

It makes ``.venv`` and ``.local`` inside this folder on the first start, and touches nothing outside of it. What it does
is in ``local/commands.py``: this file keeps to what every Python reads, 2.7 included, so that an old one is told why it
is turned away instead of stumbling over the syntax.
"""

import sys

NEEDED = (3, 11)

if sys.version_info < NEEDED:
    sys.stderr.write(
        "Python 3.11 or later is needed, this is "
        + sys.version.split()[0]
        + ". Install a newer one and run this file with it.\n"
    )
    sys.exit(3)

if __name__ == "__main__":
    try:
        from pathlib import Path

        sys.path.insert(0, str(Path(__file__).resolve().parent))
        from local.commands import main

        code = main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        code = 130
    sys.exit(code)
