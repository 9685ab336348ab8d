"""The error of a request that cannot be met, in one line that says what to do."""

import difflib
import re


class RequestError(ValueError):
    """What was asked for does not exist here. The text is one line that says what to do."""


def in_a_line(text):
    """Bring an error, or another text that may have been laid out, into a line (str)."""
    return " ".join(str(text).split())


def look_up(kind, name, choices):
    """Return the choice that a name stands for, whatever its case and punctuation.

    ``kind`` is what it is, such as ``"dataset"``, in the RequestError where there is none such,
    which suggests names that look alike.
    """
    by_key = {bare_name(known): known for known in choices}
    if bare_name(name) in by_key:
        return choices[by_key[bare_name(name)]]
    close = difflib.get_close_matches(bare_name(name), by_key, n=3, cutoff=0.6)
    if close:
        hint = f"Did you mean {' or '.join(by_key[key] for key in close)}?"
    elif len(choices) <= 12:
        hint = f"There are: {', '.join(choices)}."
    else:
        hint = "See https://moabb.neurotechx.com for all of MOABB's."
    raise RequestError(f"unknown {kind} {name!r}. {hint}")


def bare_name(name):
    return re.sub(r"[^a-z0-9]", "", name.casefold())
