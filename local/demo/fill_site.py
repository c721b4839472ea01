"""What the company's SharePoint site holds: a library with permits, and a list of defects."""

import random
from datetime import timedelta

from local.demo.company import Company
from local.demo.fill_drive import document
from local.demo.invented_words import paragraph, sentence
from local.tenant.control.client import TenantControl

LIBRARY = "Documents"
DEFECTS = "Defects"
_PERMITS = ("Permit {}.pdf", "Baugenehmigung Süd {}.docx", "Schedule {}.csv")
_SEVERITIES = ("low", "high", "dangerous")
_PERMIT_COUNT = 6
_DEFECT_COUNT = 24


def fill_site(control: TenantControl, company: Company) -> None:
    """Fill the library and make the list."""
    tenant, site = company.tenant_id, company.site
    chance = random.Random("site")
    for number in range(_PERMIT_COUNT):
        add_permit(control, company, number)
    control.add_list(tenant, site, DEFECTS, description="What has to be mended before the handover")
    control.add_column(tenant, site, DEFECTS, "Severity", "choice", {"choices": list(_SEVERITIES)})
    control.add_column(tenant, site, DEFECTS, "What to do", "text", {"allowMultipleLines": True})
    control.add_column(tenant, site, DEFECTS, "Mended", "boolean")
    control.add_column(tenant, site, DEFECTS, "Cost", "currency", {"locale": "de-DE"})
    for number in range(_DEFECT_COUNT):
        fields = {
            "Title": f"Défaut {number + 1:03d}: {sentence(chance)}",
            "Severity": chance.choice(_SEVERITIES),
            "What to do": paragraph(chance),
            "Mended": chance.random() < 0.3,
            "Cost": chance.randint(50, 5_000),
        }
        control.add_row(tenant, site, DEFECTS, fields)


def add_permit(control: TenantControl, company: Company, number: int) -> None:
    """Put a document into the library."""
    chance = random.Random(f"permit {number}")
    name = _PERMITS[number % len(_PERMITS)].format(number + 1)
    library = control.change_list(company.tenant_id, company.site, LIBRARY)["drive"]
    day = company.now - timedelta(days=10 * (_PERMIT_COUNT - number))
    control.put_file(company.tenant_id, library, f"/Permits/{name}", document(chance, name, day))
