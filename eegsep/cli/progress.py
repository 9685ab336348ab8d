"""How far a study is, on stderr."""

import sys
import time

import typer

from eegsep._utils.shown import shown
from eegsep.presentation.terminal import make_console


class Progress:
    """A bar on stderr: stages, what was last done, and the time left.

    A live one is redrawn all the time, which would disturb what measures times. Where stderr is no
    terminal, a line now and then says how far it is.
    """

    seconds_between_lines = 30

    def __init__(self, *, live=True):
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
            console=make_console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
            auto_refresh=live,
            speed_estimate_period=1e6,  # steps differ: networks take long, the rest is quick
        )
        self._task = None
        self._description, self._last_line = "", time.monotonic()

    def __enter__(self):
        self._bar.start()
        self.stage("loading libraries")  # which is what each command does first
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
        label = shown(label)
        if stage == "plan":
            text = f"eegsep: evaluating begins: {label}"
            self._bar.console.print(text, highlight=False, soft_wrap=True)
            return
        if not label:
            names = {
                "workers": "waiting for workers",
                "read": "reading subjects",
                "fit": "evaluating",
                "map": "fitting for scalp maps",
                "permute": "permuting labels",
                "try": "trying variants",
                "memory": "measuring memory",
                "prepare": "filtering",
                "predict": "decoding windows",
                "separability": "measuring separability",
            }
            self.stage(names.get(stage, stage), total, done)
        self._bar.update(self._task, completed=done, label=label, refresh=True)
        late = time.monotonic() - self._last_line >= self.seconds_between_lines
        if self._bar.disable and label and late:
            typer.echo(f"eegsep: {self._description} {done}/{total}, {label}", err=True)
            self._last_line = time.monotonic()
