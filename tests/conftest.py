"""What many tests share: services that are started once a session (once a worker under pytest-xdist)."""

import signal
from collections.abc import Iterator

import pytest

from local.services import Stack

# Started in the background of a script, a process ignores SIGINT, and so do its children: those that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The connection string of a storage emulator. It is shared: use names of your own in it."""
    with Stack(simulator=False, host=False) as stack:
        yield stack.blob_connection_string


@pytest.fixture(scope="session")
def simulator() -> Iterator[str]:
    """The address of a tenant simulator. It is shared: use tenants of your own in it."""
    with Stack(azurite=False, host=False) as stack:
        yield stack.tenant_url
