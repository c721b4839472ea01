"""The daily run over many mailboxes and drives of which a few have changed: what the unchanged ones cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from benchmarks.load import Load, LoadedTenant
from benchmarks.measured import DIRECTORY, Measured
from benchmarks.subjects import Product
from local.product_settings import APP_CLIENT_ID, APP_CLIENT_SECRET
from local.tenant.app_roles import ALL_ROLES
from local.tenant.control.client import TenantControl

CHANGED_SHARE = 0.03
_ITEMS_EACH = 3
_FILE_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class DailyRun:
    """``first`` read everything, ``run`` is the daily one. HTTP requests are those for an unchanged resource, a batch
    being one: the mean and the most."""

    resources: int
    first: Measured
    run: Measured
    mailbox_mean: float
    mailbox_most: int
    drive_mean: float
    drive_most: int


def measure(product: Product, control: TenantControl, users: int) -> DailyRun:
    """As many mailboxes and drives as users; 3 % of either change. Raises BenchmarkError."""
    tenant_id = str(control.create_tenant(secret=APP_CLIENT_SECRET)["id"])
    control.add_app(tenant_id, APP_CLIENT_ID, APP_CLIENT_SECRET, sorted(ALL_ROLES))
    people = control.generate(
        tenant_id,
        users=users,
        messages_per_user=_ITEMS_EACH,
        files_per_user=_ITEMS_EACH,
        file_size_bytes=_FILE_BYTES,
        seed="daily",
    )
    customer = product.onboard(LoadedTenant(tenant_id, Load(), (), ()))
    first = product.run(customer, 2 * _ITEMS_EACH * users, users)
    changed = people[: math.ceil(users * CHANGED_SHARE)]
    for user in changed:
        control.add_message(tenant_id, user, b"Subject: New\r\n\r\nNew\r\n")
        control.put_file(tenant_id, user, "new.txt", b"new")
    position = control.log_position()
    run = product.run(customer, 2 * len(changed))
    names: dict[str, str] = {}
    unchanged: dict[str, list[str]] = {"mailbox": [], "drive": []}
    for resource in product.resources(customer):
        key, kind, owner = resource["resource_id"], resource["kind"], resource["attributes"]["user_id"]
        known_as = (key.partition(".")[2], resource["attributes"].get("mailbox_id"))
        names |= {name: key for name in known_as if name}
        if owner not in changed:
            unchanged[kind].append(key)
    counted = requests_by_resource(control.log(position), names)
    mailboxes, drives = ([counted[key] for key in unchanged[kind]] for kind in ("mailbox", "drive"))
    return DailyRun(2 * users, first, run, _mean(mailboxes), max(mailboxes), _mean(drives), max(drives))


def requests_by_resource(log: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> Counter[str]:
    """HTTP requests for each resource; ``names``: what stands for it in an address -> its id. What is inside of a batch
    stands before it in the log, and the batch counts once for each resource in it."""
    counts: Counter[str] = Counter()
    inside: set[str] = set()
    for entry in log:
        operation = str(entry["operation"])
        key = "" if operation.startswith(DIRECTORY) else _resource_of(str(entry["path"]), names)
        if entry["batch"]:
            inside |= {key} - {""}
        elif operation == "batch":
            counts.update(inside)
            inside = set()
        elif key:
            counts[key] += 1
    return counts


def _resource_of(path: str, names: Mapping[str, str]) -> str:
    """The resource that the first id in an address belongs to."""
    return next((names[part] for part in map(unquote, path.split("/")) if part in names), "")


def _mean(values: list[int]) -> float:
    return sum(values) / len(values) if values else math.nan
