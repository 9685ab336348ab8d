"""``eegsep study``: a folder of recordings of one's own, described and checked."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from eegsep._utils.shown import shown
from eegsep.presentation.terminal import make_console, print_json, print_whole

from .options import Json, Replace
from .progress import Progress
from .refusals import in_one_line

study = typer.Typer(
    help="Describe and check recordings of your own: init, then check, then benchmark.",
    no_args_is_help=True,
)


@study.command()
@in_one_line(stopped="")
def init(
    folder: Annotated[
        Path, typer.Argument(help="Folder of recordings: EDF, BDF, BrainVision, SET, FIF or CSV.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="The file to write (default: study.yml in the folder)."),
    ] = None,
    overwrite: Replace = False,
):
    """Look at a folder of recordings, and write a study.yml with what is found.

    What is left to write is listed. A folder in BIDS needs no such file, unless it is said so.
    """
    with Progress() as progress:
        from eegsep.datasets.study_folders import draft_study

        file, left = draft_study(folder, output, overwrite=overwrite, progress=progress)
    typer.echo(shown(str(file)))
    for line in left:
        typer.echo(shown(f"  to write: {line}"))
    where = folder if output is None else output
    typer.echo(shown(f"then: eegsep study check {shlex.quote(str(where))}"))


@study.command()
@in_one_line(stopped="")
def check(
    path: Annotated[
        Path, typer.Argument(help="Folder with a study.yml, such a file, or a BIDS folder.")
    ],
    as_json: Json = False,
):
    """Read all recordings of a study, and list subjects, sessions, runs, and trials of each class.

    A recording that cannot be used is named, with what to write: the exit status is 3 then.
    """
    with Progress() as progress:
        from collections import Counter

        from eegsep._utils.logs import by_text, quiet
        from eegsep.datasets import study as find
        from eegsep.datasets.study_folders import list_contents

        found: Counter = Counter()
        with quiet(found):
            dataset = find(path)
        table, caught = list_contents(dataset, progress)
        warned = by_text(found + caught)
    if as_json:
        from eegsep._utils.tables import records

        print_json({"recordings": records(table), "warnings": warned})
    else:
        _print_contents(dataset, table, warned)
    if any(table["problem"]):
        raise typer.Exit(3)


def _print_contents(dataset, table, warned):
    from eegsep.presentation.terminal import make_table

    console = make_console()
    start, end = dataset.interval
    title = (
        f"{dataset.code}: {len(dataset.subject_list)} subjects, {len(table)} recordings, "
        f"{dataset.default_paradigm}, trials from {start:g} to {end:g} s"
    )
    columns = [name for name in table if name not in ("problem", "file")]
    listing = make_table(title, None, [*columns, "file"])
    for row in table.to_dict("records"):
        if not row["problem"]:
            listing.add_row(*(_write(row[name]) for name in columns), row["file"])
    print_whole(console, listing)
    for row in table.to_dict("records"):
        if row["problem"]:
            text = f"left out: subject {row['subject']}, {row['file']}: {row['problem']}"
            console.print(text, style="red", highlight=False, soft_wrap=True)
    for text, n in warned.items():
        console.print(f"warning ({n}×): {text}", style="yellow", highlight=False, soft_wrap=True)


def _write(value):
    return f"{value:g}" if isinstance(value, float) else str(value)
