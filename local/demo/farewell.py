"""The end of the story: what happened in numbers, and, with ``--keep``, what can be tried by hand."""

import json
from collections.abc import Sequence
from urllib.parse import quote

from local.demo.bring_back import FinishedRestore
from local.demo.company import CUSTOMER_ID, Company
from local.demo.figures import counted, seconds_text, size_text
from local.demo.narrator import Narrator
from local.demo.nightly_run import FinishedRun
from local.services import Stack


def sum_up(
    narrator: Narrator,
    runs: Sequence[FinishedRun],
    finished: Sequence[FinishedRestore],
    wrong: int,
    seconds: float,
) -> None:
    """What was done, in numbers, and what to do next."""
    narrator.chapter("8  Summary")
    restored = sum(each.status["counts"]["restored"] for each in finished)
    written = sum(each.status["counts"]["written_bytes"] for each in finished)
    resources = len(runs[0].run["resources"])
    narrator.say(
        f"{resources} mailboxes, OneDrives, sites and teams backed up twice: "
        f"{counted(sum(run.count('stored') for run in runs), 'item')}, "
        f"{size_text(sum(run.count('read_bytes') for run in runs))} read, "
        f"{size_text(sum(run.count('written_bytes') for run in runs))} stored, "
        f"{counted(sum(run.requests.requests for run in runs), 'request')} to the tenant."
    )
    narrator.say(f"{counted(restored, 'item')} restored, {size_text(written)} written back.")
    if wrong:
        narrator.say("NOT everything came back as it was; see above.", "bold red")
    else:
        narrator.say("Everything restored is what it was, byte for byte and property for property.", "bold green")
    narrator.say(f"{seconds_text(seconds)} in all.")
    narrator.say("Next: --keep leaves it serving, --mail DIR and --files DIR take your own data; README.md tells more.")


def serve(narrator: Narrator, stack: Stack, company: Company) -> None:
    """Leave everything serving until Ctrl-C. Raises ServiceError when a service ends by itself."""
    base = f"{stack.host_url}/api"
    customer = f"{base}/customers/{CUSTOMER_ID}"
    drive = f"{customer}/resources/{quote(company.person(0).drive, safe='')}"
    request = {
        "resource": company.person(3).mailbox,
        "seq": 1,
        "selection": {"everything": True},
        "target": "folder",
        "folder_name": "Once more",
        "conflict": "skip",
    }
    narrator.chapter("Still serving, until Ctrl-C")
    narrator.raw(f"curl {base}/health")
    narrator.raw(f"curl {customer}/resources")
    narrator.raw(f"curl -X POST {customer}/runs")
    narrator.raw(f"curl {customer}/runs")
    narrator.raw(f"curl '{drive}/snapshots'")
    narrator.raw(f"curl '{drive}/snapshots/1/items?limit=20'")
    narrator.raw(f"curl -X POST {customer}/restores -H 'Content-Type: application/json' -d '{json.dumps(request)}'")
    narrator.raw(f"curl {customer}/restores")
    narrator.raw(f"curl {stack.tenant_url}/_control/log/summary")
    try:
        stack.watch()
    except KeyboardInterrupt:
        narrator.say("\nStopping.")
