"""The comparison of everything restored with what was there before, as a table and one line."""

from collections.abc import Sequence

from local.demo.bring_back import FinishedRestore
from local.demo.figures import count_text, counted
from local.demo.narrator import Narrator
from local.demo.truth import Comparison, Truth, compare
from local.demo.working_day import RANSOM_ENDING, RANSOM_NOTE

_MOST_SHOWN = 5


def judge(narrator: Narrator, finished: Sequence[FinishedRestore], today: Truth, after: Truth) -> int:
    """Compare and tell. ``today`` is what was there just before the restores. Returns how many records are not as
    they should be: different, missing, doubled, or touched by a restore that they were no part of."""
    rows = []
    wrong = compared = identical = leftovers = 0
    for each in finished:
        order = each.order
        result = compare(order.expected, filter(order.concerns, after.records[order.resource]))
        doubled, encrypted = _sort_surplus(result)
        leftovers += encrypted
        rows.append(
            (
                order.title,
                count_text(result.compared),
                count_text(result.identical),
                count_text(len(result.different)),
                count_text(doubled),
            )
        )
        wrong += len(result.different) + doubled
        compared += result.compared
        identical += result.identical
        for sentence in result.different[:_MOST_SHOWN]:
            narrator.say(f"Not as it was: {sentence}", "bold red")
    narrator.table(("restored", "compared", "identical", "different", "doubled"), rows)
    touched = _touched(finished, today, after)
    untouched = sum(len(records) for records in today.records.values()) - len(touched)
    for sentence in touched[:_MOST_SHOWN]:
        narrator.say(f"Touched, though nobody asked for it: {sentence}", "bold red")
    narrator.say(f"Everything else: {counted(untouched, 'record')} as people left them, {len(touched)} touched.")
    if leftovers:
        narrator.say(
            f"Beside the restored files lie {counted(leftovers, 'file')} of the attack (the note and {RANSOM_ENDING} "
            "names): a restore deletes nothing that it does not know."
        )
    wrong += len(touched)
    narrator.say(
        f"Compared {count_text(compared)}, identical {count_text(identical)}, different {count_text(wrong)}",
        "bold red" if wrong else "bold green",
    )
    return wrong


def _sort_surplus(result: Comparison) -> tuple[int, int]:
    """How many records are there twice, and how many are what the attack left."""
    names = [str(record.get("path", "")) for record in result.surplus]
    encrypted = sum(name.endswith((RANSOM_ENDING, RANSOM_NOTE)) for name in names)
    return len(names) - encrypted, encrypted


def _touched(finished: Sequence[FinishedRestore], today: Truth, after: Truth) -> list[str]:
    """What was there just before the restores, lies in no restored place, and is not there any more as it was."""
    touched: list[str] = []
    for resource, records in today.records.items():
        places = [each.order.concerns for each in finished if each.order.resource == resource]
        others = [record for record in records if not any(concerns(record) for concerns in places)]
        touched += compare(others, after.records[resource]).different
    return touched
