"""What a check of blobs found, before it is known whose content that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared_code.model.check_report import DamageKind
from shared_code.vault.named_chunks import Place


@dataclass(frozen=True, slots=True)
class Finding:
    """Damage of which the items are not known yet: they are those with a chunk in ``places``."""

    kind: DamageKind
    blob: str
    version_id: str
    detail: str
    places: Sequence[Place]
