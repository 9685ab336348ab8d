"""The commands of ``eegsep``: they read options, call a study, and show and write what it has.

A file a command. Heavy libraries are imported inside them, so that ``--help`` answers at once.
"""

import codecs
import gc
import os
import sys
from typing import Annotated

import typer

from eegsep import __version__
from eegsep._utils.errors import in_a_line
from eegsep._utils.shown import shown

from .ablate import ablate
from .benchmark import benchmark
from .cost import cost
from .export import export
from .fit import fit
from .inspect import inspect
from .lists import list_choices
from .merge import merge
from .options import parse_subjects
from .predict import predict
from .report import report
from .stream import stream
from .study import study

__all__ = ["app", "main", "parse_subjects"]

app = typer.Typer(
    name="eegsep",
    help="EEGNet done right, and a laboratory for separable convolutions on EEG.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

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


def main():
    """Run the command line: what goes wrong inside is a line too, unless it is to be debugged."""
    codecs.register_error("eegsep", _in_ascii)
    for text_stream in (sys.stdout, sys.stderr):
        if hasattr(text_stream, "reconfigure"):
            text_stream.reconfigure(errors="eegsep")
    try:
        app()
    except Exception as error:
        if os.environ.get("EEGSEP_DEBUG"):
            raise
        what = shown(in_a_line(f"{type(error).__name__}: {error}"))
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


for _command in (
    benchmark,
    report,
    ablate,
    inspect,
    merge,
    fit,
    predict,
    export,
    stream,
    list_choices,
    cost,
):
    app.command("list" if _command is list_choices else None)(_command)
app.add_typer(study, name="study")
