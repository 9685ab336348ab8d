"""Evidence for each class, accumulated over the windows of a stream."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

# No single window speaks more strongly against a class than by this probability.
_LEAST = 1e-6


class Evidence:
    r"""Sum of the windows' log-odds, of which the past fades.

    After window n, with probabilities :math:`p_k(n)`,

    .. math:: E_k(n) = \gamma E_k(n-1) + w \left(\ln p_k(n) - \frac1C \sum_j \ln p_j(n)\right)

    and the accumulated probabilities are the softmax of E. :math:`\gamma` is what is kept of the
    past from one window to the next, ``exp(-step / memory)``. :math:`w` is the share of each window
    that the one before does not have, ``min(1, step / duration)``: windows that overlap are not
    independent, and no sample is to count twice. Probabilities below 1e-6 count as that. For
    windows that do not overlap and a memory without end this is Bayes' rule for independent windows
    and classes that are equally likely.

    Parameters
    ----------
    n_classes : int
    step, duration : float
        Seconds from one window to the next, and of a window.
    memory : float | None
        Seconds in which evidence fades to 1 / e; None for a sum that keeps all.
    """

    def __init__(
        self, n_classes: int, *, step: float, duration: float, memory: float | None
    ) -> None:
        self._kept = 1.0 if memory is None else float(np.exp(-step / memory))
        self._weight = min(1.0, step / duration)
        self._n_classes = n_classes
        self.reset()

    def reset(self) -> None:
        """Begin anew, with no evidence for any class."""
        self._sum = np.zeros(self._n_classes)
        self.n_windows = 0

    def add(self, probabilities: np.ndarray) -> np.ndarray:
        """Take a window's probabilities (n_classes,), and return the accumulated ones."""
        logs = np.log(np.maximum(probabilities, _LEAST))
        self._sum = self._kept * self._sum + self._weight * (logs - logs.mean())
        self.n_windows += 1
        return softmax(self._sum)
