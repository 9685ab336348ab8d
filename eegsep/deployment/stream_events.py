"""What came of a stream, as a CSV file: a row for each window, gap and reconnection."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    import numpy as np

    from .stream_decoder import DecodedWindow


class StreamEvents:
    """Writes rows to a file as they come, and nothing to None; a context.

    A file that is there is replaced. Columns are ``time`` (seconds, of a window's last sample),
    ``event`` (``"window"``, ``"bridged"``, ``"reset"``, ``"clock"`` or ``"reconnected"``),
    ``n_lost`` (samples; of a window, those that were interpolated in it), ``latency_ms``,
    ``decision``, and for each class its probability and its accumulated one.
    """

    def __init__(self, path: Path | None, classes: np.ndarray) -> None:
        self._file = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "w", newline="", encoding="utf-8", buffering=1)  # noqa: SIM115
        labels = [f"{kind} {label}" for kind in ("probability", "accumulated") for label in classes]
        self._n_more = len(labels)
        self._row("time", "event", "n_lost", "latency_ms", "decision", *labels)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def note(self, time: float, event: str, n_lost: int) -> tuple[float, str, int]:
        """Write of a gap or a reconnection, and return what was written."""
        self._row(f"{time:.6f}", event, n_lost, *[""] * (2 + self._n_more))
        return time, event, n_lost

    def write(self, windows: list[DecodedWindow], latency: float) -> None:
        """Write of windows that were decoded so many seconds after their last sample came."""
        for window in windows:
            shares = [f"{p:.9g}" for p in (*window.probabilities, *window.accumulated)]
            decision = "" if window.decision is None else window.decision
            first = f"{window.time:.6f}", "window", window.n_bridged, f"{1e3 * latency:.3f}"
            self._row(*first, decision, *shares)

    def _row(self, *cells):
        if self._file is not None:
            csv.writer(self._file).writerow(cells)
