"""Trials brought to common electrodes, whichever ones they were recorded from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mne
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from eegsep.datasets.electrodes import known_montage
from eegsep.datasets.electrodes import montage as montage_1005

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self


class CommonMontage(TransformerMixin, BaseEstimator):
    """Interpolate trials to a set of electrodes, by MNE's ``interpolate_to``.

    For what is fitted to recordings of some electrodes and used on those of others. Each trial is
    interpolated by itself; nothing is learned. Channels that are marked bad are not used.

    Parameters
    ----------
    ch_names : sequence of str
        Electrodes that the trials are to have, by their names in the montage.
    montage : mne.channels.DigMontage | str | None, default=None
        Where they are: a montage, or the name of one of MNE's; None for the 10-05 system.
    method : {"spline", "MNE"}, default="spline"
        Spherical splines [1]_, or minimum-norm estimates.

    References
    ----------
    .. [1] Perrin, F., Pernier, J., Bertrand, O., & Echallier, J. F. (1989). Spherical splines for
       scalp potential and current density mapping. Electroencephalography and Clinical
       Neurophysiology, 72(2), 184-187.

    Examples
    --------
    >>> import mne
    >>> import numpy as np
    >>> from eegsep.preprocessing import CommonMontage
    >>> info = mne.create_info(["Fz", "C3", "C4", "Pz"], 128.0, "eeg").set_montage("biosemi64")
    >>> epochs = mne.EpochsArray(1e-5 * np.ones((2, 4, 10)), info, verbose=False)
    >>> CommonMontage(["F3", "Cz", "P4"]).fit_transform(epochs).ch_names
    ['F3', 'Cz', 'P4']
    """

    def __init__(
        self,
        ch_names: Sequence[str],
        *,
        montage: mne.channels.DigMontage | str | None = None,
        method: str = "spline",
    ) -> None:
        self.ch_names = ch_names
        self.montage = montage
        self.method = method

    def fit(self, X: mne.BaseEpochs, y: object = None) -> Self:
        """Check the electrodes; nothing is learned.

        Parameters
        ----------
        X : mne.Epochs
            Trials whose EEG channels have places.
        y : object
            Not used.

        Returns
        -------
        self : CommonMontage

        Raises
        ------
        TypeError
            If X is not Epochs.
        ValueError
            If an electrode is not in the montage or named twice, the montage or the method is
            unknown, X has no trials, or a channel of it has no place.
        """
        if self.method not in ("spline", "MNE"):
            raise ValueError(f"method must be 'spline' or 'MNE', not {self.method!r}.")
        self._target()
        _check_places(X)
        return self

    def transform(self, X: mne.BaseEpochs) -> mne.BaseEpochs:
        """Interpolate trials.

        Parameters
        ----------
        X : mne.Epochs
            Trials whose EEG channels have places, these or others than in ``fit``.

        Returns
        -------
        epochs : mne.Epochs
            With the channels ``ch_names``, in volts.

        Raises
        ------
        TypeError, ValueError
            As in :meth:`fit`.
        """
        _check_places(X)
        epochs = X.copy().load_data().pick("eeg", exclude=())
        with mne.use_log_level("ERROR"):
            interpolated = epochs.interpolate_to(self._target(), method=self.method)
            # with the events, which MNE leaves out
            return mne.EpochsArray(
                interpolated.get_data(copy=False),
                interpolated.info,
                epochs.events,
                epochs.tmin,
                epochs.event_id,
                metadata=epochs.metadata,
                proj=False,
            )

    def _target(self):
        """Return a montage of the chosen electrodes alone."""
        montage = self.montage
        if montage is None:
            montage = montage_1005()
        elif isinstance(montage, str):
            known = mne.channels.get_builtin_montages()
            if known_montage(montage) not in known:
                raise ValueError(f"montage must be one of {', '.join(known)}, not {montage!r}.")
            montage = mne.channels.make_standard_montage(known_montage(montage))
        elif not isinstance(montage, mne.channels.DigMontage):
            raise TypeError(f"montage must be a DigMontage or a name, not {montage!r}.")
        ch_names = list(self.ch_names) if np.ndim(self.ch_names) == 1 else [self.ch_names]
        positions = montage.get_positions()
        places = positions["ch_pos"]
        unknown = [
            str(name) for name in ch_names if not isinstance(name, str) or name not in places
        ]
        if isinstance(self.ch_names, str) or unknown or not ch_names:
            raise ValueError(
                f"ch_names must be electrodes of the montage, not {', '.join(unknown) or 'none'}."
            )
        if len(set(ch_names)) < len(ch_names):
            raise ValueError("ch_names has an electrode twice.")
        return mne.channels.make_dig_montage(
            {name: places[name] for name in ch_names},
            **{name: positions[name] for name in ("nasion", "lpa", "rpa", "coord_frame")},
        )

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags


def _check_places(X):
    if not isinstance(X, mne.BaseEpochs):
        raise TypeError(
            f"X must be mne.Epochs, whose channels have places, not {type(X).__name__}."
        )
    if not len(X):
        raise ValueError("X has no trials.")
    chs = [X.info["chs"][k] for k in mne.pick_types(X.info, eeg=True)]
    if not chs:
        raise ValueError("X has no EEG channel that is not marked bad.")
    nowhere = [ch["ch_name"] for ch in chs if not np.isfinite(ch["loc"][:3]).all()]
    nowhere += [ch["ch_name"] for ch in chs if not np.any(ch["loc"][:3])]
    if nowhere:
        raise ValueError(
            f"channels {', '.join(nowhere)} have no place: give the Epochs a montage, by "
            "epochs.set_montage."
        )
