"""``python -m local.demo``: run the demo and answer with its exit code."""

import sys


def main(arguments: list[str]) -> int:
    """Run the demo.

    Returns 0 when everything restored is what it was, 1 when something differs, 2 for wrong arguments, 3 when a
    service failed, 130 after Ctrl-C.
    """
    try:
        # Imported here, so that Ctrl-C during the imports, too, ends with one line.
        from local.child_process import ServiceError
        from local.demo.failures import DemoError
        from local.demo.options import read_options
        from local.demo.story import tell

        try:
            return tell(read_options(arguments))
        except (ServiceError, DemoError) as error:
            print(error, file=sys.stderr)
            return 3
    except KeyboardInterrupt:
        print("\nInterrupted. Everything that the demo had started is stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
