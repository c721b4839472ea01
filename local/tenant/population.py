"""Many people at once, with mail and files that are computed from a seed."""

from __future__ import annotations

from local.tenant.answers import Json
from local.tenant.tenant import GeneratedPlan, Person, Tenant

_KNOWN = {
    "users",
    "messages_per_user",
    "events_per_user",
    "contacts_per_user",
    "files_per_user",
    "file_size_bytes",
    "compressible",
    "folder_depth",
    "seed",
    "prefix",
}


def generate_people(tenant: Tenant, spec: Json) -> list[Person]:
    """Add `users` people with generated content and return them. Raises ValueError for an unknown field."""
    unknown = sorted(set(spec) - _KNOWN)
    if unknown:
        raise ValueError(f"generate knows no {unknown}")
    seed = str(spec.get("seed", 0))
    prefix = str(spec.get("prefix") or f"gen{seed}")
    plan = GeneratedPlan(
        messages=int(spec.get("messages_per_user", 0)),
        events=int(spec.get("events_per_user", 0)),
        contacts=int(spec.get("contacts_per_user", 0)),
        files=int(spec.get("files_per_user", 0)),
        file_size_bytes=int(spec.get("file_size_bytes", 50_000)),
        folder_depth=int(spec.get("folder_depth", 1)),
        compressible=bool(spec.get("compressible", False)),
        seed=seed,
    )
    people: list[Person] = []
    for index in range(int(spec.get("users", 1))):
        upn = f"{prefix}-{index:05d}@{tenant.domain}"
        person = Person(tenant.new_user_id(upn), f"{prefix.title()} {index:05d}", upn, has_drive=True)
        people.append(tenant.add_person(person, plan))
    return people
