"""From recordings to trials: loaded, cut and matched, a subject at a time or several together.

It calls ``loading``, ``cutting`` and matches channels in turn. What cannot be used is left out, and
the reason is told.
"""

import warnings
from operator import attrgetter

import numpy as np
from threadpoolctl import threadpool_limits

from eegsep._utils.errors import RequestError
from eegsep._utils.logs import about
from eegsep.datasets.channels import Recording, match

from .cutting import cut_trials
from .failures import Failure, say_failures, say_step, say_unreadable
from .loading import DataNotFoundError, load_subject
from .trials import Trials


# On one thread, since sums that are split among several differ in their last bits, and with them
# the keys under which scores are kept.
@threadpool_limits.wrap(limits=1, user_api="blas")
def read_trials(dataset, paradigm, subject, *, missing_channels="error"):
    """Read what can be read of one subject's trials, inside :func:`reading_from`.

    Channels are matched by name, see :func:`eegsep.datasets.channels.match`. A session with a run
    that cannot be cut into trials, has values that are not finite, or does not go with the others
    is left out as a whole.

    Parameters
    ----------
    dataset, paradigm, subject
        See :func:`read_subject`.
    missing_channels : {"error", "common", "interpolate"}
        What to do where recordings have other channels, see
        :func:`eegsep.datasets.channels.match`.

    Returns
    -------
    trials : Trials
        With a failure for each session that was left out, or for the subject.

    Raises
    ------
    DataNotFoundError
        If the recordings are not on disk and cannot be downloaded.
    """
    code = dataset.code

    def fail(reason, session=None):
        return Failure(code, subject, session, None, reason)

    with about(code, subject):
        try:
            sessions = load_subject(dataset, subject)
        except DataNotFoundError:
            raise
        except Exception as error:  # whatever a reader makes of a damaged file
            return Trials(dataset, [], [fail(say_unreadable(error))])
    recordings, failures = [], [] if sessions else [fail("has no recording")]
    for session, runs in sessions.items():
        cut, empty, reason = [], [], None
        with about(code, subject, session):
            for run, raw in runs.items():
                try:
                    bands = cut_trials(dataset, paradigm, raw, missing_channels)
                    if bands is None:
                        empty.append(run)
                    else:
                        labels = paradigm.make_labels_pipeline(dataset, True).transform(bands[0])
                        bads = tuple(raw.info["bads"])
                        cut.append(Recording(subject, session, run, bands, np.array(labels), bads))
                except Exception as error:  # of any step from a recording to trials
                    where = f"run {run} " if len(runs) > 1 else ""
                    reason = where + say_step(error)
                    break
            if cut and empty:
                warnings.warn(f"no trial in run {', '.join(map(str, empty))}", stacklevel=2)
        if reason is None and not cut:
            events = ", ".join(paradigm.used_events(dataset))
            reason = f"has no trial of {events} whose window lies within the recording"
        if reason is None:
            recordings += cut
        else:
            failures.append(fail(reason, session))
    with about(code, subject):
        matched, reasons = match(
            recordings,
            missing_channels=missing_channels,
            channels=paradigm.channels,
            unit=attrgetter("session"),
        )
    failures += [fail(reason, session) for session, reason in reasons.items()]
    return Trials(dataset, matched, failures)


def stack_subjects(dataset, parts, *, missing_channels="error", channels=None):
    """Put subjects together who are trained on together; channels are matched by name.

    Parameters
    ----------
    dataset : moabb.datasets.base.BaseDataset
        The dataset.
    parts : sequence of Trials
        A subject each.
    missing_channels, channels
        See :func:`eegsep.datasets.channels.match`.

    Returns
    -------
    trials : Trials
        Of all; subjects who do not go with the others are left out.
    """
    recordings = [recording for part in parts for recording in part.recordings]
    with about(dataset.code):
        matched, reasons = match(recordings, missing_channels=missing_channels, channels=channels)
    failures = [failure for part in parts for failure in part.failures]
    failures += [
        Failure(dataset.code, subject, None, None, reason) for subject, reason in reasons.items()
    ]
    return Trials(dataset, matched, failures)


def read_subject(dataset, paradigm, subject, *, return_epochs=False, missing_channels="error"):
    """Read one subject's trials with a paradigm, inside :func:`reading_from`.

    As MOABB's ``paradigm.get_data`` does, but channels are matched by name.

    Parameters
    ----------
    dataset : moabb.datasets.base.BaseDataset
        The dataset.
    paradigm : moabb.paradigms.base.BaseParadigm
        What to filter, cut and resample.
    subject : int
        Number of the subject.
    return_epochs : bool
        Whether to return ``mne.Epochs``, in volts, rather than an array, in microvolts.
    missing_channels : {"error", "common", "interpolate"}
        What to do where recordings have other channels, see
        :func:`eegsep.datasets.channels.match`.

    Returns
    -------
    X : ndarray, shape (n_trials, n_chans, n_times), or mne.Epochs
        Trials.
    y : ndarray of str, shape (n_trials,)
        Their classes.
    metadata : pandas.DataFrame, length n_trials
        Columns ``subject, session, run``.

    Raises
    ------
    DataNotFoundError
        If the recordings are not on disk and cannot be downloaded.
    RequestError
        If one of them cannot be used, such as one that lacks a channel.
    """
    trials = read_trials(dataset, paradigm, subject, missing_channels=missing_channels)
    if trials.failures:
        raise RequestError(f"{say_failures(trials.failures)}.")
    X = trials.epochs() if return_epochs else trials.array()
    return X, trials.labels, trials.metadata
