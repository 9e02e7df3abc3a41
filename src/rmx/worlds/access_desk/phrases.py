"""How requests are worded: people, places, purposes, and each fact plainly or indirectly."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CLOSERS", "DEPARTMENTS", "FACTS", "FRAMES", "NAMES", "PLACES", "PURPOSES"]

PLACES = (
    "the server room",
    "the tape archive",
    "the clean lab",
    "the roof deck",
    "the cash vault",
    "the loading dock",
    "the map cellar",
    "the boiler house",
)
"""All of three words, so that the place has no bearing on an answer's length."""

NAMES = (
    *("Ada", "Amir", "Bela", "Boris", "Carla", "Chen", "Dara", "Diego", "Elif", "Emil", "Farah", "Frida"),
    *("Goran", "Greta", "Hana", "Hugo", "Ines", "Ivan", "Jana", "Joel", "Kavya", "Karl", "Lena", "Luis"),
    *("Maya", "Milan", "Nadia", "Nils", "Olga", "Omar", "Petra", "Pavel", "Rosa", "Rafi", "Sanna", "Stefan"),
)

DEPARTMENTS = (
    *("payroll", "logistics", "legal", "design", "catering", "marketing", "research", "procurement", "finance"),
    *("maintenance", "telephony", "planning", "translation", "quality", "exports", "insurance", "recruiting"),
    *("printing", "statistics", "fleet", "gardening", "archives", "travel", "facilities"),
)

PURPOSES = (
    *("to swap a broken disk", "to collect two crates", "to read the water meter", "to hang a new lamp"),
    *("to meet a supplier", "to count old folders", "to film a short clip", "to repair the left door"),
    *("to fetch a spare cable", "to measure the floor", "to clean the air filters", "to show our trainees around"),
    *("to label some boxes", "to test a sensor", "to pick up my coat", "to water several plants"),
    *("to paint the far wall", "to move three chairs", "to photograph an invoice", "to install one printer"),
    *("to look for leaks", "to return borrowed tools", "to update the wall chart", "to deliver fresh towels"),
    *("to empty both bins", "to check every fuse", "to sketch an escape plan", "to replace worn hinges"),
    *("to weigh a parcel", "to scan old passports", "to tune the radio mast", "to oil squeaky wheels"),
    *("to hide a birthday cake", "to record bird song", "to sort loose screws", "to hand over a ladder"),
    *("to inspect cracked tiles", "to borrow the projector", "to wrap fragile vases", "to draw a cable map"),
    *("to rescue my umbrella", "to unpack new shelves", "to catch a mouse", "to wind the big clock"),
    *("to stack spare pallets", "to wipe the whiteboard", "to compare serial numbers", "to fit longer curtains"),
    *("to rehearse my talk", "to seal six envelopes", "to align two cameras", "to mark emergency exits"),
    *("to polish brass plates", "to drain an old tank", "to feed the office cat", "to gather stray pens"),
)

FRAMES = (
    "{name} from {department}. Please let me into {place} {purpose}.",
    "{name}, {department}: can I enter {place} {purpose}?",
    "I am {name} in {department} and need {place} {purpose}.",
    "Please open {place} for {name}, {department}, {purpose}.",
    "May I go into {place} {purpose}? {name}, {department}.",
    "This is {name} of {department}. Could you unlock {place} for me {purpose}?",
    "{name} ({department}) would like a key to {place}, {purpose}.",
    "Kindly let {name}, {department} staff, pass into {place} {purpose}.",
)

CLOSERS = (
    "Thanks a lot.",
    "Many thanks.",
    "Sorry for the rush.",
    "Best wishes.",
    "Hope you are well.",
)
"""Say nothing; a third of all requests end with one."""

FACTS: Mapping[tuple[str, bool], tuple[tuple[str, ...], tuple[str, ...]]] = {
    ("badge", True): (
        ("My badge is active.", "My badge works at every gate.", "I hold a valid badge.", "My badge was just renewed."),
        ("The gates still turn green for me.", "I came through the main gate with no fuss."),
    ),
    ("badge", False): (
        (
            "My badge is suspended.",
            "My badge was revoked.",
            "Security has blocked my badge.",
            "My badge got cancelled.",
        ),
        ("The gates turn red for me since the audit.", "Security took the card off me last week."),
    ),
    ("training", True): (
        (
            "I have passed the safety course.",
            "My safety certificate is on file.",
            "The safety course is behind me.",
            "I completed the safety training.",
        ),
        ("The instructor signed me off in spring.", "I sat the test and got full marks."),
    ),
    ("training", False): (
        (
            "I have not taken the safety course.",
            "My safety certificate is missing.",
            "The safety course is still ahead of me.",
            "I skipped the safety training.",
        ),
        ("The instructor has yet to meet me.", "I keep putting the test off."),
    ),
    ("hours", True): (
        (
            "I come at ten in the morning.",
            "I come on Tuesday afternoon.",
            "I come during office hours.",
            "I come on a workday at noon.",
        ),
        ("I come right after lunch.", "I come when the canteen opens."),
    ),
    ("hours", False): (
        (
            "I come at three at night.",
            "I come late on Sunday night.",
            "I come outside office hours.",
            "I come at midnight.",
        ),
        ("I come once everybody has left.", "I come while the town sleeps."),
    ),
    ("signature", True): (
        (
            "My manager has signed the form.",
            "The form carries the signature.",
            "The signed form is with you.",
            "My manager approved it in writing.",
        ),
        ("You will find the boss's name under the form.", "The boss put pen to paper for this."),
    ),
    ("signature", False): (
        (
            "My manager has not signed the form.",
            "The form lacks the signature.",
            "The form is unsigned.",
            "My manager did not approve it in writing.",
        ),
        ("The line for the boss's name is empty.", "The boss never put pen to paper for this."),
    ),
}
"""(check, passed) -> plain wordings and indirect ones; indirect ones avoid the words that plainly name the matter."""
