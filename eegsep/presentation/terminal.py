"""What commands print: tables of ``tables.py`` that fit, JSON, what came up in a run, and files."""

import typer


def print_json(document):
    """Print a document as JSON, and nothing else."""
    from eegsep._utils.tables import to_json

    typer.echo(to_json(document))


def as_document(result, files, *tables):
    """Return a study's result as a document: its run, tables, scores, columns, and its files."""
    from eegsep._utils.columns import notes
    from eegsep._utils.tables import records as as_records

    frames = {name: getattr(result, name) for name in (*tables, "scores")}
    columns = notes(dict.fromkeys(column for frame in frames.values() for column in frame))
    document = {"run": result.run, "columns": columns}
    document |= {name: as_records(frame) for name, frame in frames.items()}
    return document | {"files": {k: str(path) for k, path in files.items()}}


def make_console(**settings):
    """Make a rich console on which names are what they are: no markup, emojis or terminal codes."""
    from rich.console import Console

    from eegsep._utils.shown import shown

    class PlainConsole(Console):
        def render_str(self, text, **options):
            return super().render_str(shown(text), **options)

    return PlainConsole(markup=False, emoji=False, **settings)


def make_table(title, caption, headings, *, padding=(0, 1)):
    """Make a rich table without rows, whose first column is of names, the others of numbers."""
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
    for k, heading in enumerate(headings):
        table.add_column(heading, justify="right" if k else "left", no_wrap=True)
    return table


def print_table(console, table, *, padding=(0, 1)):
    """Print a :class:`.tables.Table`."""
    shown = make_table(table.title, table.note, table.headings, padding=padding)
    for row in table.cells:
        shown.add_row(*row, style="bold" if row[0] == table.strong else None)
    print_whole(console, shown)


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
