"""``eegsep speed``: times and memory on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from eegsep.presentation.terminal import print_files, print_json

from .progress import Progress
from .refusals import in_one_line


@in_one_line(stopped="")
def speed(
    shape: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CxTxK[xN]",
            help="Channels, samples, kernel length and perhaps trials, as in 64x480x80x90; may be "
            "given more than once (default: four common ones).",
            show_default=False,
        ),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(
            help="Names with commas between: matmul, step, latency, epoch, memory, growth, "
            "cross-validation (default: all).",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A look in minutes; too few repetitions for a table.")
    ] = False,
    repetitions: Annotated[
        int | None, typer.Option(min=1, help="Turns of each contender.", show_default=False)
    ] = None,
    slow_repetitions: Annotated[
        int | None,
        typer.Option(
            min=1, help="Turns in memory, growth and cross-validation.", show_default=False
        ),
    ] = None,
    cv_epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Epochs of a fit in the cross-validation.", show_default=False),
    ] = None,
    n_jobs: Annotated[int, typer.Option(help="Processes of the cross-validation.")] = 2,
    memmap_trials: Annotated[
        int,
        typer.Option(min=0, help="Also fit on this many trials that stay on disk, such as 20000."),
    ] = 0,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the tables.", show_default=False)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the results as JSON, and nothing else.")
    ] = False,
):
    """Measure speed and memory on this machine, beside braindecode and classical pipelines.

    Wants a machine that does nothing else meanwhile.
    """
    with Progress(live=False) as progress:
        progress.stage("loading libraries")
        from eegsep.presentation.speed import tables
        from eegsep.studies.speed import speed as run

        result = run(
            shape,
            measurements=None if measure is None else measure.split(","),
            quick=quick,
            repetitions=repetitions,
            slow_repetitions=slow_repetitions,
            cv_epochs=cv_epochs,
            n_jobs=n_jobs,
            memmap_trials=memmap_trials,
            output=output,
            progress=progress,
        )
    files = {} if output is None else result.save(output)
    if as_json:
        print_json(result.as_dict())
        return
    from rich.console import Console

    console = Console()
    for item in tables(result):
        console.print(item, highlight=False)
    print_files(console, files)
