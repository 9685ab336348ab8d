"""Other people's networks as pipeline steps, run as their own users run them.

braindecode is imported at the first fit, so that pipelines can be listed without it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

if TYPE_CHECKING:
    from typing import Self

    import mne
    from numpy.typing import ArrayLike


class BraindecodeClassifier(ClassifierMixin, BaseEstimator):
    """A braindecode network under braindecode's own ``EEGClassifier``.

    Adds what a MOABB pipeline asks for and skorch lacks: construction from YAML, float64 input,
    labels of any kind, and a seed. Every fit builds a new network. Adam, no validation split, and
    no dropped last batch (braindecode's default would leave a set smaller than a batch untrained).

    Parameters
    ----------
    model : str, default="EEGNet"
        Name of a class in ``braindecode.models``.
    max_epochs : int, default=100
        Passes over the training trials.
    batch_size : int, default=64
        Trials in a mini-batch.
    lr : float, default=0.001
        Learning rate of Adam.
    random_state : int | None, default=None
        Seed of weights, batches and dropout; None draws from torch's global generator. The global
        generators are left as they were.
    device : str, default="auto"
        ``"auto"`` for a CUDA device where there is one, or what ``torch.device`` takes.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels.
    net_ : braindecode.EEGClassifier
        The fitted classifier, whose own labels are positions in ``classes_``.

    Examples
    --------
    >>> import numpy as np
    >>> from eegsep.estimator.peers import BraindecodeClassifier
    >>> X = np.random.default_rng(0).normal(size=(20, 8, 256))
    >>> y = np.repeat(["left_hand", "right_hand"], 10)
    >>> BraindecodeClassifier(max_epochs=1, random_state=0).fit(X, y).predict(X).shape
    (20,)
    """

    def __init__(
        self,
        model: str = "EEGNet",
        *,
        max_epochs: int = 100,
        batch_size: int = 64,
        lr: float = 1e-3,
        random_state: int | None = None,
        device: str = "auto",
    ) -> None:
        self.model = model
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.random_state = random_state
        self.device = device

    def fit(self, X: np.ndarray | mne.BaseEpochs, y: ArrayLike) -> Self:
        """Train a new network.

        Parameters
        ----------
        X : ndarray, shape (n_trials, n_chans, n_times), or mne.Epochs
            Training trials; MOABB hands out microvolts, and Epochs are read in microvolts.
        y : array-like, shape (n_trials,)
            Labels.

        Returns
        -------
        self : BraindecodeClassifier
        """
        import torch
        from braindecode import EEGClassifier

        device = self.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.classes_, encoded = np.unique(y, return_inverse=True)
        net = EEGClassifier(
            self.model,
            optimizer=torch.optim.Adam,
            lr=self.lr,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            train_split=None,
            iterator_train__drop_last=False,
            device=device,
            verbose=0,
        )
        with _seeded(self.random_state):
            self.net_ = net.fit(_as_float32(X), encoded.astype(np.int64))
        return self

    def predict_proba(self, X: np.ndarray | mne.BaseEpochs) -> np.ndarray:
        """Probabilities of the classes, shape (n_trials, n_classes), for trials as in ``fit``."""
        with _seeded(self.random_state):  # a DataLoader draws a number even without shuffling
            return self.net_.predict_proba(_as_float32(X))

    def predict(self, X: np.ndarray | mne.BaseEpochs) -> np.ndarray:
        """Labels, shape (n_trials,), for trials as in ``fit``."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _as_float32(X):
    if hasattr(X, "get_data"):
        X = X.get_data(units="uV")
    return np.asarray(X, dtype=np.float32)


@contextmanager
def _seeded(random_state):
    """Seed torch while it lasts, and give its generators back as they were."""
    import torch

    if random_state is None:
        yield
        return
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(random_state)
        yield
