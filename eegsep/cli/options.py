"""Options that studies share, and how what is written in them is read."""

import functools
import inspect
import re
from pathlib import Path
from typing import Annotated

import typer

from .refusals import refuse

# A dataset has fewer subjects, and numbers of them have fewer digits.
_MOST_SUBJECTS, _MOST_DIGITS = 10_000, 9


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

Datasets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DATASET...",
        help="MOABB datasets, by class name or code; folders of recordings of your own, with the "
        "study.yml that `eegsep study init` drafts, or in BIDS; my_module.py:MyDataset. Without "
        "any: the simulated one, whose sources are known, across its two sessions.",
    ),
]
Evaluation = Annotated[
    str | None,
    typer.Option(
        help="WithinSession, CrossSession or CrossSubject (default: WithinSession, but "
        "CrossSession for the simulated dataset)."
    ),
]
Groups = Annotated[
    str | None,
    typer.Option(
        help="run: test on each run of a session in turn, WithinSession only (default: five folds "
        "of a session's trials).",
        metavar="run",
    ),
]
Jobs = Annotated[int, typer.Option(help="Processes; -1 for one a core.")]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Let workers of a Dask scheduler compute: its address, or local:4 for four here.",
        metavar="tcp://HOST:PORT|local[:N]",
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of folds and networks.")]
Output = Annotated[
    Path, typer.Option(help="Folder for scores and pictures; a run that stopped goes on there.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Forget what is in the output folder first.")
]
Replace = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]
MaxEpochs = Annotated[
    int | None,
    typer.Option(min=1, help="Epochs of every network, for a quick look."),
]
Page = Annotated[
    bool, typer.Option("--report/--no-report", help="End with the page of `eegsep report`.")
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print the results as JSON, scores from 0 to 1, and nothing else."),
]
Trusted = Annotated[
    list[str] | None,
    typer.Option(
        help="Type of a pipeline's step that may be loaded though nobody knows what it runs; may "
        "be given more than once.",
        metavar="TYPE",
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Run whatever a pipeline's file names, and the Python file of a dataset; else only "
        "classifiers and transformers of known packages load.",
    ),
]


def _read_recordings(
    paradigm: Annotated[
        str | None,
        typer.Option(
            help="MOABB paradigm: LeftRightImagery, P300, ... (default: what suits the dataset)."
        ),
    ] = None,
    subjects: Annotated[
        str | None, typer.Option(help="Such as 1-12 or 1,2,7 (default: all).")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of recordings: what it has is not downloaded (default: MNE's)."),
    ] = None,
    fmin: Annotated[float | None, typer.Option(help="Low end of the pass band in Hz.")] = None,
    fmax: Annotated[float | None, typer.Option(help="High end of the pass band in Hz.")] = None,
    tmin: Annotated[float | None, typer.Option(help="Start of the window in s.")] = None,
    tmax: Annotated[float | None, typer.Option(help="End of the window in s.")] = None,
    resample: Annotated[float, typer.Option(help="Sampling rate in Hz; 0 leaves it.")] = 128.0,
    channels: Annotated[
        str | None,
        typer.Option(help="Electrodes, such as C3,Cz,C4 (default: all)."),
    ] = None,
    missing_channels: Annotated[
        str,
        typer.Option(
            help="Where recordings that go together have other channels, or bad ones: error leaves "
            "out those that differ, common takes the channels that all have, interpolate fills "
            "them in.",
            metavar="error|common|interpolate",
        ),
    ] = "error",
    eeg_reference: Annotated[
        str | None,
        typer.Option(
            help="Reference: the average of all electrodes, or of some such as TP9,TP10 "
            "(default: as recorded).",
            metavar="average|NAMES",
        ),
    ] = None,
    trust: Trust = False,
):
    """Read the options that are parameters of :class:`eegsep.datasets.Recordings`."""
    return {
        "subjects": _read_subjects(subjects),
        "paradigm": paradigm,
        "fmin": fmin,
        "fmax": fmax,
        "tmin": tmin,
        "tmax": tmax,
        "resample": resample or None,
        "channels": _read_channels(channels),
        "missing_channels": missing_channels,
        "eeg_reference": _read_reference(eeg_reference),
        "trust": trust,
        "data_dir": data_dir,
    }


def with_recordings(command):
    """Give a command the options that say what a study reads, all in its first argument."""
    shared = inspect.signature(_read_recordings).parameters
    _, *own = inspect.signature(command).parameters.values()

    @functools.wraps(command)
    def run(**options):
        recordings = _read_recordings(**{name: options.pop(name) for name in shared})
        return command(recordings, **options)

    # typer passes all by name, and so those without a default may come last
    by_name = inspect.Parameter.KEYWORD_ONLY
    parameters = [each.replace(kind=by_name) for each in (*shared.values(), *own)]
    run.__signature__ = inspect.Signature(parameters)
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def or_simulated(datasets, evaluation):
    """Return datasets and an evaluation; by default the simulated one, and what suits them."""
    if evaluation is None:
        evaluation = "WithinSession" if datasets else "CrossSession"
    return datasets or ["SimulatedMotorImagery"], evaluation


def split_pipelines(text):
    """Read names of pipelines, or one file or folder."""
    # a comma may be in the name of a file
    names = [text] if Path(text).exists() else text.split(",")
    return [name.strip() for name in names]


def _read_channels(text, what="channels"):
    names = None if text is None else [name.strip() for name in text.split(",")]
    if names is not None and not all(names):
        refuse(f"cannot read the {what} {text!r}: write electrodes as C3,Cz,C4.")
    return names


def _read_reference(text):
    average = text is not None and text.strip().casefold() == "average"
    return "average" if average else _read_channels(text, "reference")


def _read_subjects(text):
    try:
        return parse_subjects(text)
    except ValueError:
        refuse(f"cannot read the subjects {text!r}: write them as 1-12 or 1,2,7.")


def read_numbers(text, what):
    """Read numbers with commas between."""
    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError:
        refuse(f"cannot read the {what} {text!r}: write them as 0.01,0.1.")
