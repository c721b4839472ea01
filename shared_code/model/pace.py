"""What all instances share about one tenant's pace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TenantPace:
    """``pauses``: a service's name -> until when nobody asks it anything; ``licences``: how many the tenant has, on
    which SharePoint's limits depend (None: not known yet)."""

    pauses: Mapping[str, datetime] = field(default_factory=dict)
    licences: int | None = None
