"""How many threads torch computes on: one, but for operations whose result does not depend on it.

Sums split over threads end in other last bits, a batch of rows worked on side by side does not.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from weakref import WeakKeyDictionary

import torch


class _OneThread:
    """Compute on one thread, and give the caller's setting back.

    On one thread a fit is the same in however many processes a cross-validation runs, and
    processes do not compete for cores. In torch the setting is that of the calling thread, and the
    last one that any thread made is what new threads begin with.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._n_inside = 0
        self._first = 1
        self._own = threading.local()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self):
        """In a forked process, forget the parent's other threads: they went on there alone."""
        self._lock = threading.Lock()
        self._n_inside = len(getattr(self._own, "before", []))

    @property
    def before(self):
        """How many threads the caller had; 1 where it is not inside."""
        return self._own.before[0] if getattr(self._own, "before", None) else 1

    def __enter__(self):
        before = torch.get_num_threads()
        with self._lock:
            if self._n_inside == 0:
                self._first = before
            elif before == 1 and not getattr(self._own, "before", None):
                before = self._first  # a thread that began while others were inside
            self._n_inside += 1
        self._own.before = [*getattr(self._own, "before", []), before]
        torch.set_num_threads(1)

    def __exit__(self, *_):
        with self._lock:
            self._n_inside -= 1
        torch.set_num_threads(self._own.before.pop())


one_thread = _OneThread()


class _OneAtATime:
    """A lock for each object, kept beside it: objects with locks in them cannot be copied."""

    def __init__(self):
        self._start_anew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_anew)

    def _start_anew(self):
        """Forget the locks, in a forked process: those who hold them went on in the parent."""
        self._lock, self._locks = threading.Lock(), WeakKeyDictionary()

    @contextmanager
    def __call__(self, thing):
        """Wait until no other thread is inside with the same object."""
        with self._lock:
            lock = self._locks.setdefault(thing, threading.RLock())
        with lock:
            yield


one_at_a_time = _OneAtATime()


def in_parts(function, n_trials):
    """Within ``one_thread``, call a function for all trials, parts of them on the caller's threads.

    These are Python's own threads: torch's wait for each other in a loop that burns the processor,
    and where other processes want it too, take ten times as long.

    Parameters
    ----------
    function : callable
        Takes the first trial of a part and the one behind the last; releases Python's lock, and
        writes to what belongs to its own trials only.
    n_trials : int
    """
    n_parts = min(one_thread.before, _n_cores(), n_trials)
    if n_parts == 1:
        function(0, n_trials)
        return

    def on_one_thread(first, last):
        # not when the thread begins: after the caller left, it would set torch to 1 again
        torch.set_num_threads(1)
        function(first, last)

    own, *others = pairwise(i * n_trials // n_parts for i in range(n_parts + 1))
    pool = _helpers(os.getpid())
    waiting = [pool.submit(on_one_thread, *part) for part in others]
    try:
        function(*own)
    finally:
        wait(waiting)
    for part in waiting:
        part.result()


def _n_cores():
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _helpers(process):
    """Make the one pool of threads, anew in a forked process, which has none of its parent's.

    A thread begins when there is work and none is idle, so that there are as many as were needed.
    """
    return ThreadPoolExecutor(_n_cores(), "eegsep")
