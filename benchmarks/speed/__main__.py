"""Time and memory of eegsep, its published order, braindecode and classical pipelines.

    python -m benchmarks.speed --measure epoch,latency --quick     # from the repository's root

All on this machine's CPU, on noise, in one run: in each repetition every contender has its turn,
each time beginning with another, so that what slows the machine slows them all. braindecode's
EEGNet has the same architecture, batch, learning rate and epochs in its own ``EEGClassifier``, with
Adam, no validation split and no dropped batch, on all of torch's threads.
"""

import os
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from eegsep.cli.progress import Progress
from eegsep.cli.refusals import in_one_line
from eegsep.presentation.terminal import print_files


@in_one_line(stopped="")
def main(
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
    n_jobs: Annotated[int, typer.Option(min=1, help="Processes of the cross-validation.")] = 2,
    memmap_trials: Annotated[
        int,
        typer.Option(min=0, help="Also fit on this many trials that stay on disk, such as 20000."),
    ] = 0,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the tables.", show_default=False)
    ] = None,
):
    """Measure speed and memory on this machine, beside braindecode and classical pipelines.

    Wants a machine that does nothing else meanwhile.
    """
    # the processes of joblib too keep MNE's chatter and deprecations in libraries to themselves
    os.environ.update(MNE_LOGGING_LEVEL="ERROR", PYTHONWARNINGS="ignore::FutureWarning")
    warnings.simplefilter("ignore", FutureWarning)
    with Progress(live=False) as progress:
        from rich.console import Console

        from eegsep._utils.tables import make_folder, save_tables

        from .plan import make_plan
        from .run import prepare, speed
        from .tables import tables

        plan = make_plan(
            quick,
            repetitions=repetitions,
            slow_repetitions=slow_repetitions,
            cv_epochs=cv_epochs,
            n_jobs=n_jobs,
            memmap_trials=memmap_trials,
        )
        shapes, kinds = prepare(shape, None if measure is None else measure.split(","), plan)
        if output is not None:
            make_folder(output)
        result = speed(shapes, kinds, plan, progress)
    console = Console()
    for table in tables(result):
        console.print(table, highlight=False)
    if output is not None:
        frames = {each.name: getattr(result, each.name) for each in fields(result)}
        run = frames.pop("run")
        print_files(console, save_tables(output, frames, "speed", run))


if __name__ == "__main__":
    typer.run(main)
