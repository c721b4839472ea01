"""``python3 dev.py serve``: the local stack until Ctrl-C, with nothing in the tenant."""

import argparse
import json
import socket
import sys


def main() -> int:
    """Serve until Ctrl-C, which is its ordinary end, at any moment. Returns 3 if the stack can't be started."""
    try:
        return _serve()
    except KeyboardInterrupt:
        return 0


def _serve() -> int:
    """Start the stack, print one JSON line with the addresses, and watch it."""
    # Imported here, so that Ctrl-C during the imports, too, ends without a traceback.
    from local.child_process import ServiceError
    from local.port_number import port_number
    from local.product_settings import product_settings
    from local.services import Stack

    parser = argparse.ArgumentParser(prog="dev.py serve", description="Serve the local stack until Ctrl-C.")
    parser.add_argument("--port", type=port_number, default=0, help="of the functions host; 0 takes a free one")
    parser.add_argument("--timers", action="store_true", help="fire the timers by the clock")
    options = parser.parse_args()
    if options.port and not _is_free(options.port):
        print(f"Port {options.port} is in use: choose another one, or leave --port out.", file=sys.stderr)
        return 3
    arguments = ["--port", str(options.port), *([] if options.timers else ["--no-timers"])]
    try:
        with Stack(host_env=product_settings, host_arguments=arguments) as stack:
            addresses = {
                "host": stack.host_url,
                "tenant": stack.tenant_url,
                "storage": stack.blob_connection_string,
                "logs": str(stack.logs),
            }
            print(json.dumps(addresses), flush=True)
            stack.watch()
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 3
    return 0


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
