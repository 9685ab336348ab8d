"""Alignment: each subject's or session's trials are whitened by their own mean covariance.

The groups come by scikit-learn's metadata routing. What is tested never moves what was learned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyriemann.geometry.base import invsqrtm
from pyriemann.geometry.covariance import covariances
from pyriemann.geometry.mean import gmean
from sklearn.utils.validation import check_is_fitted

from eegsep._utils.values import groups_of

from .trials import TrialsTransformer

if TYPE_CHECKING:
    from typing import Self

    import mne
    from numpy.typing import ArrayLike

METRICS = ("euclid", "logeuclid", "riemann")


class GroupAlignment(TrialsTransformer):
    r"""Whiten the trials of each group by the group's own mean covariance.

    A trial X of a group with the mean covariance :math:`\bar C` becomes :math:`\bar C^{-1/2} X`, so
    that what differs between groups in amplitudes and mixing of electrodes is gone. Groups are
    sessions or subjects. With the Euclidean mean this is Euclidean alignment [1]_, with the
    Riemannian mean the re-centring of [2]_, of signals rather than of covariance matrices.

    MOABB's ``EuclideanAlignment`` knows one group, and pyRiemann's ``TLCenter`` takes covariance
    matrices.

    Parameters
    ----------
    metric : {"euclid", "logeuclid", "riemann"}, default="euclid"
        Of the mean.
    estimator : str, default="lwf"
        Of a trial's covariance, as ``pyriemann.geometry.covariance.covariances`` takes it. Those
        that shrink, as Ledoit and Wolf's, are of full rank after an average reference too.
    recentre_unseen : bool, default=False
        How :meth:`transform` whitens groups without training trials: False by the mean of the
        training groups' covariances; True by the mean of the group's own trials that it is given
        together, without their labels. Then the result for a trial depends on the trials that are
        transformed with it.

    Attributes
    ----------
    groups_ : ndarray, shape (n_groups,), or None
        Labels of the training groups; None where there were none, of a single group.
    references_ : ndarray, shape (n_groups, n_chans, n_chans)
        Their mean covariances.
    reference_ : ndarray, shape (n_chans, n_chans)
        The mean of these.
    target_reference_ : ndarray, shape (n_chans, n_chans), or None
        Mean covariance of ``X_target_unlabeled``.
    n_features_in_ : int
        Number of channels.

    Notes
    -----
    In a pipeline groups come by scikit-learn's metadata routing. MOABB's evaluations across
    subjects offer ``subjects`` and, where it is asked of them, ``X_target_unlabeled``, which this
    step requests by itself. For metadata of another name say so:
    ``GroupAlignment().set_fit_request(groups="session").set_transform_request(groups="session")``.

    References
    ----------
    .. [1] He, H., & Wu, D. (2020). Transfer learning for brain-computer interfaces: a Euclidean
       space data alignment approach. IEEE Transactions on Biomedical Engineering, 67(2), 399-410.
    .. [2] Zanini, P., Congedo, M., Jutten, C., Said, S., & Berthoumieu, Y. (2018). Transfer
       learning: a Riemannian geometry framework with applications to brain-computer interfaces.
       IEEE Transactions on Biomedical Engineering, 65(5), 1107-1116.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep.preprocessing import GroupAlignment
    >>> X = np.random.default_rng(0).normal(size=(20, 4, 100))
    >>> X[10:] *= 7
    >>> session = np.repeat(["first", "second"], 10)
    >>> aligned = GroupAlignment().fit_transform(X, groups=session)
    >>> bool(abs(aligned[:10].std() - aligned[10:].std()) < 0.01)
    True
    """

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [str, callable],
        "recentre_unseen": ["boolean"],
    }
    __metadata_request__fit = {"groups": "subjects", "X_target_unlabeled": True}  # noqa: RUF012
    __metadata_request__transform = {"groups": "subjects"}  # noqa: RUF012

    def __init__(
        self, metric: str = "euclid", *, estimator: str = "lwf", recentre_unseen: bool = False
    ) -> None:
        self.metric = metric
        self.estimator = estimator
        self.recentre_unseen = recentre_unseen

    def fit(
        self,
        X: np.ndarray | mne.BaseEpochs,
        y: object = None,
        *,
        groups: ArrayLike | None = None,
        X_target_unlabeled: np.ndarray | mne.BaseEpochs | None = None,
    ) -> Self:
        """Learn the mean covariance of each group.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_chans, n_times), or mne.Epochs
            Training trials, in any unit.
        y : object
            Not used.
        groups : array-like, shape (n_trials,), or None
            The group of each trial; None for a single group.
        X_target_unlabeled : ndarray, shape (n_target_trials, n_chans, n_times), or mne.Epochs
            Trials without labels of the group that will be transformed, where there are some. They
            are the ones that groups without training trials are then whitened by.

        Returns
        -------
        self : GroupAlignment

        Raises
        ------
        ValueError
            If a parameter is wrong, lengths differ, a group is missing, or a mean covariance has
            no inverse.
        """
        if not isinstance(self.metric, str) or self.metric not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}, not {self.metric!r}.")
        self._validate_params()
        X = self._check_trials(X, reset=True)
        self.groups_, index = _check_groups(X, groups)
        self.references_ = np.array([self._mean(X[index == k]) for k in range(index.max() + 1)])
        self.reference_ = gmean(self.references_, metric=self.metric)
        self.target_reference_ = None
        if X_target_unlabeled is not None:
            target = self._check_trials(X_target_unlabeled, reset=False)
            self.target_reference_ = self._mean(target)
        return self

    def fit_transform(
        self,
        X: np.ndarray | mne.BaseEpochs,
        y: object = None,
        *,
        groups: ArrayLike | None = None,
        X_target_unlabeled: np.ndarray | mne.BaseEpochs | None = None,
    ) -> np.ndarray:
        """Learn the mean covariance of each group, and whiten its trials by it.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_chans, n_times), or mne.Epochs
            Trials.
        y : None
            Ignored.
        groups, X_target_unlabeled
            As in :meth:`fit`.

        Returns
        -------
        X_aligned : ndarray, shape (n_trials, n_chans, n_times)
            As of :meth:`transform`.
        """
        self.fit(X, groups=groups, X_target_unlabeled=X_target_unlabeled)
        X = self._check_trials(X, reset=False)
        return _whiten(X, _check_groups(X, groups)[1], self.references_)

    def transform(
        self, X: np.ndarray | mne.BaseEpochs, groups: ArrayLike | None = None
    ) -> np.ndarray:
        """Whiten trials.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_chans, n_times), or mne.Epochs
            Trials, in the unit of those of ``fit``.
        groups : array-like, shape (n_trials,), or None
            The group of each trial: those of ``fit`` are whitened as there. None for a single
            group, one without training trials.

        Returns
        -------
        X_aligned : ndarray, shape (n_trials, n_chans, n_times)

        Raises
        ------
        ValueError
            If lengths or channels differ, or a mean covariance has no inverse.
        """
        check_is_fitted(self)
        X = self._check_trials(X, reset=False)
        names, index = _check_groups(X, groups)
        if groups is None:
            return _whiten(X, index, [self._reference_of_unseen(X)])
        fitted = () if self.groups_ is None else self.groups_
        seen = dict(zip(fitted, self.references_, strict=False))
        references = [
            seen[name] if name in seen else self._reference_of_unseen(X[index == k])
            for k, name in enumerate(names)
        ]
        return _whiten(X, index, references)

    def _reference_of_unseen(self, X):
        if self.target_reference_ is not None:
            return self.target_reference_
        return self._mean(X) if self.recentre_unseen else self.reference_

    def _mean(self, X):
        mean = gmean(covariances(X, estimator=self.estimator), metric=self.metric)
        values = np.linalg.eigvalsh(mean)
        if not values[0] > np.finfo(X.dtype).eps * len(values) * values[-1]:
            raise ValueError(
                "a mean covariance has no inverse: channels depend on each other, as after an "
                f"average reference, so that estimator={self.estimator!r} must be one that "
                "shrinks, such as 'lwf'."
            )
        return mean


def _check_groups(X, groups):
    """Return the labels of the groups, and the position in them of each trial's."""
    groups = groups_of("GroupAlignment", groups, len(X))
    if groups is None:
        return None, np.zeros(len(X), dtype=int)
    return np.unique(groups, return_inverse=True)


def _whiten(X, index, references):
    whitened = np.empty_like(X)
    for k, reference in enumerate(references):
        own = index == k
        whitened[own] = invsqrtm(reference) @ X[own]
    return whitened
