"""A benchmark on a Dask cluster: workers read and score, this process plans and files.

Trials stay on the workers. What a lost worker had or was at, `distributed` does again elsewhere.
"""

from __future__ import annotations

import logging
import platform
import re
import threading
import uuid
from collections import deque
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import asdict, replace
from pathlib import Path

import joblib
from threadpoolctl import threadpool_limits

from eegsep._utils.errors import RequestError, in_a_line
from eegsep._utils.extras import import_extra
from eegsep.datasets.recordings import Failure, reading_from

from . import digests
from .reading import read_unit
from .steps import rows_to_keep, score

# In seconds: how long a scheduler may take to answer, a first worker to come, and how often to look
# whether the scheduler is still there.
_ANSWER, _COME, _LOOK = 10, 60, 5
_KEPT = "Scores so far are kept: the same request goes on."


def chosen_scheduler(scheduler):
    """Find the scheduler that computes: joblib's where its backend ``"dask"`` is chosen.

    It is as :func:`eegsep.studies.benchmark.benchmark` takes it, None for no cluster.
    """
    if scheduler is None:
        backend, _ = joblib.parallel.get_active_backend()
        scheduler = getattr(backend, "client", None)
    return scheduler


def on_cluster(scheduler, data_dir, progress):
    """Connect to a cluster, if one is asked for (context manager, of a :class:`Cluster` or None).

    The scheduler is that of :func:`chosen_scheduler`, ``data_dir`` the folder of recordings on the
    workers.
    """
    return nullcontext() if scheduler is None else Cluster(scheduler, data_dir, progress)


class Cluster:
    """Workers of a Dask scheduler; to be used in a ``with`` statement.

    Parameters
    ----------
    scheduler, data_dir, progress
        See :func:`on_cluster`; with a scheduler.

    Attributes
    ----------
    address : str
        Of the scheduler.

    Raises
    ------
    RequestError
        If `distributed` is not installed, no scheduler answers, no worker comes, or one has other
        versions or several threads.
    """

    def __init__(self, scheduler, data_dir, progress):
        self._scheduler, self._progress = scheduler, progress
        self._data_dir = None if data_dir is None else Path(data_dir).expanduser().absolute()

    def __enter__(self):
        self._distributed = import_extra("distributed", "distributed", "a scheduler needs Dask")
        with ExitStack() as stack:
            stack.enter_context(_quiet_dask())
            self._client = stack.enter_context(self._connect())
            self.address = self._client.scheduler.address
            self._check_workers()
            self._kept = []
            stack.callback(self._cancel, self._kept)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._exit.close()

    # -- connection ------------------------------------------------------------------------------

    @contextmanager
    def _connect(self):
        scheduler, distributed = self._scheduler, self._distributed
        if isinstance(scheduler, distributed.Client):
            if scheduler.status != "running":
                raise RequestError("the Dask client has no connection to a scheduler (any more).")
            yield scheduler
            return
        with ExitStack() as stack:
            local = re.fullmatch(r"local(?::(\d{1,4}))?", str(scheduler))
            if local:
                n_workers = int(local[1] or joblib.cpu_count())
                if n_workers < 1:
                    raise RequestError("a local cluster needs one worker or more.")
                scheduler = stack.enter_context(start_workers(n_workers))
            try:
                client = distributed.Client(scheduler, timeout=_ANSWER, set_as_default=False)
            except (OSError, ValueError) as error:  # of which a timeout is one
                raise RequestError(
                    f"no Dask scheduler answers at {scheduler}: give its address as "
                    "tcp://HOST:PORT, or local:N for N processes on this machine."
                ) from error
            yield stack.enter_context(client)

    def _check_workers(self):
        """Refuse workers that would compute something else, or at the same time."""
        client, here = self._client, _introduce()
        self._progress("workers", 0, 1, "")
        try:
            client.wait_for_workers(1, timeout=_COME)
        except TimeoutError as error:
            raise RequestError(
                f"the scheduler at {self.address} has no worker: start some with dask worker "
                f"{self.address} --nthreads 1."
            ) from error
        try:
            there = client.run(_introduce, on_error="return")
            there["the scheduler"] = client.run_on_scheduler(_introduce)
        except Exception as error:  # whatever unpickling comes to without this package
            raise RequestError(_say_other("the scheduler", error, here)) from error
        for address, one in there.items():
            if one != here and not isinstance(one, OSError):  # which a worker is that was just lost
                raise RequestError(_say_other(address, one, here))
        for address, n_threads in client.nthreads().items():
            if n_threads > 1:
                raise RequestError(
                    f"worker {address} has {n_threads} threads, and an evaluation needs a process "
                    "for itself: start workers with --nthreads 1, several on a machine."
                )

    # -- work ------------------------------------------------------------------------------------

    def read(self, units):
        """Have units read, and kept by the workers that read them.

        Yields each unit, in the order in which they are read, and a ReadUnit with what stands for
        the trials as ``stacked``, for :meth:`compute`.
        """
        asked = {}
        with self._while_connected(asked):
            for unit in units:
                kept = self._submit("read", _read, _introduce(), unit, self._data_dir)
                self._kept.append(kept)
                asked[self._submit("describe", _describe, kept)] = unit, kept
            while asked:
                for future in self._done(asked):
                    unit, kept = asked.pop(future)
                    who = ", ".join(map(str, unit.subjects[:5]))
                    read = self._result(future, f"{unit.code}, subject {who}")
                    if isinstance(read, self._distributed.KilledWorker):
                        raise RequestError(
                            f"cannot read {unit.code}, subject {who}: {_say_killed(read)}."
                        )
                    if read.digest:
                        read = replace(read, stacked=kept)
                    yield unit, replace(read, unit=unit)

    def compute(self, steps, reader, store):
        """Have steps computed, of units that were read.

        Yields the key of each step, in the order in which they end, and the value of
        :func:`eegsep.studies.steps.score`; None where another process has the step. A step at which
        workers died again and again has failed.
        """
        waiting, suspects, asked = deque(steps), deque(), {}
        with self._while_connected(asked):
            while waiting or suspects or asked:
                # two for each worker, so that none waits for this process
                room = max(1, 2 * len(self._client.nthreads()))
                # what waited behind a step that kills workers is blamed too, unless it is alone
                alone = not waiting and not asked
                source = suspects if alone else waiting
                while source and len(asked) < (1 if alone else room):
                    step = source.popleft()
                    if not store.claim(step.key):
                        yield step.key, None
                        continue
                    rows, unit = rows_to_keep(store, step), step.unit
                    expected = [_introduce(), reader.digests[unit]]
                    task = [_score, *expected, step.variant, rows, reader.stacked[unit]]
                    asked[self._submit("score", *task)] = step, rows
                for future in self._done(asked) if asked else ():
                    step, rows = asked.pop(future)
                    value = self._result(future, step)
                    if isinstance(value, self._distributed.KilledWorker):
                        if not alone:
                            suspects.append(step)
                            continue
                        value = _fail(step, rows, _say_killed(value))
                    yield step.key, value

    def _submit(self, what, *task):
        return self._client.submit(*task, key=f"eegsep-{what}-{uuid.uuid4().hex}", pure=False)

    def _done(self, futures):
        """Wait until some of the futures are done, and return these."""
        while True:
            try:
                with self._client.as_current():
                    done = self._distributed.wait(
                        list(futures), timeout=_LOOK, return_when="FIRST_COMPLETED"
                    )
            except TimeoutError:
                if self._client.status != "running":
                    raise self._gone() from None
            except self._distributed.CancelledError as error:
                raise self._gone() from error
            else:
                return done.done

    def _result(self, future, what):
        """Return what came of a future, or the KilledWorker that stands for it."""
        if future.status == "error":
            error = future.exception()
            if isinstance(error, (RequestError, MemoryError)):
                raise error
            if isinstance(error, self._distributed.KilledWorker):
                return error
            why = in_a_line(f"{type(error).__name__}: {error.__cause__ or error}")
            raise RequestError(f"the cluster could not do {what} ({why.rstrip('.')}). {_KEPT}")
        if future.status != "finished":
            raise self._gone()
        return future.result()

    def _gone(self):
        return RequestError(f"the Dask scheduler at {self.address} is gone. {_KEPT}")

    @contextmanager
    def _while_connected(self, futures):
        """Cancel futures in the end, and say where the connection was lost."""
        try:
            yield
        except OSError as error:
            raise self._gone() from error
        finally:
            self._cancel(futures)

    def _cancel(self, futures):
        # where the scheduler is gone, so are they
        with suppress(OSError, self._distributed.CancelledError):
            if futures and self._client.status == "running":
                self._client.cancel(list(futures), force=True)


def start_workers(n_workers):
    """Start processes of a thread each on this machine, as a scheduler's workers (LocalCluster).

    They are without its own setting of malloc, by which memory is given back as soon as it is free:
    in training it is asked for again at once.
    """
    import dask
    import distributed

    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), 1)
    with dask.config.set({"distributed.nanny.pre-spawn-environ": threads}):
        return distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )


# -- on a worker ---------------------------------------------------------------------------------

# Settings of libraries, and where warnings go, are of a whole process.
_ALONE = threading.Lock()


def _introduce():
    """Tell what computes here; the same wherever the same comes out."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"Python": python, **digests.environment()}


@contextmanager
def _as_there(client):
    """Compute as the process that asked does; a worker may have come after all were looked at."""
    here = _introduce()
    if here != client:
        raise RequestError(_say_other(f"a worker on {platform.node()}", here, client))
    with _ALONE, threadpool_limits(1):
        yield


def _read(client, unit, data_dir):
    with _as_there(client), reading_from(data_dir):
        return read_unit(unit)


def _describe(read):
    return replace(read, stacked=None, unit=None)


def _score(client, digest, variant, rows, read):
    with _as_there(client):
        if read.digest != digest:  # read again, since the worker that had it was lost
            raise RequestError(
                f"recordings of {read.unit.code}, subject {read.unit.subjects[0]}, have changed "
                f"meanwhile. {_KEPT}"
            )
        return score(read.unit, variant, read.stacked, rows, n_jobs=1)


# -- words ---------------------------------------------------------------------------------------


def _say_other(who, there, here):
    """Say what a worker has that is not as it is here."""
    if isinstance(there, Exception):
        what = in_a_line(f"{type(there).__name__}: {there.__cause__ or there}").rstrip(".")
        return f"{who} cannot load eegsep ({what}): install the same version there."
    names = [name for name in here if there.get(name) != here[name]]
    what = "; ".join(
        name
        if name.endswith("sources")
        else f"{name} {there.get(name, 'missing')}, here {here[name]}"
        for name in names
    )
    return f"{who} has other versions than this process ({what}): install the same there."


def _say_killed(error):
    n = error.allowed_failures + 1
    return f"its worker died {n} time{'' if n == 1 else 's'} (of too little memory?)"


def _fail(step, rows, reason):
    """Make the value of a step that no worker survived."""
    scored = {row["subject"] for row in rows}
    failed = [
        asdict(Failure(step.unit.code, subject, None, step.variant.name, reason))
        for subject in step.unit.subjects
        if subject not in scored
    ]
    return {"rows": rows, "failed": failed, "caught": []}


@contextmanager
def _quiet_dask():
    """Keep Dask's log off the screen: what matters in it is raised as an error."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
