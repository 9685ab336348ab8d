"""Options of recordings in files, for commands that take them: their markers, unit and rate."""

from typing import Annotated

import typer

from .refusals import refuse

Markers = Annotated[
    str | None,
    typer.Option(
        help="Where markers are: a channel of codes, or a file of events (-eve.fif, or a table "
        "with onset and trial_type). Default: annotations, or else the channel of triggers.",
        metavar="CHANNEL|FILE",
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(
        help="What the numbers in the file are: V, mV, µV or nV (default: what its format says; "
        "tables do not)."
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(help="Sampling rate of a table (CSV) in Hz."),
]


def read_events(text, *, classes_needed):
    """Read markers such as ``"left=T1,right=T2"``, or ``"T1,T2"`` where classes may be left open.

    Returns classes by the text of the marker, None where they are open; None for no text.
    """
    if text is None:
        return None
    events = {}
    for part in text.split(","):
        name, equals, marker = part.partition("=")
        name, marker = name.strip(), (marker if equals else name).strip()
        if not name or not marker or (classes_needed and not equals):
            hint = "left=T1,right=T2" + ("" if classes_needed else " or T1,T2")
            refuse(f"cannot read the events {text!r}: write them as {hint}.")
        if marker in events:
            refuse(f"the marker {marker!r} comes twice in the events: name it once.")
        events[marker] = name if equals else None
    known = [name is not None for name in events.values()]
    if any(known) and not all(known):
        refuse(f"cannot read the events {text!r}: give each marker a class, or none of them.")
    return events
