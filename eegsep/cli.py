"""The commands of ``eegsep``: they read options, call a study, and show and write what it returns.

Heavy libraries are imported inside the commands, so that ``--help`` answers at once.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from . import __version__

app = typer.Typer(
    name="eegsep",
    help="EEGNet done right, and a laboratory for separable convolutions on EEG.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


# What `eegsep benchmark` runs without a dataset: braindecode's networks would take as long again.
_DEMO_PIPELINES = ("EEGNet", "EEGNet-standard", "CSP+LDA", "TS+LR", "FgMDM")


def main():
    """Run the command line."""
    app()


def _show_version(value):
    if value:
        typer.echo(f"eegsep {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
):
    pass


def parse_subjects(text):
    """Read subjects such as ``"1-12"`` or ``"1,2,7"``.

    Parameters
    ----------
    text : str | None
        Numbers and ranges between commas.

    Returns
    -------
    subjects : list of int | None
        None for None.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if text is None:
        return None
    subjects = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        numbers = range(int(first), int(last if dash else first) + 1)
        if not numbers:
            raise ValueError(f"{part} runs backwards")
        subjects += numbers
    return subjects


@app.command()
def benchmark(
    datasets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATASET...",
            help="MOABB datasets, by class name or code. Without any: the simulated one, whose "
            "sources are known, across its two sessions.",
            show_default=False,
        ),
    ] = None,
    paradigm: Annotated[
        str, typer.Option(help="MOABB paradigm: LeftRightImagery, MotorImagery, ...")
    ] = "LeftRightImagery",
    evaluation: Annotated[
        str | None,
        typer.Option(
            help="WithinSession, CrossSession or CrossSubject (default: WithinSession, but "
            "CrossSession for the simulated dataset).",
            show_default=False,
        ),
    ] = None,
    subjects: Annotated[
        str | None, typer.Option(help="Such as 1-12 or 1,2,7 (default: all).", show_default=False)
    ] = None,
    pipelines: Annotated[
        list[str] | None,
        typer.Option(
            help="Names with commas between, a YAML file, or a folder of them; may be given more "
            "than once (default: all that are shipped, without a "
            "dataset all but braindecode's).",
            show_default=False,
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder of recordings: what it has is not downloaded (default: MNE's).",
            show_default=False,
        ),
    ] = None,
    fmin: Annotated[
        float | None, typer.Option(help="Low end of the pass band in Hz.", show_default=False)
    ] = None,
    fmax: Annotated[
        float | None, typer.Option(help="High end of the pass band in Hz.", show_default=False)
    ] = None,
    tmin: Annotated[
        float | None, typer.Option(help="Start of the window in s.", show_default=False)
    ] = None,
    tmax: Annotated[
        float | None, typer.Option(help="End of the window in s.", show_default=False)
    ] = None,
    resample: Annotated[float, typer.Option(help="Sampling rate in Hz; 0 leaves it.")] = 128.0,
    n_jobs: Annotated[int, typer.Option(help="Processes; -1 for one a core.")] = -1,
    seed: Annotated[int, typer.Option(help="Seed of folds and networks.")] = 42,
    seeds: Annotated[
        int,
        typer.Option(
            min=1,
            help="Train eegsep's networks with this many seeds on the same folds, and average. "
            "Everything else runs once.",
        ),
    ] = 1,
    max_epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Epochs of every network, for a quick look.", show_default=False),
    ] = None,
    output: Annotated[
        Path, typer.Option(help="Folder for scores and pictures; a run that stopped goes on there.")
    ] = Path("results/benchmark"),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Forget the scores in the output folder first.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the results as JSON, and nothing else.")
    ] = False,
):
    """Compare pipelines on MOABB datasets: a table, and pictures.

    Runs every pipeline on every subject under MOABB's evaluation and scoring.
    """
    from .datasets.recordings import RequestError

    try:
        chosen = parse_subjects(subjects)
    except ValueError:
        _refuse(f"cannot read the subjects {subjects!r}: write them as 1-12 or 1,2,7.")
    if pipelines is not None:
        pipelines = [name.strip() for item in pipelines for name in item.split(",")]
    simulated = not datasets
    notes = []
    if simulated and pipelines is None:
        pipelines = list(_DEMO_PIPELINES)
        notes.append(
            "braindecode's networks are left out here to save time; --pipelines adds them, as in "
            "--pipelines EEGNet,braindecode-EEGNet."
        )
    if evaluation is None:
        evaluation = "CrossSession" if simulated else "WithinSession"

    with _Progress() as progress:
        progress.stage("loading libraries")
        from .studies.benchmark import benchmark as run

        try:
            result = run(
                ["SimulatedMotorImagery"] if simulated else datasets,
                output=output,
                pipelines=pipelines,
                paradigm=paradigm,
                evaluation=evaluation,
                subjects=chosen,
                data_dir=data_dir,
                fmin=fmin,
                fmax=fmax,
                tmin=tmin,
                tmax=tmax,
                resample=resample or None,
                seed=seed,
                n_seeds=seeds,
                max_epochs=max_epochs,
                n_jobs=n_jobs,
                overwrite=overwrite,
                progress=progress,
            )
        except RequestError as error:
            progress.stop()
            _refuse(str(error))
        except KeyboardInterrupt:
            progress.stop()
            typer.echo(
                "eegsep: stopped. Scores so far are kept: the same command goes on.", err=True
            )
            raise typer.Exit(130) from None
        progress.stage("drawing")
        files, more_notes = _write_benchmark(result, output)

    if as_json:
        typer.echo(json.dumps(_as_json(result, files), indent=2))
    else:
        _print_benchmark(result, files, notes + more_notes)


@app.command()
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
    from .datasets.recordings import RequestError

    with _Progress(live=False) as progress:
        progress.stage("loading libraries")
        from .studies.speed import speed as run
        from .studies.speed import tables

        try:
            result = run(
                shape,
                measurements=None if measure is None else measure.split(","),
                quick=quick,
                repetitions=repetitions,
                slow_repetitions=slow_repetitions,
                cv_epochs=cv_epochs,
                n_jobs=n_jobs,
                memmap_trials=memmap_trials,
                progress=progress,
            )
        except RequestError as error:
            progress.stop()
            _refuse(str(error))
    files = {} if output is None else result.save(output)
    if as_json:
        typer.echo(json.dumps(result.as_dict(), indent=2))
        return
    from rich.console import Console

    console = Console()
    for item in tables(result):
        console.print(item, highlight=False)
    for path in files.values():
        console.print(str(path), highlight=False, soft_wrap=True)


def _refuse(message):
    typer.echo(f"eegsep: {message}", err=True)
    raise typer.Exit(2)


def _write_benchmark(result, output):
    """Write tables and pictures; return the files by name, and what there is to be said."""
    from . import plots
    from .datasets.recordings import RequestError
    from .inspection import spatial_patterns

    files, notes = result.save(output), []
    figure = plots.plot_scores(result.scores, result.summary)
    files["scores_picture"] = output / "scores.png"
    plots.save(figure, files["scores_picture"])
    try:
        refit = result.refit()
        title = (
            f"{refit.pipeline} on all trials of {refit.dataset}, subject {refit.subject}"
            f" ({len(refit.epochs)} trials)"
        )
        patterns = spatial_patterns(refit.classifier, refit.epochs)
        figure = plots.plot_maps(refit.classifier, patterns, title=title)
    except (RequestError, ValueError) as error:
        notes.append(f"no scalp maps: {error}")
    else:
        files["maps_picture"] = output / "maps.png"
        plots.save(figure, files["maps_picture"])
    return files, notes


def _as_json(result, files):
    records = {
        name: json.loads(getattr(result, name).to_json(orient="records"))
        for name in ("summary", "scores")
    }
    return {"run": result.run, **records, "files": {k: str(path) for k, path in files.items()}}


def _print_benchmark(result, files, notes):
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    run = result.run
    percent = "{:.1f}".format
    reference = result.summary["reference"].iloc[0]
    for dataset, part in result.summary.groupby("dataset", sort=False):
        n_subjects = part["n_subjects"].iloc[0]
        metric = part["metric"].iloc[0].replace("_", "-")
        table = Table(
            box=SIMPLE_HEAD,
            pad_edge=False,
            title=f"{dataset}: {metric} × 100, {run['evaluation']}, "
            f"{n_subjects} subject{'' if n_subjects == 1 else 's'}",
            caption=f"mean ± sd over subjects; paired difference to {reference}, p from MOABB's "
            f"paired test, two-sided; chance {percent(100 * part['chance'].iloc[0])}",
            title_justify="left",
            caption_justify="left",
        )
        table.add_column("pipeline", no_wrap=True)
        for heading in ("seeds", "score", f"− {reference}", "p", "s/fit"):
            table.add_column(heading, justify="right", no_wrap=True)
        for row in part.to_dict("records"):
            is_reference = row["pipeline"] == reference
            difference = "" if is_reference else f"{100 * row['difference']:+.1f}"
            if row["difference_sd"] == row["difference_sd"] and difference:
                difference += f" ± {percent(100 * row['difference_sd'])}"
            table.add_row(
                escape(row["pipeline"]),
                str(row["n_seeds"]),
                percent(100 * row["mean"])
                + ("" if row["sd"] != row["sd"] else f" ± {percent(100 * row['sd'])}"),
                difference,
                "" if row["p"] != row["p"] else f"{row['p']:.2g}",
                f"{row['time']:.2f}",
                style="bold" if is_reference else None,
            )
        if not console.is_terminal:  # a file or a pipe has no edge to fit
            wide = console.options.update(max_width=1000)
            console.width = max(console.width, console.measure(table, options=wide).maximum)
        console.print(table)
    if run["max_epochs"] is not None:
        console.print(f"every network with {run['max_epochs']} epochs only (--max-epochs)")
    if run["found_on_disk"]:
        console.print(
            f"{run['found_on_disk']} of {run['found_on_disk'] + run['evaluated']} evaluations were "
            "found on disk (--overwrite computes them anew).",
            highlight=False,
        )
    for text, n in run["warnings"].items():
        console.print(f"warning ({n}×): {escape(text)}", style="yellow", highlight=False)
    for note in notes:
        console.print(escape(note), style="yellow", highlight=False)
    for path in files.values():
        console.print(str(path), highlight=False, soft_wrap=True)


class _Progress:
    """A bar on stderr: stages, what was last done, and the time left.

    A live one is redrawn all the time, which would disturb what measures times.
    """

    def __init__(self, *, live=True):
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[label]}", style="dim"),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
            auto_refresh=live,
            speed_estimate_period=1e6,  # steps differ: networks take long, the rest is quick
        )
        self._task = None

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *_):
        self._bar.stop()

    def stop(self):
        """Take the bar off the screen."""
        self._bar.stop()

    def stage(self, description, total=None, completed=0):
        """Begin a stage of so many steps, of which some are done."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(description, total=total, label="")
        self._bar.update(self._task, completed=completed)

    def __call__(self, stage, done, total, label):
        """Follow a study: its ``progress`` callback."""
        if not label:
            names = {"read": "reading subjects", "fit": "evaluating"}
            self.stage(names.get(stage, stage), total, done)
        self._bar.update(self._task, completed=done, label=label, refresh=True)


if __name__ == "__main__":
    sys.exit(main())
