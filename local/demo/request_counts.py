"""What the service asked of the tenant, counted from the simulator's request log."""

from collections import Counter
from dataclasses import dataclass

from local.tenant.control.client import TenantControl

_CONTENT = ("mailbox.export", "message.mime", "drive.content", "drive.download")


@dataclass(frozen=True)
class RequestCounts:
    """``requests`` counts HTTP requests, a batch as one; ``content`` those that fetched mail or file content, inside
    batches too."""

    requests: int
    content: int


def requests_since(control: TenantControl, position: int) -> RequestCounts:
    """Count the log entries after ``position``."""
    entries = control.log(position)
    operations = Counter(entry["operation"] for entry in entries)
    outer = [entry for entry in entries if not entry["batch"]]
    return RequestCounts(
        requests=len(outer),
        content=sum(operations[name] for name in _CONTENT),
    )
