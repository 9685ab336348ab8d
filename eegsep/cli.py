"""The commands of ``eegsep``: they read options, call a study, and show and write what it returns.

Heavy libraries are imported inside the commands, so that ``--help`` answers at once.
"""

import codecs
import errno
import functools
import gc
import math
import os
import re
import sys
import time
from enum import StrEnum
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
_DEMO_PIPELINES = ("EEGNet", "EEGNet-auto", "EEGNet-standard", "CSP+LDA", "TS+LR", "FgMDM")


# What terminals that know no Unicode are shown.
_IN_ASCII = {
    "±": "+/-",
    "−": "-",
    "–": "-",
    "×": "x",
    "·": "*",
    "²": "^2",
    "⁶": "^6",
    "µ": "u",
    "ρ": "rho",
    "≤": "<=",
    "…": "...",
}
# A dataset has fewer subjects, and numbers of them have fewer digits.
_MOST_SUBJECTS, _MOST_DIGITS = 10_000, 9
_NO_MEMORY = re.compile("allocate memory|out of memory")
_SCORES_SO_FAR = "Scores so far are kept: the same command goes on."


def main():
    """Run the command line: what goes wrong inside is a line too, unless it is to be debugged."""
    codecs.register_error("eegsep", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="eegsep")
    try:
        app()
    except Exception as error:
        if os.environ.get("EEGSEP_DEBUG"):
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        typer.echo(
            f"eegsep: unexpected {what.rstrip('.')}. Please report it, with what the same command "
            "shows after EEGSEP_DEBUG=1.",
            err=True,
        )
        sys.exit(1)
    finally:
        # Python's last collection would look at all of the libraries' objects, for a second or more
        gc.freeze()


def _in_ascii(error):
    """Replace what a stream cannot encode (an error handler of codecs)."""
    text = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(character, "?") for character in text), error.end


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
        ends = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part, re.ASCII)
        if not ends or max(len(end or "") for end in ends.groups()) > _MOST_DIGITS:
            raise ValueError(f"{part} is no number of a subject")
        first, last = int(ends[1]), int(ends[2] or ends[1])
        if last < first:
            raise ValueError(f"{part} runs backwards")
        if len(subjects) + last - first >= _MOST_SUBJECTS:
            raise ValueError(f"{part} is more subjects than any dataset has")
        subjects += range(first, last + 1)
    return subjects


# -- options that studies share ------------------------------------------------------------------

_Datasets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DATASET...",
        help="MOABB datasets, by class name or code. Without any: the simulated one, whose "
        "sources are known, across its two sessions.",
        show_default=False,
    ),
]
_Paradigm = Annotated[str, typer.Option(help="MOABB paradigm: LeftRightImagery, MotorImagery, ...")]
_Evaluation = Annotated[
    str | None,
    typer.Option(
        help="WithinSession, CrossSession or CrossSubject (default: WithinSession, but "
        "CrossSession for the simulated dataset).",
        show_default=False,
    ),
]
_Subjects = Annotated[
    str | None, typer.Option(help="Such as 1-12 or 1,2,7 (default: all).", show_default=False)
]
_DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of recordings: what it has is not downloaded (default: MNE's).",
        show_default=False,
    ),
]
_Fmin = Annotated[
    float | None, typer.Option(help="Low end of the pass band in Hz.", show_default=False)
]
_Fmax = Annotated[
    float | None, typer.Option(help="High end of the pass band in Hz.", show_default=False)
]
_Tmin = Annotated[float | None, typer.Option(help="Start of the window in s.", show_default=False)]
_Tmax = Annotated[float | None, typer.Option(help="End of the window in s.", show_default=False)]
_Resample = Annotated[float, typer.Option(help="Sampling rate in Hz; 0 leaves it.")]
_Channels = Annotated[
    str | None,
    typer.Option(help="Electrodes, such as C3,Cz,C4 (default: all).", show_default=False),
]
_MissingChannels = Annotated[
    str,
    typer.Option(
        help="Where recordings that go together have other channels, or bad ones: error leaves out "
        "those that differ, common takes the channels that all have, interpolate fills them in.",
        metavar="error|common|interpolate",
    ),
]
_Reference = Annotated[
    str | None,
    typer.Option(
        help="Reference: the average of all electrodes, or of some such as TP9,TP10 "
        "(default: as recorded).",
        metavar="average|NAMES",
        show_default=False,
    ),
]
_Groups = Annotated[
    str | None,
    typer.Option(
        help="run: test on each run of a session in turn, WithinSession only (default: five folds "
        "of a session's trials).",
        metavar="run",
        show_default=False,
    ),
]
_Jobs = Annotated[int, typer.Option(help="Processes; -1 for one a core.")]
_Seed = Annotated[int, typer.Option(help="Seed of folds and networks.")]
_Output = Annotated[
    Path, typer.Option(help="Folder for scores and pictures; a run that stopped goes on there.")
]
_Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Forget what is in the output folder first.")
]
_MaxEpochs = Annotated[
    int | None,
    typer.Option(min=1, help="Epochs of every network, for a quick look.", show_default=False),
]
_Page = Annotated[
    bool, typer.Option("--report/--no-report", help="End with the page of `eegsep report`.")
]
_Json = Annotated[
    bool,
    typer.Option("--json", help="Print the results as JSON, scores from 0 to 1, and nothing else."),
]
_Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Run whatever a pipeline's file names; else only classifiers and transformers of "
        "known packages load.",
    ),
]


def _in_one_line(stopped=_SCORES_SO_FAR):
    """Make a command tell a refusal, an interruption, a full disk or memory in a line."""

    def decorate(command):
        @functools.wraps(command)
        def run(*args, **kwargs):
            from .datasets.recordings import RequestError

            try:
                return command(*args, **kwargs)
            except RequestError as error:
                _refuse(str(error))
            except BrokenPipeError:
                raise  # whoever reads has seen enough, as typer knows
            except OSError as error:
                _refuse(_say_what_failed(error))
            except (MemoryError, RuntimeError) as error:
                # torch has no error of its own for the memory of a computer
                said = " ".join(str(error).split())
                if not isinstance(error, MemoryError) and not _NO_MEMORY.search(said):
                    raise
                _refuse(f"memory does not suffice ({said or 'no more can be had'}).")
            except KeyboardInterrupt:
                typer.echo(f"eegsep: stopped. {stopped}".rstrip(), err=True)
                raise typer.Exit(130) from None

        return run

    return decorate


@app.command()
@_in_one_line()
def benchmark(
    datasets: _Datasets = None,
    paradigm: _Paradigm = "LeftRightImagery",
    evaluation: _Evaluation = None,
    subjects: _Subjects = None,
    pipelines: Annotated[
        list[str] | None,
        typer.Option(
            help="Names with commas between, a YAML file, or a folder of them; may be given more "
            "than once (default: all that are shipped, without a "
            "dataset all but braindecode's).",
            show_default=False,
        ),
    ] = None,
    data_dir: _DataDir = None,
    fmin: _Fmin = None,
    fmax: _Fmax = None,
    tmin: _Tmin = None,
    tmax: _Tmax = None,
    resample: _Resample = 128.0,
    channels: _Channels = None,
    missing_channels: _MissingChannels = "error",
    eeg_reference: _Reference = None,
    groups: _Groups = None,
    n_jobs: _Jobs = -1,
    seed: _Seed = 42,
    seeds: Annotated[
        int,
        typer.Option(
            min=1,
            help="Train eegsep's networks with this many seeds on the same folds, and average. "
            "Everything else runs once.",
        ),
    ] = 1,
    max_epochs: _MaxEpochs = None,
    trust: _Trust = False,
    output: _Output = Path("results/benchmark"),
    overwrite: _Overwrite = False,
    page: _Page = True,
    as_json: _Json = False,
):
    """Compare pipelines on MOABB datasets: a table, pictures, and a page with all of it.

    Runs every pipeline on every subject under MOABB's evaluation and scoring. What cannot be
    scored is named, and the rest is: the exit status is 3 then, and 2 where nothing can be.
    """
    request = _request(locals())
    if pipelines is not None:
        pipelines = [name for item in pipelines for name in _split_pipelines(item)]
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

        result = run(
            ["SimulatedMotorImagery"] if simulated else datasets,
            output=output,
            pipelines=pipelines,
            trust=trust,
            evaluation=evaluation,
            overwrite=overwrite,
            progress=progress,
            groups=groups,
            **request,
        )
        progress.stage("drawing")
        files, more_notes = _write_benchmark(result, output, page)

    if as_json:
        _print_json(_as_json(result, files, "summary"))
    else:
        _print_benchmark(result, files, notes + more_notes)
    _end(result.run)


@app.command()
@_in_one_line(stopped="")
def report(
    folder: Annotated[
        Path, typer.Argument(help="Output folder of a benchmark, an ablation or an inspection.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="The page (default: report.html in the folder).", show_default=False),
    ] = None,
):
    """Write a study as one HTML page, which opens offline in any browser."""
    with _Progress() as progress:
        progress.stage("loading libraries")
        from .studies.report import report as write

        progress.stage("writing")
        file = write(folder, output)
    typer.echo(str(file))


@app.command()
@_in_one_line()
def ablate(
    datasets: _Datasets = None,
    paradigm: _Paradigm = "LeftRightImagery",
    evaluation: _Evaluation = None,
    subjects: _Subjects = None,
    variants: Annotated[
        str | None,
        typer.Option(
            help="Names with commas between, or parameters of EEGNetClassifier: "
            "joint,spatial=grouped:4+D=4 (default: all there are; the published network is always "
            "among them).",
            show_default=False,
        ),
    ] = None,
    learning_curve: Annotated[
        str | None,
        typer.Option(
            help="Also train on these fractions of the training trials, such as 0.25,0.5.",
            show_default=False,
        ),
    ] = None,
    lr: Annotated[
        str,
        typer.Option(
            help="Learning rate of every variant; of several with commas between, each fit "
            "chooses in three folds of its training trials."
        ),
    ] = "0.003",
    separability: Annotated[
        bool,
        typer.Option(
            "--separability/--no-separability",
            help="Also measure how separable each subject's trials are, and whether that tells "
            "where the published network is ahead.",
        ),
    ] = True,
    data_dir: _DataDir = None,
    fmin: _Fmin = None,
    fmax: _Fmax = None,
    tmin: _Tmin = None,
    tmax: _Tmax = None,
    resample: _Resample = 128.0,
    channels: _Channels = None,
    missing_channels: _MissingChannels = "error",
    eeg_reference: _Reference = None,
    groups: _Groups = None,
    n_jobs: _Jobs = -1,
    seed: _Seed = 42,
    seeds: Annotated[
        int, typer.Option(min=1, help="Seeds of each variant, on the same folds; averaged.")
    ] = 3,
    max_epochs: Annotated[int, typer.Option(min=1, help="Epochs of every fit.")] = 100,
    output: _Output = Path("results/ablation"),
    overwrite: _Overwrite = False,
    as_json: _Json = False,
):
    """Compare EEGNet's separable convolutions with others in their place.

    All variants have the same folds, seeds, epochs and learning rates. What cannot be scored is
    named, and the rest is: the exit status is 3 then, and 2 where nothing can be.
    """
    request = _request(locals())
    simulated = not datasets
    if evaluation is None:
        evaluation = "CrossSession" if simulated else "WithinSession"
    rates = _read_numbers(lr, "learning rates")
    fractions = _read_numbers(learning_curve, "fractions of the learning curve")

    with _Progress() as progress:
        progress.stage("loading libraries")
        from .studies.ablation import ablate as run

        result = run(
            ["SimulatedMotorImagery"] if simulated else datasets,
            output=output,
            variants=None if variants is None else [v.strip() for v in variants.split(",")],
            learning_curve=fractions,
            lr=rates,
            separability=separability,
            evaluation=evaluation,
            overwrite=overwrite,
            progress=progress,
            groups=groups,
            **request,
        )
        progress.stage("drawing")
        files = _write_ablation(result, output)

    if as_json:
        tables = ("table", "learning_curve", "separability", "correlation")
        _print_json(_as_json(result, files, *tables))
    else:
        _print_ablation(result, files)
    _end(result.run)


@app.command()
@_in_one_line(stopped="Subjects that are done are kept: the same command goes on.")
def inspect(
    dataset: Annotated[
        str,
        typer.Argument(
            help="MOABB dataset, by class name or code (default: the simulated one, subject 1).",
            show_default=False,
        ),
    ] = "",
    paradigm: _Paradigm = "LeftRightImagery",
    subjects: _Subjects = None,
    pipeline: Annotated[
        str, typer.Option(help="One that is shipped, or a YAML file; it must end in an EEGNet.")
    ] = "EEGNet",
    evaluation: Annotated[
        str,
        typer.Option(
            help="WithinSession or CrossSession: where a subject has several sessions, folds in "
            "each of them, or one session as each fold."
        ),
    ] = "WithinSession",
    folds: Annotated[int, typer.Option(min=2, help="Folds of each session's trials.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Fits on each fold.")] = 3,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls/--no-controls",
            help="Also make as many fits without learning, and to shuffled labels: three times the "
            "time, and the only way to know whether maps are to be believed.",
        ),
    ] = True,
    min_similarity: Annotated[
        float, typer.Option(help="Where clusters of components are cut, between 0 and 1.")
    ] = 0.8,
    data_dir: _DataDir = None,
    fmin: _Fmin = None,
    fmax: _Fmax = None,
    tmin: _Tmin = None,
    tmax: _Tmax = None,
    resample: _Resample = 128.0,
    channels: _Channels = None,
    missing_channels: _MissingChannels = "error",
    eeg_reference: _Reference = None,
    n_jobs: _Jobs = -1,
    seed: _Seed = 42,
    max_epochs: _MaxEpochs = None,
    trust: _Trust = False,
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for tables, components and the page; a run that stopped goes on there."
        ),
    ] = Path("results/inspect"),
    overwrite: _Overwrite = False,
    page: _Page = True,
    as_json: _Json = False,
):
    """Show what a network learns of each subject, and whether its maps are to be believed.

    Cross-validated scores, what recurs over fits, and the same of networks that learned nothing.
    Subjects that cannot be inspected are named: the exit status is 3 then, and 2 where none can be.
    """
    request = _request(locals())
    if not dataset:
        dataset = "SimulatedMotorImagery"
        request["subjects"] = request["subjects"] or [1]
    with _Progress() as progress:
        progress.stage("loading libraries")
        from .studies.inspect import inspect_dataset

        result = inspect_dataset(
            dataset,
            output=output,
            overwrite=overwrite,
            pipeline=pipeline,
            trust=trust,
            evaluation=evaluation,
            cv=folds,
            controls=controls,
            min_similarity=min_similarity,
            progress=progress,
            **request,
        )
        progress.stage("drawing")
        files = result.save(output)
        if page:
            from .studies.report import report as write

            files["report"] = write(result, output / "report.html")

    if as_json:
        from .tables import records

        document = {"run": result.run, "subjects": records(result.to_frame())}
        if result.consensus is not None:
            document |= {"reliability": result.reliability, "clusters": records(result.clusters())}
        document["files"] = {name: str(path) for name, path in files.items()}
        _print_json(document)
    else:
        _print_inspection(result, files)
    _end(result.run)


class _Kind(StrEnum):
    DATASETS = "datasets"
    PIPELINES = "pipelines"
    PARADIGMS = "paradigms"


@app.command("list")
@_in_one_line(stopped="")
def list_choices(
    kind: Annotated[
        _Kind | None, typer.Argument(help="Of what (default: all three).", show_default=False)
    ] = None,
    containing: Annotated[
        str | None,
        typer.Option(
            help="Only what has this text in a line of it, in upper or lower case.",
            show_default=False,
        ),
    ] = None,
    paradigm: Annotated[
        str | None,
        typer.Option(
            help="Only datasets and pipelines that this paradigm can use.", show_default=False
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the lists as JSON, and nothing else.")
    ] = False,
):
    """List the datasets, pipelines and paradigms that studies can be asked for."""
    with _Progress() as progress:
        progress.stage("loading libraries")
        from .studies.catalogue import catalogue

        progress.stage("looking")
        tables = catalogue(containing, paradigm=paradigm)
    tables = {name: tables[name] for name in ([kind] if kind else _Kind)}
    if as_json:
        from .tables import records

        _print_json({str(name): records(table) for name, table in tables.items()})
    else:
        _print_catalogue(tables)


@app.command()
@_in_one_line(stopped="")
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
    with _Progress(live=False) as progress:
        progress.stage("loading libraries")
        from .studies.speed import speed as run
        from .studies.speed import tables

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
        _print_json(result.as_dict())
        return
    from rich.console import Console

    console = Console()
    for item in tables(result):
        console.print(item, highlight=False)
    for path in files.values():
        console.print(str(path), highlight=False, soft_wrap=True, markup=False, emoji=False)


@app.command()
@_in_one_line(stopped="")
def cost(
    n_chans: Annotated[int, typer.Option(help="Electrodes.")] = 22,
    n_times: Annotated[int, typer.Option(help="Time samples in a window.")] = 512,
    n_outputs: Annotated[int, typer.Option(help="Classes.")] = 4,
    F1: Annotated[
        str, typer.Option("--F1", help='Temporal filters, or "matched" to the published network.')
    ] = "8",
    D: Annotated[int, typer.Option("--D", help="Spatial filters for each.")] = 2,
    F2: Annotated[
        int | None,
        typer.Option("--F2", help="Pointwise filters (default: F1 x D).", show_default=False),
    ] = None,
    kernel_length: Annotated[int, typer.Option(help="Samples in a temporal filter.")] = 64,
    spatial: Annotated[
        str,
        typer.Option(help="Convolution of block 1: depthwise, grouped:2, standard, joint, ..."),
    ] = "depthwise",
    separable: Annotated[
        str,
        typer.Option(help="Convolution of block 2: separable, grouped:2, standard, shuffle:4, ..."),
    ] = "separable",
    batch_size: Annotated[
        int, typer.Option(min=1, max=10**6, help="Trials at once, for bytes and times.")
    ] = 16,
    example_outputs: Annotated[
        int, typer.Option(min=1, max=10**6, help="Output channels of the worked example.")
    ] = 8,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="Threads while timing.")] = 1,
    time: Annotated[bool, typer.Option("--time/--no-time", help="Measure times as well.")] = True,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the tables.", show_default=False)
    ] = None,
    as_json: _Json = False,
):
    """Show what EEGNet and separable convolutions cost: parameters, multiply-adds, time.

    Times want a machine that does nothing else meanwhile.
    """
    with _Progress(live=False) as progress:
        progress.stage("loading libraries")
        from .cost import cost as run
        from .datasets.recordings import RequestError
        from .network import EEGNet
        from .tables import make_folder

        try:
            net = EEGNet(
                n_chans,
                n_times,
                n_outputs,
                F1=int(F1) if F1.isdecimal() else F1,
                D=D,
                F2=F2,
                kernel_length=kernel_length,
                spatial=spatial,
                separable=separable,
            )
        except (TypeError, ValueError) as error:
            raise RequestError(str(error)) from error
        if output is not None:
            make_folder(output)
        progress.stage("counting and timing" if time else "counting")
        result = run(
            net,
            batch_size=batch_size,
            example_outputs=example_outputs,
            timed=time,
            n_threads=threads,
        )
    files = {} if output is None else result.save(output)
    if as_json:
        _print_json(result.as_dict())
    else:
        _print_cost(result, files)


def _end(run):
    """End with a status that tells whether something is missing."""
    if run["failed"]:
        raise typer.Exit(3)


def _refuse(message):
    typer.echo(f"eegsep: {message}", err=True)
    raise typer.Exit(2)


def _say_what_failed(error):
    """Say in a line what the operating system refused."""
    where = "" if error.filename is None else f"{error.filename}: "
    why = error.strerror or " ".join(str(error).split()).rstrip(".")
    # numpy's own error has no number
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "requested and" in why
    hint = " Make room on the disk and in the temporary folder (TMPDIR sets another)."
    return f"{where}{why}.{hint if full else ''}"


def _print_json(document):
    from .tables import to_json

    typer.echo(to_json(document))


def _request(options):
    """Read the options of a command that `benchmark`, `ablate` and `inspect` hand on alike."""
    names = ("paradigm", "data_dir", "fmin", "fmax", "tmin", "tmax", "seed", "max_epochs", "n_jobs")
    names += ("missing_channels",)
    return {
        **{name: options[name] for name in names},
        "subjects": _read_subjects(options["subjects"]),
        "resample": options["resample"] or None,
        "channels": _read_channels(options["channels"]),
        "eeg_reference": _read_reference(options["eeg_reference"]),
        "n_seeds": options["seeds"],
    }


def _split_pipelines(text):
    # a comma may be in the name of a file
    names = [text] if Path(text).exists() else text.split(",")
    return [name.strip() for name in names]


def _read_channels(text, what="channels"):
    names = None if text is None else [name.strip() for name in text.split(",")]
    if names is not None and not all(names):
        _refuse(f"cannot read the {what} {text!r}: write electrodes as C3,Cz,C4.")
    return names


def _read_reference(text):
    average = text is not None and text.strip().casefold() == "average"
    return "average" if average else _read_channels(text, "reference")


def _read_subjects(text):
    try:
        return parse_subjects(text)
    except ValueError:
        _refuse(f"cannot read the subjects {text!r}: write them as 1-12 or 1,2,7.")


def _read_numbers(text, what):
    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError:
        _refuse(f"cannot read the {what} {text!r}: write them as 0.01,0.1.")


def _write_benchmark(result, output, page):
    """Write tables, pictures and the page; return files by name, and what there is to be said."""
    from . import plots

    files, notes = result.save(output), []
    files["scores_picture"] = output / "scores.png"
    with plots.settings():
        figure = plots.plot_scores(result.scores, result.summary)
        plots.save(figure, files["scores_picture"])
        drawn, note = _draw_maps(result, output)
    files |= drawn
    notes += note
    if page:
        from .studies.report import report as write

        files["report"] = write(output)
    return files, notes


def _draw_maps(result, output):
    """Write maps and costs of a network that is fitted for it, or those of the same results before.

    Returns
    -------
    files : dict of pathlib.Path
    notes : list of str
        Why there are none.
    """
    from . import plots
    from .cost import network_table
    from .datasets.recordings import RequestError
    from .inspection import spatial_patterns
    from .studies.store import Store
    from .tables import written_aside

    files = {"maps_picture": output / "maps.png", "cost": output / "cost.csv"}
    with Store(output, "benchmark") as store:
        keys = {name: f"{result.key}-{file.name}" for name, file in files.items()}
        kept = {name: store.get(key) for name, key in keys.items()}
        if None not in kept.values():
            for name, file in files.items():
                with written_aside(file) as aside:
                    aside.write_bytes(kept[name])
            return files, []
        try:
            refit = result.refit()
            title = (
                f"{refit.pipeline} on all trials of {refit.dataset}, subject {refit.subject}"
                f" ({len(refit.epochs)} trials)"
            )
            patterns = spatial_patterns(refit.classifier, refit.epochs)
            figure = plots.plot_maps(refit.classifier, patterns, title=title)
        except (RequestError, ValueError) as error:
            return {}, [f"no scalp maps: {error}"]
        plots.save(figure, files["maps_picture"])
        with written_aside(files["cost"]) as aside:
            network_table(refit.classifier.module_).to_csv(aside, index=False)
        for name, file in files.items():
            store.put(keys[name], file.read_bytes())
    return files, []


def _as_json(result, files, *tables):
    from .tables import records as as_records

    records = {name: as_records(getattr(result, name)) for name in (*tables, "scores")}
    return {"run": result.run, **records, "files": {k: str(path) for k, path in files.items()}}


def _print_catalogue(tables):
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    console = _console()
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
        _print_whole(console, table)


def _say_value(value):
    if not isinstance(value, list):
        return str(value)
    return ", ".join(value) if len(value) < 8 else f"{', '.join(value[:5])}, … {len(value)} in all"


def _print_benchmark(result, files, notes):

    console = _console()
    run = result.run
    percent = "{:.1f}".format
    reference = result.summary["reference"].iloc[0]
    for dataset, part in result.summary.groupby("dataset", sort=False):
        table = _table(
            _heading(dataset, part, run),
            f"mean ± sd over subjects; paired difference to {reference}, p from MOABB's "
            f"paired test, two-sided; chance {percent(100 * part['chance'].iloc[0])}",
            ("pipeline", "seeds", "score", f"− {reference}", "p", "s/fit"),
        )
        for row in part.to_dict("records"):
            is_reference = row["pipeline"] == reference
            difference = "" if is_reference else f"{100 * row['difference']:+.1f}"
            if row["difference_sd"] == row["difference_sd"] and difference:
                difference += f" ± {percent(100 * row['difference_sd'])}"
            table.add_row(
                row["pipeline"],
                str(row["n_seeds"]),
                percent(100 * row["mean"])
                + ("" if row["sd"] != row["sd"] else f" ± {percent(100 * row['sd'])}"),
                difference,
                "" if row["p"] != row["p"] else f"{row['p']:.2g}",
                f"{row['time']:.2f}",
                style="bold" if is_reference else None,
            )
        _print_whole(console, table)
    if run["max_epochs"] is not None:
        console.print(f"every network with {run['max_epochs']} epochs only (--max-epochs)")
    _print_run(console, run, files, notes)


def _write_ablation(result, output):
    """Write tables and pictures; return the files by name."""
    from . import plots
    from .studies.ablation import INDEX_IN_WORDS, pair_with_index

    files = result.save(output)
    files["picture"] = output / "ablation.png"
    plots.save(plots.plot_ablation(result.scores, result.table), files["picture"])
    if len(result.learning_curve):
        files["learning_curve_picture"] = output / "learning_curve.png"
        figure = plots.plot_learning_curves(result.learning_curve)
        plots.save(figure, files["learning_curve_picture"])
    if len(result.correlation):
        pairs = pair_with_index(result.scores, result.separability)
        figure = plots.plot_separability_scores(pairs, result.correlation, caption=INDEX_IN_WORDS)
        files["separability_picture"] = output / "separability.png"
        plots.save(figure, files["separability_picture"])
    return files


def _print_ablation(result, files):

    console = _console()
    for dataset, part in result.table.groupby("dataset", sort=False):
        heading = _heading(dataset, part, result.run)
        rows = part.to_dict("records")
        n_compared = len(part) - 1
        table = _table(
            heading,
            "mean ± sd over subjects; paired difference to the published network with its 95 % "
            "interval; d, the mean difference over its sd; p from MOABB's paired test, two-sided, "
            f"by Holm for {n_compared} comparison{'' if n_compared == 1 else 's'}; "
            f"chance {100 * part['chance'].iloc[0]:.1f}",
            ("variant", "score", "− published", "95 %", "d", "p"),
        )
        for row in rows:
            compared = row["variant"] != row["reference"]
            table.add_row(
                row["variant"],
                f"{100 * row['mean']:.1f}" + _unless_nan(" ± {:.1f}", 100 * row["sd"]),
                f"{100 * row['difference']:+.1f}" if compared else "",
                _unless_nan("{:+.1f} to ", 100 * row["ci_low"])
                + _unless_nan("{:+.1f}", 100 * row["ci_high"]),
                _unless_nan("{:+.2f}", row["effect"]),
                _unless_nan("{:.2g}", row["p_holm"]),
                style=None if compared else "bold",
            )
        _print_whole(console, table)
        console.print()
        table = _table(
            "what a variant costs",
            "multiply-adds of a trial in the published order, time before electrodes (but "
            "low-rank); seconds of a fit, milliseconds of predict_proba of a trial, and a fit's "
            "peak memory above the trials, as eegsep evaluates it",
            ("variant", "parameters", "10⁶ multiply-adds", "s/fit", "ms", "MB"),
        )
        for row in rows:
            table.add_row(
                row["variant"],
                f"{row['parameters']:,}",
                f"{row['multiply_adds'] / 1e6:.2f}",
                f"{row['time']:.2f}",
                f"{1e3 * row['latency']:.2f}",
                f"{row['memory'] / 1e6:.1f}",
                style="bold" if row["variant"] == row["reference"] else None,
            )
        _print_whole(console, table)
        if len(result.learning_curve):
            console.print()
            curve = result.learning_curve
            _print_learning_curve(console, curve[curve["dataset"] == dataset])
        if len(result.separability):
            console.print()
            _print_separability(console, result, dataset)
        console.print()
    _print_mobilenet(console)
    notes = [f"{name} is left out: it {why}" for name, why in result.run["left_out"].items()]
    _print_run(console, result.run, files, notes)


def _print_learning_curve(console, curve):

    from .studies.ablation import where_it_pays

    sizes = curve.drop_duplicates("fraction").sort_values("fraction")["n_trials"]
    table = _table(
        "score × 100 over the number of training trials",
        "in brackets the paired difference to the published network; *: p ≤ 0.05, by Holm among "
        "the variants at one number of trials",
        ("variant", *(f"{size:.0f}" for size in sizes)),
    )
    for name, part in curve.groupby("variant", sort=False):
        cells = []
        for row in part.sort_values("fraction").to_dict("records"):
            star = "*" if row["p_holm"] <= 0.05 else ""
            compared = name != row["reference"]
            difference = f" ({100 * row['difference']:+.1f}{star})" if compared else ""
            cells.append(f"{100 * row['mean']:.1f}{difference}")
        table.add_row(name, *cells)
    _print_whole(console, table)
    for sentence in where_it_pays(curve):
        console.print(sentence, highlight=False)


def _print_separability(console, result, dataset):
    from .studies.ablation import INDEX_IN_WORDS

    table = _table(
        "how separable the trials are",
        INDEX_IN_WORDS,
        ("subject", "session", "index", "p", "separable", "joint", "noise"),
    )
    found = result.separability
    for row in found[found["dataset"] == dataset].to_dict("records"):
        table.add_row(
            str(row["subject"]),
            str(row["session"]),
            f"{row['index']:.2f}",
            f"{row['p_value']:.2g}",
            *(f"{row[name]:.4f}" for name in ("separable", "joint", "noise")),
        )
    _print_whole(console, table)
    for row in result.correlation.to_dict("records"):
        if row["dataset"] != dataset:
            continue
        n = row["n_subjects"]
        said = (
            f"Spearman's ρ = {row['rho']:+.2f}, p = {row['p']:.2g}, n = {n}"
            if row["rho"] == row["rho"]
            else f"no rank correlation, n = {n}"
        )
        console.print(f"index, published − {row['variant']}: {said}", highlight=False)


def _print_mobilenet(console):
    from .studies.ablation import MOBILENET_TABLE_4

    table = _table(
        "for comparison, MobileNet on ImageNet (Howard et al. 2017, table 4)",
        None,
        ("convolutions", "accuracy in %", "10⁶ multiply-adds", "10⁶ parameters"),
    )
    for name, accuracy, multiply_adds, parameters in MOBILENET_TABLE_4:
        table.add_row(name, f"{accuracy}", f"{multiply_adds:,}", f"{parameters}")
    _print_whole(console, table)


def _print_inspection(result, files):

    from .studies.report import chance_of

    console = _console()
    (code,), run = result.run["datasets"], result.run
    metric = run["metric"].replace("_", "-")
    n_folds = " or ".join(map(str, sorted({e.run["n_folds"] for e in result.subjects.values()})))
    caption = "reliability of what is learned: 1 where it recurs in every fit, 0 where nothing does"
    if run["controls"]:
        caption += (
            "; stable where the score is above chance and the 95 % interval of trained networks' "
            "above 0 and both controls; few: not enough fits to tell"
        )
    table = _table(
        f"{code}: {run['pipeline']}, {metric} × 100, {n_folds} folds, "
        f"{run['n_seeds']} seed{'' if run['n_seeds'] == 1 else 's'}",
        caption,
        (
            "subject",
            "score",
            "95 % of\nchance",
            "trained,\nits 95 %",
            "untrained,\nshuffled",
            "stable",
        ),
    )

    def reliabilities(found, interval=(math.nan, math.nan)):
        trained, *controls = (f"{value:.2f}" for value in found.values())
        if not math.isnan(interval[0]):
            trained += f", {interval[0]:.2f} to {interval[1]:.2f}"
        return [trained, ", ".join(controls)]

    for subject, each in result.subjects.items():
        low, high = chance_of(each)
        score = each.summary()["score"]
        cells = [f"{100 * score:.1f}", f"{100 * low:.1f} to {100 * high:.1f}"]
        # without controls nothing is known, with few fits little
        verdict = {None: "few" if run["controls"] else "?", True: "yes", False: "no"}[each.stable]
        table.add_row(
            str(subject), *cells, *reliabilities(each.reliability, each.interval), verdict
        )
    if result.consensus is not None:
        mean = f"{100 * result.to_frame()['score'].mean():.1f}"
        table.add_row("all", mean, "", *reliabilities(result.reliability), style="bold")
    _print_whole(console, table)
    if run["max_epochs"] is not None:
        console.print(f"every network with {run['max_epochs']} epochs only (--max-epochs)")
    _print_run(console, run, files)


def _print_cost(result, files):

    from .cost import say_speed

    console = _console()
    for table in _cost_tables(result):
        table.padding = 0  # within 80 columns
        _print_whole(console, table)
        console.print()
    if result.machine is not None:
        console.print(say_speed(result.sizes), highlight=False, soft_wrap=True)
    for path in files.values():
        console.print(str(path), highlight=False, soft_wrap=True)


def _cost_tables(result):
    """Yield the tables of ``eegsep cost``."""
    machine, run = result.machine, result.run
    settings, batch_size = run["settings"], run["batch_size"]

    def shape(sizes):
        return "x".join(map(str, sizes))

    headings = ["layer", "output", "params", "multiply-adds", "%"]
    caption = None
    if machine is not None:
        headings += ["FLOP/B", "bound", "µs/trial"]
        caption = (
            f"on {machine.n_threads} thread{'' if machine.n_threads == 1 else 's'}, {batch_size} "
            f"trials at once; matrix product {machine.flops / 1e9:.1f} GFLOP/s, copy "
            f"{machine.bandwidth / 1e9:.1f} GB/s: below {machine.balance:.1f} FLOP/byte a layer "
            "waits for memory"
        )
    table = _table(
        f"EEGNet-{settings['F1']},{settings['D']} ({settings['spatial']}, "
        f"{settings['separable']}), {settings['n_chans']} channels x {settings['n_times']} "
        f"samples, {settings['n_outputs']} classes",
        caption,
        headings,
    )
    total = run["multiply_adds"]
    for row in result.network.to_dict("records"):
        cells = [row["layer"], shape(row["output"]), f"{row['parameters']:,}"]
        cells += [f"{row['multiply_adds']:,}", f"{100 * row['multiply_adds'] / total:.1f}"]
        if machine is not None:
            cells += [f"{row['intensity']:.1f}", row["bound"]]
            cells.append(f"{1e6 * row['seconds'] / batch_size:.1f}")
        table.add_row(*cells)
    cells = ["all", "", f"{run['parameters']:,}", f"{total:,}", ""]
    if machine is not None:
        cells += ["", "", f"{1e6 * result.network['seconds'].sum() / batch_size:.1f}"]
    table.add_row(*cells, style="bold")
    yield table

    costs = result.example.groupby("convolution", sort=False)["multiply_adds"].sum()
    standard, separable = costs["standard"], costs["depthwise separable"]
    n_maps, area = result.example["kernel"][0][0], math.prod(result.example["kernel"][0][2:])
    table = _table(
        "a convolution without padding, every shape on the way",
        f"{separable:,} of {standard:,}: 1/N + 1/(kh·kw) = 1/{n_maps} + 1/{area} = "
        f"{separable / standard:.3f}",
        ["convolution", "step", "input", "kernel", "output", "parameters", "multiply-adds"],
    )
    for row in result.example.to_dict("records"):
        shapes = [shape(row[name]) for name in ("input", "kernel", "output")]
        cost = [f"{row['parameters']:,}", f"{row['multiply_adds']:,}"]
        table.add_row(row["convolution"], row["step"], *shapes, *cost)
    yield table

    headings = ["N", "image", "standard", "separable", "1/N", "1/9", "fewer", "pointwise"]
    table = _table(
        "3 x 3 kernels, N channels in and out: standard and depthwise separable",
        "10⁶ multiply-adds, the separable layer's 1/N + 1/9 of the standard's; pointwise: the "
        "share of that step in it" + ("; ms: standard, separable, one image" if machine else ""),
        headings + (["ms", "ms", "faster"] if machine else []),
    )
    for row in result.sizes.to_dict("records"):
        cells = [f"{row['channels']}", f"{row['size']}²"]
        cells += [f"{row[f'{name}_multiply_adds'] / 1e6:.1f}" for name in ("standard", "separable")]
        cells += [f"{row[f'{name}_term']:.4f}" for name in ("depthwise", "pointwise")]
        cells += [f"{row['reduction']:.1f}x", f"{row['pointwise_share']:.0%}"]
        if machine is not None:
            cells += [f"{1e3 * row[f'{name}_seconds']:.2f}" for name in ("standard", "separable")]
            cells.append(f"{row['speedup']:.2g}x")
        table.add_row(*cells)
    yield table

    table = _table(
        "the family: 64 channels in and out, 28 x 28, 3 x 3",
        None,
        ["convolution", "", "parameters", "multiply-adds", "fewer"]
        + (["ms", "faster"] if machine else []),
    )
    for row in result.family.to_dict("records"):
        cells = [row["convolution"], row["option"], f"{row['parameters']:,}"]
        cells += [f"{row['multiply_adds']:,}", f"{row['reduction']:.1f}x"]
        if machine is not None:
            cells += [f"{1e3 * row['seconds']:.2f}", f"{row['speedup']:.2g}x"]
        table.add_row(*cells)
    yield table


def _heading(dataset, table, run):
    n_subjects, metric = table["n_subjects"].iloc[0], table["metric"].iloc[0]
    return (
        f"{dataset}: {metric.replace('_', '-')} × 100, {run['evaluation']}, "
        f"{n_subjects} subject{'' if n_subjects == 1 else 's'}"
    )


def _console():
    """Make a console on which names are what they are: no markup, no emojis."""
    from rich.console import Console

    return Console(markup=False, emoji=False)


def _table(title, caption, headings):
    """Make a table whose first column is of names, the others of numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
    )
    for k, heading in enumerate(headings):
        table.add_column(heading, justify="right" if k else "left", no_wrap=True)
    return table


def _unless_nan(form, value):
    return "" if value != value else form.format(value)


def _print_whole(console, table):
    if not console.is_terminal:  # a file or a pipe has no edge to fit
        wide = console.options.update(max_width=1000)
        console.width = max(console.width, console.measure(table, options=wide).maximum)
    console.print(table)


def _print_run(console, run, files, notes=()):
    """Print what was found on disk, what came up, and the files written."""
    from .datasets.recordings import Failure, group_failures

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
    for path in files.values():
        console.print(str(path), highlight=False, soft_wrap=True)


class _Progress:
    """A bar on stderr: stages, what was last done, and the time left.

    A live one is redrawn all the time, which would disturb what measures times. Where stderr is no
    terminal, a line now and then says how far it is.
    """

    seconds_between_lines = 30

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
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[label]}", style="dim", markup=False),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
            auto_refresh=live,
            speed_estimate_period=1e6,  # steps differ: networks take long, the rest is quick
        )
        self._task = None
        self._description, self._last_line = "", time.monotonic()

    def __enter__(self):
        self._bar.start()
        return self

    def __exit__(self, *_):
        self._bar.stop()

    def stage(self, description, total=None, completed=0):
        """Begin a stage of so many steps, of which some are done."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._description = description
        self._task = self._bar.add_task(description, total=total, label="")
        self._bar.update(self._task, completed=completed)

    def __call__(self, stage, done, total, label):
        """Follow a study: its ``progress`` callback."""
        if not label:
            names = {
                "read": "reading subjects",
                "fit": "evaluating",
                "try": "trying variants",
                "memory": "measuring memory",
                "separability": "measuring separability",
            }
            self.stage(names.get(stage, stage), total, done)
        self._bar.update(self._task, completed=done, label=label, refresh=True)
        late = time.monotonic() - self._last_line >= self.seconds_between_lines
        if self._bar.disable and label and late:
            typer.echo(f"eegsep: {self._description} {done}/{total}, {label}", err=True)
            self._last_line = time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
