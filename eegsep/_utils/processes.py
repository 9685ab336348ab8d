"""What a killed command leaves behind: nothing. Workers end with their parent, scratch is removed.

Used by whatever starts processes or keeps files for the time of a run.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path

import joblib
import psutil

from .errors import RequestError, in_a_line

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PREFIX = "eegsep-scratch-"
# A file in each of these folders, by which they are known for what they are.
_MARK = ".scratch-of-eegsep"
# A temporary folder that cannot hold this much is full.
_ROOM = 2**16


def end_with(parent):
    """End this process, from a thread, as soon as the process that started it is gone.

    Nothing else would tell it before it is done with what it computes: a parent that is killed
    takes nobody along.
    """

    def watch():
        # a system without orphans' new parents still tells whether the old one is there
        while os.getppid() == parent and psutil.pid_exists(parent):
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="ends with its parent").start()


def side_by_side(n_jobs):
    """Let joblib compute in processes of a thread each, which end with this one (context manager).

    For one process joblib stays as it is; and where the caller has chosen another of its backends
    than its own default.
    """
    backend, _ = joblib.parallel.get_active_backend()
    if n_jobs == 1 or not isinstance(backend, joblib.parallel.BACKENDS["loky"]):
        return nullcontext()
    return joblib.parallel_config(
        backend="loky", inner_max_num_threads=1, initializer=end_with, initargs=(os.getpid(),)
    )


@contextmanager
def scratch_folder():
    """Make a temporary folder and remove it in the end, on SIGTERM too.

    A folder that a killed process left is removed first. It is a RequestError if the temporary
    directory cannot be written or is full.
    """
    parent = Path(tempfile.gettempdir())
    _sweep(parent)
    try:
        folder, lock = _make_locked()
    except OSError as error:
        raise no_room(error) from error
    try:
        with _sigterm_unwinds():
            try:
                (folder / "room").write_bytes(bytes(_ROOM))
                (folder / "room").unlink()
            except OSError as error:
                raise no_room(error) from error
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def no_room(error):
    """Make the RequestError that the temporary directory cannot be written, of an OSError."""
    why = error.strerror or in_a_line(error)
    return RequestError(
        f"cannot write to the temporary folder {tempfile.gettempdir()} ({why}): make room there, "
        "or name another one in the environment variable TMPDIR."
    )


def lock_folder(folder, *, alone=False):
    """Hold a folder until the handle is closed or the process ends, however that happens.

    The handle, for ``os.close``, is None where somebody else is in the way: anybody where it is to
    be held ``alone``, otherwise whoever holds it alone.
    """
    if fcntl is None:
        return os.open(os.devnull, os.O_RDONLY)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX | fcntl.LOCK_NB) if alone else fcntl.LOCK_SH)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:  # a file system without locks
        pass
    return handle


def _make_locked():
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = lock_folder(folder, alone=True)
        if lock is not None and folder.exists():
            (folder / _MARK).touch()
            return folder, lock
        if lock is not None:  # another process swept it away before it was locked
            os.close(lock)


def _sweep(parent):
    """Remove the scratch of processes that are gone: what nobody holds."""
    if fcntl is None:
        return
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            if folder.stat().st_uid != os.getuid() or not (folder / _MARK).exists():
                continue  # somebody else's, or nothing of ours
            lock = lock_folder(folder, alone=True)
        except OSError:  # gone meanwhile
            continue
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


@contextmanager
def _sigterm_unwinds():
    """Let SIGTERM leave by way of every ``finally``, unless the program has its own handler."""

    def leave(number, frame):
        raise SystemExit(128 + number)

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
