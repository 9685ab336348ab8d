"""``eegsep predict``: what a model says of a recording, over time."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from eegsep.presentation.terminal import (
    make_console,
    make_table,
    print_files,
    print_json,
    print_whole,
)

from .markers import Markers, Rate, Unit, read_events
from .options import Json, Trusted
from .progress import Progress
from .refusals import in_one_line

# Rows that a terminal shows; files have all of them.
_MOST_ROWS = 24


@in_one_line(stopped="")
def predict(
    model: Annotated[Path, typer.Argument(help="What `eegsep fit` saved.")],
    recording: Annotated[
        Path, typer.Argument(help="A file: EDF, BDF, BrainVision, FIF, SET or CSV.")
    ],
    events: Annotated[
        str | None,
        typer.Option(
            help="Markers to decode, with their classes where these are known (default: the "
            "markers that the model was fitted with).",
            metavar="T1,T2|left=T1,right=T2",
        ),
    ] = None,
    sliding: Annotated[
        float | None,
        typer.Option(
            help="Decode all of the recording, a window every so many seconds.", metavar="SECONDS"
        ),
    ] = None,
    markers: Markers = None,
    unit: Unit = None,
    sfreq: Rate = None,
    output: Annotated[
        Path | None,
        typer.Option(help="All windows as a table (.csv) or .json."),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(help="Decisions as annotations for MNE: a file -annot.fif, .csv or .txt."),
    ] = None,
    trusted: Trusted = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there.")
    ] = False,
    as_json: Json = False,
):
    """Decode a recording by a model: at its markers, or all of it by sliding windows.

    It is prepared as those of the fit were: channels by name, sampling rate, reference and band.
    """
    chosen = read_events(events, classes_needed=False)
    with Progress() as progress:
        from eegsep._utils.tables import folders_for
        from eegsep.deployment.decoded_file import check_outputs, decode_file

        sources = [file for file in (model, recording, markers) if file is not None]
        check_outputs(output, annotations, overwrite=overwrite, sources=sources)
        with folders_for(output, annotations):
            decoded = decode_file(
                model,
                recording,
                events=chosen,
                step=sliding,
                markers=markers,
                unit=unit,
                sfreq=sfreq,
                trusted=trusted or (),
                progress=progress,
            )
            files = decoded.save(output, annotations)
    if as_json:
        print_json(decoded.to_document())
    else:
        _print(decoded, output, files)


def _print(decoded, output, files):
    console, run = make_console(), decoded.run
    say = partial(console.print, highlight=False, soft_wrap=True)
    if output is None:
        print_whole(console, _table(decoded))
    what = "after markers" if decoded.step is None else f"every {decoded.step:g} s"
    say(f"{Path(run['recording']).name}: {_count(run['n_windows'])} {what}: {_shares(decoded)}")
    if "accuracy" in run:
        right = round(run["accuracy"] * run["n_windows"])
        auc = f", ROC-AUC {run['roc_auc']:.2f}" if "roc_auc" in run else ""
        say(f"accuracy {run['accuracy']:.2f} ({right} of {run['n_windows']}){auc}")
        print_whole(console, confusion_table(decoded.classes, run["confusion"]))
        if run["fitted_to_it"]:
            say(
                "The model was fitted to a recording of this name: the accuracy says nothing of "
                "others.",
                style="yellow",
            )
    if run["left_out"]:
        say(
            f"left out: {run['left_out']} of the markers, whose windows reach beyond the recording "
            "or into a segment marked bad",
            style="yellow",
        )
    for text, n in run["warnings"].items():
        say(f"warning ({n}×): {text}", style="yellow")
    print_files(console, files)


def _table(decoded):
    """Make a table of the first windows."""
    predictions = decoded.predictions
    n_left = len(predictions) - _MOST_ROWS
    note = f"and {n_left} more: --output predictions.csv has all" if n_left > 0 else None
    names = [name for name in ("marker", "decision", "truth") if name in predictions]
    table = make_table(None, note, ["time in s", *names, *decoded.classes])
    for row in predictions.head(_MOST_ROWS).to_dict("records"):
        by_class = [f"{row[f'p_{name}']:.2f}" for name in decoded.classes]
        table.add_row(f"{row['time']:.2f}", *(str(row[name]) for name in names), *by_class)
    return table


def confusion_table(classes, confusion):
    """Make a table of how often trials of each class were taken for each."""
    table = make_table(None, None, ["truth", *(f"as {name}" for name in classes)])
    for name, row in zip(classes, confusion, strict=True):
        table.add_row(name, *map(str, row))
    return table


def _count(n):
    return f"{n} window{'' if n == 1 else 's'}"


def _shares(decoded):
    counts = decoded.predictions["decision"].value_counts()
    return ", ".join(f"{counts.get(name, 0)} {name}" for name in decoded.classes)
