"""On what terms a customer is protected, as one run goes by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from shared_code.model.lease import LeaseTerms
from shared_code.model.protection import ProtectionSettings


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was agreed on when a run was planned. Every slice of the run goes by it, on whatever instance: terms that
    changed from slice to slice would begin work again that was under way. What changes later holds from the next run
    on."""

    terms: LeaseTerms
    protection: ProtectionSettings

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"terms": asdict(self.terms), "protection": self.protection.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Inverse of to_json."""
        return cls(LeaseTerms(**value["terms"]), ProtectionSettings.from_json(value["protection"]))
