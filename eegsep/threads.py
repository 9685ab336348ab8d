"""How many threads torch computes on: one, but for operations whose result does not depend on it.

Sums split over threads end in other last bits, a batch of rows worked on side by side does not.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager

import torch

# Below this number of values, threads wait for each other longer than they compute.
WORTH_THREADS = 2**17


class _OneThread:
    """Compute on one thread, and give the caller's setting back.

    On one thread a fit is the same in however many processes a cross-validation runs, and
    processes do not compete for cores. The setting is the process's: of fits that overlap in
    several threads, the last to end gives it back.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._n_inside = 0
        self.before = 1

    def __enter__(self):
        with self._lock:
            if self._n_inside == 0:
                self.before = torch.get_num_threads()
            self._n_inside += 1
            torch.set_num_threads(1)

    def __exit__(self, *_):
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                torch.set_num_threads(self.before)
                self.before = 1


one_thread = _OneThread()


@contextmanager
def side_by_side(n_values):
    """Within ``one_thread``, compute on as many threads as its caller had.

    For operations on batches of independent rows or matrices only, such as Fourier transforms,
    products of each matrix of a batch, and elementwise ones.

    Parameters
    ----------
    n_values : int
        Size of the arrays; small ones stay on one thread.
    """
    if one_thread.before == 1 or n_values < WORTH_THREADS:
        yield
        return
    torch.set_num_threads(one_thread.before)
    try:
        yield
    finally:
        torch.set_num_threads(1)
