"""What could not be used or scored, and why, in a line each.

Failures of a study, summed up by reason; and what readers of damaged files leave unsaid.
"""

import os
import textwrap
import traceback
from dataclasses import dataclass
from pathlib import Path

from eegsep._utils.errors import RequestError, in_a_line
from eegsep._utils.logs import join_ranges


@dataclass(frozen=True)
class Failure:
    """What could not be used or scored, and why.

    Attributes
    ----------
    dataset : str
        Code of the dataset.
    subject : int
        Number of the subject.
    session : str | None
        Name of the session; None for all of the subject's.
    pipeline : str | None
        Name of the pipeline that failed; None where it is the recording.
    reason : str
        Why, in a line.
    """

    dataset: str
    subject: int
    session: str | None
    pipeline: str | None
    reason: str

    def __str__(self):
        ((where, reason),) = group_failures([self])
        return f"{where}: {reason}"


def group_failures(failures):
    """Sum up failures: what failed for the same reason once, with all of its subjects.

    Parameters
    ----------
    failures : sequence of Failure
        In any order.

    Returns
    -------
    groups : list of (str, str)
        Where (dataset and subjects, with session and pipeline where it is not all of them), and
        why.
    """
    groups = {}
    for each in failures:
        key = each.dataset, each.session, each.pipeline, each.reason
        groups.setdefault(key, set()).add(each.subject)
    rows = []
    for (dataset, session, pipeline, reason), subjects in groups.items():
        where = f"{dataset}, subject{'s' if len(subjects) > 1 else ''} {join_ranges(subjects)}"
        where += "" if session is None else f", session {session}"
        rows.append((where + ("" if pipeline is None else f", {pipeline}"), reason))
    return rows


def say_failures(failures):
    """Write failures in a line, see :func:`group_failures`."""
    return "; ".join(f"{where}: {reason}" for where, reason in group_failures(failures))


def say_unreadable(error):
    """Say in a line which file cannot be read, and why."""
    if isinstance(error, RequestError):  # which says it all
        return str(error).rstrip(".")
    file = _file_of(error)
    if isinstance(error, PermissionError):
        return f"no permission to read {file or 'the recording'}"
    what = "the recording" if file is None else str(file)
    return f"cannot read {what} ({_named(error)})"


def _file_of(error):
    """Find the file that was being read when an error came up, None if it is not known."""
    if isinstance(error, OSError) and error.filename is not None:
        return error.filename
    # readers seldom name it, but all of them hold on to it
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        for name in ("fname", "filename", "file_name", "input_fname", "raw_fname", "path"):
            value = frame.f_locals.get(name)
            if isinstance(value, (str, Path)) and os.path.isfile(value):
                return value
    return None


def say_step(error):
    """Say in a line why a recording cannot be cut into trials."""
    text = in_a_line(error)
    return text if isinstance(error, ValueError) and text else _named(error)


def _named(error):
    text = in_a_line(error) or "no reason given"
    return f"{type(error).__name__}: {textwrap.shorten(text, 200, placeholder=' ...')}"
