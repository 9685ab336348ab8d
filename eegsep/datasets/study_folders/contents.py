"""What a study has: a row for each recording, with its trials of each class, or why it has none.

For ``eegsep study check``: recordings are read whole, as a benchmark will read them.
"""

from __future__ import annotations

from collections import Counter

import pandas as pd

from eegsep._utils.logs import quiet
from eegsep.datasets.recordings.failures import say_unreadable

from .reading import read_entry


def list_contents(dataset, progress=None):
    """Read a study, and tell what is in it.

    Parameters
    ----------
    dataset : Study
    progress : callable | None
        Called as ``progress("read", done, total, label)``.

    Returns
    -------
    table : pandas.DataFrame
        Columns ``subject, name, session, run, file, channels, sfreq, seconds``, one for each class
        with its number of trials, and ``problem``, empty where there is none.
    caught : collections.Counter
        Warnings, as :func:`eegsep._utils.logs.quiet` collects them.
    """
    progress = progress or (lambda *_: None)
    rows, caught = [], Counter()
    progress("read", 0, len(dataset.entries), "")
    for k, entry in enumerate(dataset.entries, 1):
        row = {
            "subject": entry.subject,
            "name": dataset.subject_names[entry.subject],
            "session": entry.session,
            "run": entry.run,
            "file": entry.path,
        }
        problem = ""
        try:
            with quiet(caught):
                raw = read_entry(dataset.description, entry)
            n_eeg = raw.get_channel_types().count("eeg")
            row |= {"channels": n_eeg, "sfreq": raw.info["sfreq"], "seconds": raw.times[-1]}
            row |= dict.fromkeys(dataset.event_id, 0) | _count(raw, dataset.event_id)
            if not any(row[name] for name in dataset.event_id):
                problem = f"has no marker of {', '.join(dataset.event_id)}"
        except Exception as error:  # whatever a reader makes of a damaged file
            problem = say_unreadable(error)
        rows.append(row | {"problem": problem})
        progress("read", k, len(dataset.entries), entry.path)
    columns = ["subject", "name", "session", "run", "file", "channels", "sfreq", "seconds"]
    return pd.DataFrame(rows, columns=[*columns, *dataset.event_id, "problem"]), caught


def _count(raw, classes):
    return {name: n for name, n in Counter(raw.annotations.description).items() if name in classes}
