"""Names, sentences and paragraphs from a random generator. The same generator always gives the same text."""

import itertools
import random

STAFF = (
    "Anna Lindqvist",
    "Benoît Carpentier",
    "Chiara Rossi",
    "Daan van den Berg",
    "Ewa Wójcik",
    "Farid Haddad",
    "Greta Jørgensen",
    "Hiroko Tanaka",
    "Ioana Popescu",
    "Jürgen Weiß",
    "Kemal Yıldız",
    "Lucía Fernández",
)
PARTNERS = ("Mill & Sons", "Nordlicht Statik", "Atelier Óbidos", "Stadtwerke", "Papadopoulos Bau", "Kovač d.o.o.")
TOPICS = (
    "Harbour bridge: load tables",
    "Angebot Fassade Süd",
    "Minutes of the site meeting",
    "Devis révisé – lot électricité",
    "Delivery of the steel beams",
    "Rechnung und Lieferschein",
    "Fire safety comments",
    "見積もりの件",
    "Change request from the client",
    "Permit: missing drawings",
)
_OPENINGS = (
    "please find",
    "we have checked",
    "as discussed, we need",
    "the client wants",
    "attached is",
    "here is",
)
_SUBJECTS = ("the drawings", "the revised offer", "the load tables", "the minutes", "the invoice", "the schedule")
_PLACES = ("of the south facade", "for the harbour bridge", "of the second floor", "for the mill", "of phase two")
_ENDINGS = (
    "by Friday",
    "before the site meeting",
    "as soon as the permit is there",
    "without the changes of last week",
    "in the version of Tuesday",
    "and will call you tomorrow",
)
_SENTENCES = tuple(
    f"{opening.capitalize()} {' '.join(rest)}"
    for opening in _OPENINGS
    for rest in itertools.product(_SUBJECTS, _PLACES, _ENDINGS)
)


def sentence(chance: random.Random) -> str:
    """One sentence, ASCII."""
    return f"{chance.choice(_SENTENCES)}, no. {chance.getrandbits(16)}."


def paragraph(chance: random.Random) -> str:
    """Three to eight sentences."""
    return " ".join(sentence(chance) for _ in range(chance.randint(3, 8)))


def topic(chance: random.Random, number: int) -> str:
    """A subject that occurs once in a mailbox."""
    return f"{chance.choice(TOPICS)} ({number:04d})"
