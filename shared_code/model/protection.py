"""What is stored of a customer's resources beyond the default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from shared_code.errors import ConfigError

# "Versioning in SharePoint and OneDrive": libraries keep 500 major versions unless told otherwise
# (learn.microsoft.com/sharepoint, checked 2026-11).
MOST_EARLIER_VERSIONS = 500


@dataclass(frozen=True, slots=True)
class ProtectionSettings:
    """``earlier_versions``: how many of each file are stored besides the current one; 0 is none."""

    earlier_versions: int = 0

    def __post_init__(self) -> None:
        """Raises ConfigError for settings that cannot be kept."""
        if not 0 <= self.earlier_versions <= MOST_EARLIER_VERSIONS:
            raise ConfigError(
                [f"earlier_versions = {self.earlier_versions} is not between 0 and {MOST_EARLIER_VERSIONS}"]
            )

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"earlier_versions": self.earlier_versions}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(value["earlier_versions"])
