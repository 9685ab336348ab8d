"""Trials of recordings that go together, stacked as they are asked for.

As an array in microvolts, or as Epochs in volts.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eegsep._utils.errors import RequestError, in_a_line


@dataclass(frozen=True, eq=False)
class Trials:
    """Recordings that go together, stacked as they are asked for.

    Attributes
    ----------
    dataset : moabb.datasets.base.BaseDataset
        Where they are from.
    recordings : list of eegsep.datasets.channels.Recording
        With the same channels and windows; may be empty.
    failures : list of Failure
        The recordings that were left out.
    """

    dataset: Any
    recordings: list
    failures: list

    @property
    def labels(self):
        """Classes of the trials (ndarray of str, shape (n_trials,))."""
        return np.concatenate([recording.labels for recording in self.recordings])

    @property
    def metadata(self):
        """Columns ``subject, session, run`` (pandas.DataFrame, length n_trials)."""
        import pandas as pd

        parts = [
            pd.DataFrame(
                {"subject": each.subject, "session": each.session, "run": each.run},
                index=range(len(each.labels)),
            )
            for each in self.recordings
        ]
        return pd.concat(parts, ignore_index=True)

    def array(self):
        """Stack the trials, in the dataset's unit for arrays: microvolts.

        Returns
        -------
        X : ndarray, shape (n_trials, n_chans, n_times) or (n_trials, n_chans, n_times, n_bands)
        """
        first, n_trials = self.recordings[0], sum(len(each.labels) for each in self.recordings)
        shape = (n_trials, *first.bands[0].get_data(copy=False).shape[1:], len(first.bands))
        X, done = np.empty(shape), 0
        for recording in self.recordings:
            part = X[done : done + len(recording.labels)]
            for k, epochs in enumerate(recording.bands):
                np.multiply(self.dataset.unit_factor, epochs.get_data(copy=False), out=part[..., k])
            done += len(part)
        return X[..., 0] if len(first.bands) == 1 else X

    def epochs(self):
        """Stack the trials as Epochs, in volts.

        Returns
        -------
        epochs : mne.Epochs
            With the metadata.

        Raises
        ------
        RequestError
            If they are of several pass bands, or MNE refuses to stack them.
        """
        import mne

        parts = []
        for recording in self.recordings:
            if len(recording.bands) > 1:
                raise RequestError("trials in several pass bands cannot be Epochs.")
            part = recording.bands[0].copy()
            # as MOABB does: their times are those of different recordings
            part.set_annotations(None)
            parts.append(part)
        try:
            epochs = mne.concatenate_epochs(parts, verbose="error") if len(parts) > 1 else parts[0]
        except (RuntimeError, ValueError) as error:
            why = in_a_line(error)
            raise RequestError(f"{self.dataset.code}: cannot stack recordings ({why}).") from error
        epochs.metadata = self.metadata
        return epochs

    def only(self, keep):
        """Take some of the recordings.

        Parameters
        ----------
        keep : callable
            Called with a recording; whether to keep it.

        Returns
        -------
        trials : Trials
        """
        return replace(self, recordings=[each for each in self.recordings if keep(each)])
