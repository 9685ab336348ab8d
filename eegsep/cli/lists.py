"""``eegsep list``: what studies can be asked for."""

from enum import StrEnum
from typing import Annotated

import typer

from eegsep.presentation.terminal import make_console, print_json, print_whole

from .progress import Progress
from .refusals import in_one_line


class _Kind(StrEnum):
    DATASETS = "datasets"
    PIPELINES = "pipelines"
    PARADIGMS = "paradigms"


@in_one_line(stopped="")
def list_choices(
    kind: Annotated[_Kind | None, typer.Argument(help="Of what (default: all three).")] = None,
    containing: Annotated[
        str | None,
        typer.Option(help="Only what has this text in a line of it, in upper or lower case."),
    ] = None,
    paradigm: Annotated[
        str | None,
        typer.Option(help="Only datasets and pipelines that this paradigm can use."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the lists as JSON, and nothing else.")
    ] = False,
):
    """List the datasets, pipelines and paradigms that studies can be asked for."""
    with Progress() as progress:
        from eegsep.studies.catalogue import catalogue

        progress.stage("looking")
        tables = catalogue(containing, paradigm=paradigm)
    tables = {name: tables[name] for name in ([kind] if kind else _Kind)}
    if as_json:
        from eegsep._utils.tables import records

        print_json({str(name): records(table) for name, table in tables.items()})
    else:
        _print_catalogue(tables)


def _print_catalogue(tables):
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    console = make_console()
    for name, frame in tables.items():
        table = Table(
            box=SIMPLE_HEAD, pad_edge=False, title=f"{len(frame)} {name}", title_justify="left"
        )
        for column in frame:
            numbers = column in ("subjects", "sessions")
            table.add_column(
                column, justify="right" if numbers else "left", no_wrap=column == "name"
            )
        for row in frame.itertuples(index=False):
            table.add_row(*(_say_value(value) for value in row))
        print_whole(console, table)


def _say_value(value):
    if not isinstance(value, list):
        return str(value)
    return ", ".join(value) if len(value) < 8 else f"{', '.join(value[:5])}, … {len(value)} in all"
