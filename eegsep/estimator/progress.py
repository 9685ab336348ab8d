"""What a training shows of itself while it lasts: a bar, and which epoch was the best.

Drawn by rich, which is imported when there is something to show.
"""

from __future__ import annotations

from contextlib import contextmanager

from eegsep.training import hooks


class ShowEpoch(hooks.Hook):
    """Moves a task of rich's bar on with each epoch's losses, and keeps the epochs' records."""

    def __init__(self, bar, task):
        self.history, self._bar, self._task = [], bar, task

    def on_epoch_end(self, state):
        """Show the losses of the epoch that has ended."""
        record = state.read()
        self.history.append(record)
        parts = [f"{k} {record[k]:.3f}" for k in ("train_loss", "valid_loss") if k in record]
        self._bar.update(self._task, advance=1, description=" ".join(parts))


@contextmanager
def shown_progress(verbose, n_epochs):
    """Show a bar while it lasts, but for ``verbose=0``; yields the hooks that move it."""
    if not verbose:
        yield []
        return

    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.completed:>4.0f}/{task.total:.0f} epochs"), BarColumn()
    with Progress(*columns, TextColumn("{task.description}"), TimeRemainingColumn()) as bar:
        hook = ShowEpoch(bar, bar.add_task("", total=n_epochs))
        yield [hook]
        history = hook.history
        best = [i for i, record in enumerate(history, 1) if record.get("valid_best")]
        if best:
            n_epochs = len(history)
            bar.update(bar.task_ids[0], total=n_epochs)
            bar.console.print(
                f"{n_epochs} epochs, the last {n_epochs - best[-1]} without a smaller validation "
                f"loss: ends with the weights of epoch {best[-1]}, "
                f"valid_loss {history[best[-1] - 1]['valid_loss']:.3f}"
            )
