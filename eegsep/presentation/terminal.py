"""What commands print: tables that fit, JSON, what came up in a run, and files."""

import typer

from .columns import write


def print_json(document):
    """Print a document as JSON, and nothing else."""
    from eegsep._utils.tables import to_json

    typer.echo(to_json(document))


def as_document(result, files, *tables):
    """Return a study's result as a document: its run, tables and scores, and its files."""
    from eegsep._utils.tables import records as as_records

    records = {name: as_records(getattr(result, name)) for name in (*tables, "scores")}
    return {"run": result.run, **records, "files": {k: str(path) for k, path in files.items()}}


def dataset_heading(dataset, table, run):
    """Say what a table of means is of."""
    n_subjects, metric = table["n_subjects"].iloc[0], table["metric"].iloc[0]
    return (
        f"{dataset}: {metric.replace('_', '-')} × 100, {run['evaluation']}, "
        f"{n_subjects} subject{'' if n_subjects == 1 else 's'}"
    )


def make_console():
    """Make a console on which names are what they are: no markup, no emojis."""
    from rich.console import Console

    return Console(markup=False, emoji=False)


def make_table(title, caption, columns, rows=(), *, bold=lambda row: False, padding=(0, 1)):
    """Make a table whose first column is of names, the others of numbers.

    Columns are those of :func:`eegsep.presentation.columns.write`, or headings alone.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=padding,
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
    )
    for k, column in enumerate(columns):
        heading = column if isinstance(column, str) else column[0]
        table.add_column(heading, justify="right" if k else "left", no_wrap=True)
    for row, cells in zip(rows, write(rows, columns), strict=True):
        table.add_row(*cells, style="bold" if bold(row) else None)
    return table


def print_whole(console, table):
    """Print a table, in a file or a pipe as wide as it is."""
    if not console.is_terminal:  # a file or a pipe has no edge to fit
        wide = console.options.update(max_width=1000)
        console.width = max(console.width, console.measure(table, options=wide).maximum)
    console.print(table)


def print_run(console, run, files, notes=()):
    """Print what was found on disk, what came up, and the files written."""
    from eegsep.datasets.recordings import Failure, group_failures

    if run.get("found_on_disk"):
        console.print(
            f"{run['found_on_disk']} of {run['found_on_disk'] + run['evaluated']} evaluations were "
            "found on disk (--overwrite computes them anew).",
            highlight=False,
        )
    if run.get("evaluated_elsewhere"):
        console.print(
            f"{run['evaluated_elsewhere']} were evaluated meanwhile by another process in the same "
            "folder.",
            highlight=False,
        )
    for where, reason in group_failures([Failure(**each) for each in run["failed"]]):
        console.print(f"left out: {where}: {reason}", style="red", highlight=False)
    for text, n in run["warnings"].items():
        console.print(f"warning ({n}×): {text}", style="yellow", highlight=False)
    for note in notes:
        console.print(note, style="yellow", highlight=False)
    print_files(console, files)


def print_files(console, files):
    """Print where files were written, each on a line that nothing breaks or reads as markup."""
    for path in files.values():
        console.print(str(path), highlight=False, soft_wrap=True, markup=False, emoji=False)
