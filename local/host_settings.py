"""What the local host takes from ``host.json``; everything else there is for Azure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.host_index import AppError


@dataclass(frozen=True)
class HostSettings:
    """``extensions.http.routePrefix`` and the two limits of ``extensions.durableTask``."""

    route_prefix: str = "api"
    hub_name: str = "TestHubName"
    max_activities: int = 10
    max_orchestrators: int = 10


def read_host_settings(path: Path, environment: Mapping[str, str]) -> HostSettings:
    """Read ``host.json``; a missing file means the defaults. Raises AppError if it is not valid."""
    if not path.exists():
        return HostSettings()
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AppError(f"{path.name} is not valid JSON: {error}") from error
    extensions = document.get("extensions", {})
    durable = extensions.get("durableTask", {})
    defaults = HostSettings()
    return HostSettings(
        route_prefix=str(extensions.get("http", {}).get("routePrefix", defaults.route_prefix)).strip("/"),
        hub_name=resolve_settings(str(durable.get("hubName", defaults.hub_name)), environment),
        max_activities=int(durable.get("maxConcurrentActivityFunctions", defaults.max_activities)),
        max_orchestrators=int(durable.get("maxConcurrentOrchestratorFunctions", defaults.max_orchestrators)),
    )


def resolve_settings(text: str, environment: Mapping[str, str]) -> str:
    """Replace ``%NAME%`` by the app setting NAME, as the Functions host does; unknown names stay."""
    return re.sub(r"%(\w+)%", lambda match: environment.get(match[1], match[0]), text)
