"""``eegsep fit``: a model of recordings, in a file that ``eegsep predict`` takes."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from eegsep._utils.errors import in_a_line
from eegsep.presentation.terminal import make_console, print_json, print_whole

from .markers import Markers, Rate, Unit, read_events
from .options import Jobs, Json, MaxEpochs, Seed, with_recordings
from .predict import confusion_table
from .progress import Progress
from .refusals import in_one_line, refuse

# Options that are said of files by a study.yml, or a dataset itself.
_OF_FILES = ("events", "markers", "unit", "sfreq")
_MOST_NAMED = 4
_METRICS = {"roc_auc": "ROC-AUC", "accuracy": "accuracy"}


@in_one_line(stopped="")
@with_recordings
def fit(
    recordings,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RECORDING...",
            help="Files of one person: EDF, BDF, BrainVision, FIF, SET or CSV; or a folder with a "
            "study.yml or in BIDS, or a MOABB dataset, as `eegsep benchmark` takes.",
        ),
    ],
    save: Annotated[
        Path,
        typer.Option(help="The model's file, such as model.eegsep."),
    ],
    pipeline: Annotated[str, typer.Option(help="One that is shipped, or a YAML file.")] = "EEGNet",
    events: Annotated[
        str | None,
        typer.Option(
            help="Classes and their markers in files (default: all markers, where their names or "
            "their number leave no doubt).",
            metavar="left=T1,right=T2",
        ),
    ] = None,
    markers: Markers = None,
    unit: Unit = None,
    sfreq: Rate = None,
    score: Annotated[
        bool,
        typer.Option(
            "--score/--no-score",
            help="First tell what can be expected, by cross-validation: subjects, sessions or "
            "runs as a whole, or five folds of consecutive trials.",
        ),
    ] = True,
    seed: Seed = 42,
    max_epochs: MaxEpochs = None,
    n_jobs: Jobs = -1,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model that is there.")
    ] = False,
    as_json: Json = False,
):
    """Fit a model to recordings of your own, and save it for `eegsep predict`.

    Without --resample 0, windows are brought to 128 Hz. --tmin and --tmax of files are in seconds
    after the marker.
    """
    mapping = read_events(events, classes_needed=True)
    with Progress() as progress:
        import eegsep
        from eegsep._utils.tables import check_free, folders_for
        from eegsep.studies.fit import fit as run

        sources = [file for file in (*names, markers, pipeline) if file is not None]
        check_free(save, overwrite, sources=sources)
        # made now, rather than find out after the fit
        with folders_for(save):
            dataset = _find(recordings, names, (mapping, markers, unit, sfreq), progress)
            model = run(
                dataset,
                pipeline=pipeline,
                score=score,
                max_epochs=max_epochs,
                seed=seed,
                n_jobs=n_jobs,
                progress=progress,
                **recordings,
            )
            progress.stage("saving")
            try:
                eegsep.save(model.estimator, save, metadata=model.metadata())
            except (ImportError, TypeError, ValueError) as error:
                why = in_a_line(error).rstrip(".")
                refuse(f"the model is fitted, but cannot be saved: {why}.")
    if as_json:
        preparation = model.preparation.to_dict()
        print_json({"run": model.run, "preparation": preparation, "file": str(save)})
    else:
        _print(model, save)


def _find(recordings, names, said, progress):
    """Return a dataset's name, or a study of the files that are named."""
    from eegsep._utils.logs import quiet
    from eegsep.datasets.study_folders.named_files import Files, are_files, study_of_files

    if not are_files(names):
        given = [f"--{n}" for n, value in zip(_OF_FILES, said, strict=True) if value is not None]
        if given:
            refuse(f"{', '.join(given)}: this is said of files, and {names[0]} is none.")
        return names
    if recordings["subjects"] is not None:
        refuse("--subjects: files that are named are all of one person.")
    window = recordings.pop("tmin"), recordings.pop("tmax")
    with quiet(Counter()):
        return study_of_files(
            names,
            Files(*said),
            window=window,
            paradigm=recordings["paradigm"],
            progress=progress,
        )


def _print(model, file):
    console, run = make_console(), model.run
    say = partial(console.print, highlight=False, soft_wrap=True)
    say(_describe(model))
    if run["score"] is None:
        say("no score was asked for: nothing says what to expect of the model", style="yellow")
    else:
        low, high = run["score_low"], run["score_high"]
        interval = f" (95 %: {low:.2f} to {high:.2f})" if low == low else ""
        chance = run["chance"]
        say(
            f"{run['pipeline']}, {run['folds']}: {_METRICS[run['metric']]} {run['score']:.2f}"
            f"{interval}, by chance {chance['low']:.2f} to {chance['high']:.2f}"
        )
        print_whole(console, confusion_table(list(run["trials"]), run["confusion"]))
        if run["score"] <= chance["high"]:
            say("The score is within chance: do not rely on this model.", style="red")
    for text, n in run["warnings"].items():
        say(f"warning ({n}×): {text}", style="yellow")
    say(str(file))
    say(f"then: eegsep predict {file} RECORDING")


def _describe(model):
    """Say in some lines what the model was fitted to."""
    run, preparation = model.run, model.preparation
    trials = ", ".join(f"{n} {label}" for label, n in run["trials"].items())
    ends = ["" if f is None else f"{f:g}" for f in (preparation.fmin, preparation.fmax)]
    parts = [
        f"{len(preparation.ch_names)} channels",
        f"{'–'.join(ends)} Hz" if any(ends) else "unfiltered",
        f"{preparation.tmin:g} to {preparation.tmax:g} s after the marker",
    ]
    if preparation.sfreq != preparation.recorded_sfreq:
        parts.append(f"{preparation.recorded_sfreq:g} Hz resampled to {preparation.sfreq:g} Hz")
    else:
        parts.append(f"{preparation.sfreq:g} Hz")
    return f"{_name(run)}: {trials}\n{', '.join(parts)}"


def _name(run):
    """Name the files where they were named one by one, else the dataset and its subjects."""
    names, n_subjects = [Path(each).name for each in run["recordings"]], len(run["subjects"])
    if not run["named_files"]:
        return f"{run['dataset']}, {n_subjects} subject{'' if n_subjects == 1 else 's'}"
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
