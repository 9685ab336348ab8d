"""``eegsep report``: the page of a study, made anew from its folder."""

from pathlib import Path
from typing import Annotated

import typer

from eegsep._utils.shown import shown

from .progress import Progress
from .refusals import in_one_line


@in_one_line(stopped="")
def report(
    folder: Annotated[
        Path, typer.Argument(help="Output folder of a benchmark, an ablation or an inspection.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="The page (default: report.html in the folder)."),
    ] = None,
):
    """Write a study as one HTML page, which opens offline in any browser."""
    with Progress() as progress:
        from eegsep.presentation.page import report as write

        progress.stage("writing")
        file = write(folder, output)
    typer.echo(shown(str(file)))
