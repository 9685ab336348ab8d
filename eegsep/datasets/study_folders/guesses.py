"""What can be known of trials without being told: paradigms and classes by their usual names.

And by the durations of events, how long trials are.
"""

import re

# Usual names of markers, bare of case and punctuation, and what MOABB calls these classes.
_IMAGERY = {
    "lefthand": "left_hand",
    "righthand": "right_hand",
    "leftfist": "left_hand",
    "rightfist": "right_hand",
    "feet": "feet",
    "bothfeet": "feet",
    "tongue": "tongue",
    "hands": "hands",
    "bothhands": "hands",
}
_P300 = {"target": "Target", "nontarget": "NonTarget"}
# Words in the name of a BIDS task, by paradigm.
_TASKS = {
    "ssvep": ("ssvep",),
    "cvep": ("cvep",),
    "p300": ("p300", "oddball", "speller"),
    "imagery": ("imagery", "motor"),
    "rstate": ("rest", "sleep"),
}
# In seconds: what is shorter is a marker and not a trial, and how long a trial is taken to be.
_SHORTEST_TRIAL, _LONGEST_TRIAL = 0.1, 4.0
_LENGTHS = {"p300": 1.0}


def guess_classes(texts, task=""):
    """Guess the paradigm, and which markers are of which class, also by the name of the task.

    The paradigm is None, and the classes by marker are empty, where they cannot be told.
    """
    bare = {text: re.sub(r"[^a-z0-9.]", "", text.casefold()) for text in texts}
    paradigms = [name for name, words in _TASKS.items() if any(w in task.casefold() for w in words)]
    for paradigm, names in (("p300", _P300), ("imagery", _IMAGERY)):
        classes = {text: names[name] for text, name in bare.items() if name in names}
        if len(set(classes.values())) > 1:
            return paradigm, classes
    if paradigms[:1] == ["ssvep"] or paradigms[:1] == ["imagery"] or paradigms[:1] == ["rstate"]:
        return paradigms[0], {text: text for text in texts} if len(texts) > 1 else {}
    return (paradigms[0] if paradigms else None), {}


def guess_window(paradigm, durations, shortest_gap):
    """Guess how long trials are, by the durations of their markers and the least gap between two.

    All is in seconds. Returns the window from the marker on, None where it cannot be told, and
    whether durations say so.
    """
    if len(durations) and min(durations) >= _SHORTEST_TRIAL:
        return (0.0, round(float(min(durations)), 3)), True
    if paradigm in _LENGTHS:
        return (0.0, _LENGTHS[paradigm]), False
    if shortest_gap is not None and shortest_gap >= _SHORTEST_TRIAL:
        # rounded down, to a tenth
        return (0.0, min(_LONGEST_TRIAL, int(10 * shortest_gap + 1e-6) / 10)), False
    return None, False
