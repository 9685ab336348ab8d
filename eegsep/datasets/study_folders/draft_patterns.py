"""Guess which parts of recordings' paths are subject, session and run, by words and by what varies.

A guess that is wrong is seen in the draft, and put right there.
"""

import re

from .entries import suffix_of
from .patterns import FIELDS, compile_pattern

_DATE = r"(?:19|20)\d\d[-._]?\d\d[-._]?\d\d(?:[-_.T ]+\d\d[-._:]?\d\d(?:[-._:]?\d\d)?)?"
_TOKENS = re.compile(rf"(?P<date>{_DATE})|(?P<number>\d+)|(?P<word>[^\W\d_]+)|(?P<other>(?s:.))")
# What stands before a number or name, by what it then is.
_WORDS = {
    "subject": ["sub", "subj", "subject", "s", "p", "vp", "participant", "patient", "pilot", "id"],
    "session": ["ses", "sess", "session", "day", "visit", "d"],
    "run": ["run", "r", "block", "recording", "rec", "part"],
}
_MOST_PATTERNS = 4


def guess_patterns(paths):
    """Guess patterns of recordings' paths below the study's folder.

    There is none where paths have too little in common.
    """
    groups = {}
    for path in paths:
        tokens = [(match.lastgroup, match[0]) for match in _TOKENS.finditer(path)]
        shape = tuple(text if kind == "other" else kind for kind, text in tokens)
        groups.setdefault((suffix_of(path), shape), []).append(tokens)
    patterns = [_pattern(tokens) for tokens in groups.values()]
    return patterns if len(patterns) <= _MOST_PATTERNS else []


def _pattern(paths):
    """Guess the pattern of paths that are made alike."""
    columns = [[text for _, text in column] for column in zip(*paths, strict=True)]
    kinds = [kind for kind, _ in paths[0]]
    n_folders = max((k for k, text in enumerate(columns) if text[0] == "/"), default=-1)
    fields, values, pending = {}, {}, []
    for k, column in enumerate(columns):
        varies = len(set(column)) > 1
        hinted = _hint(columns, kinds, k)
        if not varies and (hinted is None or len(_before(columns, kinds, k)) < 3):
            continue
        same = [name for name, known in values.items() if known == column]
        if same and varies:
            fields[k] = same[0]
        elif hinted is not None and hinted not in values:
            fields[k], values[hinted] = hinted, column
        elif hinted is not None and values[hinted] == column:
            fields[k] = hinted
        elif varies:
            pending.append(k)
    for k in pending:
        column = columns[k]
        # two that are left, as in anna_mon_1.edf: what comes first is the longer
        is_last = all(columns[later] == column for later in pending if later >= k)
        order = ["run", "session"] if k > n_folders and is_last else ["session", "run"]
        if kinds[k] != "date":
            order.insert(0, "subject")
        same = [name for name, known in values.items() if known == column]
        free = [name for name in order if name not in values]
        fields[k] = (same or free or ["*"])[0]
        values.setdefault(fields[k], column)
    return "".join(
        text[0] if k not in fields else "*" if fields[k] == "*" else f"{{{fields[k]}}}"
        for k, text in enumerate(columns)
    )


def _before(columns, kinds, k):
    """Return the word before a part of a path, with a dash or so between (str)."""
    k -= 1
    if k >= 0 and kinds[k] == "other" and columns[k][0] in "-_. ":
        k -= 1
    return columns[k][0].casefold() if k >= 0 and kinds[k] == "word" else ""


def _hint(columns, kinds, k):
    if kinds[k] == "other":
        return None
    before = _before(columns, kinds, k)
    return next((name for name, words in _WORDS.items() if before in words), None)


def guess_marker_files(paths, recordings, patterns):
    """Guess the pattern of files of events that lie beside recordings, of which ``patterns`` are.

    It is None where not each recording has such a file.
    """
    there = set(paths)
    if len(patterns) != 1 or not recordings:
        return None
    first = recordings[0]
    base = re.sub(r"([-_](raw|eeg))?(\.[A-Za-z]+)+$", "", first)
    tail = first[len(base) :]
    ends = [path[len(base) :] for path in paths if path.startswith(base) and path != first]
    for end in ends:
        if not re.fullmatch(r"[-_.]?(eve|events?|markers?)(\.[A-Za-z]+)+", end):
            continue
        if all(path.endswith(tail) and path[: -len(tail)] + end in there for path in recordings):
            return patterns[0].removesuffix(tail) + end
    return None


def is_marker_file(path):
    """Tell by its name whether a file holds events, whatever its format (bool)."""
    return re.search(r"[-_.](eve|events?|markers?)(\.[A-Za-z]+)+$", path) is not None


def what_varies(patterns):
    """Tell which of the fields patterns have (list of str)."""
    names = {name for pattern in patterns for name in compile_pattern(pattern).groupindex}
    return [name for name in FIELDS if name in names]
