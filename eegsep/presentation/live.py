"""What is shown of a stream while it is decoded: a redrawn view, or lines, and a summary."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import TYPE_CHECKING

import numpy as np

from .terminal import make_console

if TYPE_CHECKING:
    from eegsep.deployment.lab_streaming_layer import LabStream
    from eegsep.deployment.stream_decoder import DecodedWindow, StreamDecoder

# Seconds between two drawings, and between two lines where there is no terminal.
_REDRAWN, _LINE = 0.25, 1.0
_WIDTH = 32
# Latencies that count: an hour of ten windows per second.
_MOST_LATENCIES = 36_000
_OUTCOMES = {
    "bridged": "samples lost and interpolated",
    "reset": "samples lost, or the clock set back: all begins anew",
    "clock": "timestamps went back a little, samples are taken as they come",
    "reconnected": "connected again",
}


class StreamView:
    """Shows windows of a stream as they are decoded; a context, at whose end a summary is shown."""

    def __init__(self, decoder: StreamDecoder, stream: LabStream) -> None:
        self._decoder, self._stream = decoder, stream
        self._console = make_console()
        self._live = None
        self._labels = [str(label) for label in decoder.classes_]
        self._latencies: deque[float] = deque(maxlen=_MOST_LATENCIES)
        self._decisions: Counter = Counter()
        self._last: DecodedWindow | None = None
        self._begin = self._shown = self._came = time.monotonic()
        self._n_samples = 0

    def __enter__(self):
        if self._console.is_terminal:
            from rich.live import Live

            # drawn between chunks by this thread: another would take turns with the decoder
            self._live = Live(self._draw(), console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(self, *_):
        if self._live is not None:
            self._live.update(self._draw())
            self._live.stop()
        self._console.print(self._summary(), highlight=False, soft_wrap=True)

    def show(self, windows: list[DecodedWindow], latency: float) -> None:
        """Take decoded windows, and redraw or print a line if it is time to."""
        for window in windows:
            self._latencies.append(latency)
            if window.decision is not None:
                self._decisions[str(window.decision)] += 1
            self._last = window
        now = time.monotonic()
        if self._decoder.n_samples_ > self._n_samples:
            self._n_samples, self._came = self._decoder.n_samples_, now
        if now - self._shown >= (_REDRAWN if self._live is not None else _LINE):
            self._shown = now
            if self._live is not None:
                self._live.update(self._draw(), refresh=True)
            else:
                self._console.print(self._line(), highlight=False, soft_wrap=True)

    def say(self, time_: float, outcome: str, n_lost: int) -> None:
        """Tell of a gap or a reconnection."""
        number = f", {n_lost} samples" if n_lost else ""
        text = f"{time_:.3f} s: {_OUTCOMES[outcome]}{number}"
        self._console.print(text, highlight=False, soft_wrap=True)

    def latency(self, percentile: float) -> float:
        """Return a percentile of the latencies in milliseconds; NaN without any."""
        return 1e3 * np.percentile(self._latencies, percentile) if self._latencies else np.nan

    def _counts(self):
        decoder = self._decoder
        dropped = decoder.n_dropped_ / max(1, decoder.n_samples_ + decoder.n_dropped_)
        return (
            f"samples {decoder.n_samples_:,}, lost {decoder.n_dropped_:,} ({dropped:.1%}), "
            f"begun anew {decoder.n_resets_}, reconnected {self._stream.n_reconnects}"
        )

    def _times(self):
        return f"latency p50 {self.latency(50):.1f} ms, p99 {self.latency(99):.1f} ms"

    def _now(self):
        silent = time.monotonic() - self._came
        if silent > _LINE:
            return f"no samples for {silent:.0f} s"
        return "no window yet" if self._last is None else f"{self._last.time:.2f} s"

    def _line(self):
        if self._last is None:
            return f"{self._now()}; {self._counts()}"
        shares = ", ".join(
            f"{label} {p:.2f} ({total:.2f})"
            for label, p, total in zip(
                self._labels, self._last.probabilities, self._last.accumulated, strict=True
            )
        )
        decision = "" if self._last.decision is None else f" -> {self._last.decision}"
        return f"{self._now()}: {shares}{decision}; {self._times()}; {self._counts()}"

    def _draw(self):
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        none = np.zeros(len(self._labels))
        one, total = (none, none) if self._last is None else self._last[1:3]
        table.add_row("", "this window", "", "all so far", "")
        for label, p, accumulated in zip(self._labels, one, total, strict=True):
            bars = [ProgressBar(total=1.0, completed=x, width=_WIDTH) for x in (p, accumulated)]
            table.add_row(Text(label), bars[0], f"{p:.2f}", bars[1], f"{accumulated:.2f}")
        decision = None if self._last is None else self._last.decision
        state = f"{self._now()}, {self._times()}, decided: {'-' if decision is None else decision}"
        lines = (self._stream.description, state, self._counts())
        return Group(*map(Text, lines), table, Text("Ctrl+C ends.", style="dim"))

    def _summary(self):
        seconds = time.monotonic() - self._begin
        decided = ", ".join(f"{label} {n}" for label, n in self._decisions.most_common())
        return (
            f"{seconds:.1f} s of {self._stream.description}: {self._decoder.n_windows_:,} windows, "
            f"decided {decided or 'none'}; {self._times()}; {self._counts()}, "
            f"interpolated {self._decoder.n_bridged_:,}"
        )
