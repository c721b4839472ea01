"""Settings: environment -> frozen Settings. Read once, at start; every problem is named at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from shared_code.errors import ConfigError
from shared_code.model.lease import LEAST_RETENTION_DAYS, LeaseTerms

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class GraphCredential(StrEnum):
    """How the app proves to Entra who it is. ``local_secret`` is for the tenant simulator alone."""

    MANAGED_IDENTITY = "managed_identity"
    CERTIFICATE = "certificate"
    CLIENT_SECRET = "client_secret"  # noqa: S105 - the name of a method
    LOCAL_SECRET = "local_secret"  # noqa: S105 - the name of a method


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, validated. The environment names and defaults are listed in README.md; a test keeps it so."""

    storage_connection: str
    storage_account_url: str
    table_account_url: str
    graph_url: str
    graph_credential: GraphCredential
    graph_client_id: str
    graph_client_secret: str
    graph_certificate_path: str
    user_agent: str
    graph_paced: bool
    graph_share: float
    local_run: bool
    window_start_hour_utc: int
    window_hours: int
    slice_bytes: int
    slice_seconds: int
    slice_items: int
    resources_in_flight: int
    lease_terms: LeaseTerms
    most_retention_days: int
    worm_locked: bool
    purge_client_id: str
    recoverable_items: bool


@dataclass(frozen=True, slots=True)
class _Number:
    default: int
    least: int
    most: int


NUMBERS: dict[str, _Number] = {
    "BACKUP_WINDOW_START_HOUR_UTC": _Number(20, 0, 23),
    "BACKUP_WINDOW_HOURS": _Number(8, 1, 24),
    "BACKUP_SLICE_MIB": _Number(256, 1, 4096),
    "BACKUP_SLICE_SECONDS": _Number(300, 1, 1500),
    "BACKUP_SLICE_ITEMS": _Number(20_000, 1, 200_000),
    "BACKUP_RESOURCES_IN_FLIGHT": _Number(8, 1, 50),
    "GRAPH_SHARE_PERCENT": _Number(80, 1, 100),
    "BACKUP_RETENTION_DAYS": _Number(90, 1, 146_000),
    "BACKUP_CHECKPOINT_DAYS": _Number(30, 1, 365),
    "BACKUP_LEASE_MARGIN_DAYS": _Number(7, 0, 365),
    "BACKUP_MOST_RETENTION_DAYS": _Number(3_650, LEAST_RETENTION_DAYS, 146_000),
}

TEXTS: dict[str, str] = {
    "BACKUP_STORAGE_CONNECTION": "",
    "BACKUP_STORAGE_BLOB_URL": "",
    "BACKUP_STORAGE_TABLE_URL": "",
    "GRAPH_URL": "https://graph.microsoft.com",
    "GRAPH_CREDENTIAL": "managed_identity",
    "GRAPH_CLIENT_ID": "",
    "GRAPH_CLIENT_SECRET": "",
    "GRAPH_CERTIFICATE_PATH": "",
    "GRAPH_USER_AGENT": "NONISV|ManagedServiceProvider|M365Backup/0.1",
    "GRAPH_PACE": "documented",
    "BACKUP_LOCAL_RUN": "false",
    "BACKUP_WORM_MODE": "locked",
    "BACKUP_PURGE_CLIENT_ID": "",
    "BACKUP_RECOVERABLE_ITEMS": "false",
}


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Read and check the settings. Raises ConfigError that names every problem at once."""
    problems: list[str] = []
    text = {name: environment.get(name, default).strip() for name, default in TEXTS.items()}
    number = {name: _number(environment, name, bounds, problems) for name, bounds in NUMBERS.items()}
    local_run = text["BACKUP_LOCAL_RUN"].lower() == "true"
    if text["BACKUP_LOCAL_RUN"].lower() not in ("true", "false"):
        problems.append("BACKUP_LOCAL_RUN is true or false")
    credential = _credential(text, local_run, problems)
    _check_storage(text, local_run, problems)
    _check_graph_url(text["GRAPH_URL"], local_run, problems)
    if text["BACKUP_WORM_MODE"] not in ("locked", "unlocked"):
        problems.append("BACKUP_WORM_MODE is locked or unlocked")
    if text["BACKUP_WORM_MODE"] == "unlocked" and not local_run:
        problems.append(
            "BACKUP_WORM_MODE=unlocked is for local runs (BACKUP_LOCAL_RUN=true) alone: an administrator can take "
            "unlocked policies off, and backups could then be deleted"
        )
    if text["GRAPH_PACE"] not in ("documented", "unlimited"):
        problems.append("GRAPH_PACE is documented or unlimited")
    if text["GRAPH_PACE"] == "unlimited" and not local_run:
        problems.append("GRAPH_PACE=unlimited is for local runs (BACKUP_LOCAL_RUN=true) alone")
    if text["BACKUP_RECOVERABLE_ITEMS"] not in ("true", "false"):
        problems.append("BACKUP_RECOVERABLE_ITEMS is true or false")
    terms = _lease_terms(number, problems)
    if problems or terms is None:
        raise ConfigError(problems)
    return Settings(
        storage_connection=text["BACKUP_STORAGE_CONNECTION"],
        storage_account_url=text["BACKUP_STORAGE_BLOB_URL"],
        table_account_url=text["BACKUP_STORAGE_TABLE_URL"],
        graph_url=text["GRAPH_URL"].rstrip("/"),
        graph_credential=credential,
        graph_client_id=text["GRAPH_CLIENT_ID"],
        graph_client_secret=text["GRAPH_CLIENT_SECRET"],
        graph_certificate_path=text["GRAPH_CERTIFICATE_PATH"],
        user_agent=text["GRAPH_USER_AGENT"],
        graph_paced=text["GRAPH_PACE"] == "documented",
        graph_share=number["GRAPH_SHARE_PERCENT"] / 100,
        local_run=local_run,
        window_start_hour_utc=number["BACKUP_WINDOW_START_HOUR_UTC"],
        window_hours=number["BACKUP_WINDOW_HOURS"],
        slice_bytes=number["BACKUP_SLICE_MIB"] * 1024 * 1024,
        slice_seconds=number["BACKUP_SLICE_SECONDS"],
        slice_items=number["BACKUP_SLICE_ITEMS"],
        resources_in_flight=number["BACKUP_RESOURCES_IN_FLIGHT"],
        lease_terms=terms,
        most_retention_days=number["BACKUP_MOST_RETENTION_DAYS"],
        worm_locked=text["BACKUP_WORM_MODE"] == "locked",
        purge_client_id=text["BACKUP_PURGE_CLIENT_ID"],
        recoverable_items=text["BACKUP_RECOVERABLE_ITEMS"] == "true",
    )


def _number(environment: Mapping[str, str], name: str, bounds: _Number, problems: list[str]) -> int:
    text = environment.get(name, "").strip() or str(bounds.default)
    if text.isascii() and text.isdigit() and len(text) < 10 and bounds.least <= int(text) <= bounds.most:
        return int(text)
    problems.append(f"{name} is a whole number from {bounds.least} to {bounds.most}")
    return bounds.default


def _lease_terms(number: Mapping[str, int], problems: list[str]) -> LeaseTerms | None:
    try:
        return LeaseTerms(
            number["BACKUP_RETENTION_DAYS"], number["BACKUP_CHECKPOINT_DAYS"], number["BACKUP_LEASE_MARGIN_DAYS"]
        )
    except ConfigError as error:
        problems.extend(error.problems)
        return None


def _credential(text: Mapping[str, str], local_run: bool, problems: list[str]) -> GraphCredential:
    try:
        credential = GraphCredential(text["GRAPH_CREDENTIAL"])
    except ValueError:
        problems.append("GRAPH_CREDENTIAL is one of " + ", ".join(GraphCredential))
        return GraphCredential.MANAGED_IDENTITY
    if not text["GRAPH_CLIENT_ID"]:
        problems.append("GRAPH_CLIENT_ID (the app registration's client id) is missing")
    secrets = (GraphCredential.CLIENT_SECRET, GraphCredential.LOCAL_SECRET)
    if credential in secrets and not text["GRAPH_CLIENT_SECRET"]:
        problems.append(f"GRAPH_CLIENT_SECRET is missing, and GRAPH_CREDENTIAL={credential} needs it")
    if credential is GraphCredential.CERTIFICATE and not text["GRAPH_CERTIFICATE_PATH"]:
        problems.append("GRAPH_CERTIFICATE_PATH is missing, and GRAPH_CREDENTIAL=certificate needs it")
    if credential is GraphCredential.LOCAL_SECRET and not local_run:
        problems.append("GRAPH_CREDENTIAL=local_secret is for local runs (BACKUP_LOCAL_RUN=true) alone")
    return credential


def _check_storage(text: Mapping[str, str], local_run: bool, problems: list[str]) -> None:
    if text["BACKUP_STORAGE_CONNECTION"]:
        if not local_run:
            problems.append(
                "BACKUP_STORAGE_CONNECTION holds an account key and is for local runs (BACKUP_LOCAL_RUN=true) alone; "
                "use BACKUP_STORAGE_BLOB_URL and BACKUP_STORAGE_TABLE_URL with the managed identity"
            )
        return
    problems.extend(
        f"{name} is the https address of the storage account"
        for name in ("BACKUP_STORAGE_BLOB_URL", "BACKUP_STORAGE_TABLE_URL")
        if urlsplit(text[name]).scheme != "https"
    )


def _check_graph_url(url: str, local_run: bool, problems: list[str]) -> None:
    parts = urlsplit(url)
    loopback = local_run and parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not loopback and not (parts.scheme == "https" and parts.hostname):
        problems.append("GRAPH_URL is an https address (http only on loopback in local runs)")
