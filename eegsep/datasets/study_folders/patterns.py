"""Patterns of paths, such as ``sub{subject}/run{run}.edf``: what matches, and with which labels.

Nothing but ``{subject}``, ``{session}``, ``{run}`` and ``*`` has a meaning; brackets have none.
"""

import difflib
import re

FIELDS = ("subject", "session", "run")
_FIELDS_AND_STARS = re.compile(r"(\{[^{}]*\}|\*)")


def compile_pattern(pattern):
    """Make a regular expression of a pattern, with a group for each field.

    The pattern is a path with ``/``, in which a field stands for a part of a file's or folder's
    name, the same wherever it stands, and ``*`` for anything but ``/``. Another field is a
    ValueError.
    """
    parts, known = [], set()
    for part in _FIELDS_AND_STARS.split(pattern):
        if part == "*":
            parts.append("[^/]*")
        elif part.startswith("{"):
            name = part[1:-1]
            if name not in FIELDS:
                close = difflib.get_close_matches(name, FIELDS, n=1)
                hint = (
                    f"did you mean {{{close[0]}}}" if close else "write {subject}, {session}, {run}"
                )
                raise ValueError(f"{pattern} has the unknown {part}: {hint} or *")
            parts.append(f"(?P={name})" if name in known else f"(?P<{name}>[^/]+?)")
            known.add(name)
        else:
            parts.append(re.escape(part))
    return re.compile("".join(parts))


def fill_pattern(pattern, labels):
    """Make a regular expression of a pattern and labels by field.

    One path matches it, unless there is a ``*``. A field that has no label is a ValueError.
    """
    for name in re.findall(r"\{([^{}]*)\}", pattern):
        if labels.get(name) is None:
            raise ValueError(f"{pattern} has {{{name}}}, which the pattern of the files has not")
    return re.compile(
        "".join(
            "[^/]*" if part == "*" else re.escape(labels[part[1:-1]] if part[:1] == "{" else part)
            for part in _FIELDS_AND_STARS.split(pattern)
        )
    )


def natural_key(text):
    """Return what texts are sorted by so that 10 comes after 9 (list)."""
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
