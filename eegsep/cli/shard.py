"""``--shard``: a share of a study, for arrays of jobs."""

import re
from typing import Annotated

import typer

from eegsep.presentation.terminal import make_console, print_json, print_run

from .refusals import refuse

Shard = Annotated[
    str | None,
    typer.Option(
        help="Compute one of several shares, such as 2/8, and write no tables; `eegsep merge` "
        "joins their folders.",
        metavar="I/N",
    ),
]


def read_shard(text):
    """Read a share such as ``"2/8"`` (tuple of int, or None)."""
    if text is None:
        return None
    parts = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text, re.ASCII)
    if parts is None:
        refuse(f"cannot read the shard {text!r}: write it as 2/8.")
    return int(parts[1]), int(parts[2])


def end_shard(run, as_json):
    """Say what a share of a study came to, and how to go on."""
    number, n_shards = run["shard"]
    if as_json:
        print_json({"run": run})
    else:
        console = make_console()
        console.print(
            f"Shard {number} of {n_shards} is done. After all of them, merge their folders if they "
            "have their own, and ask for the same without --shard.",
            highlight=False,
        )
        print_run(console, run, {})
