"""What a study has computed, in one SQLite file that outlives kills, full disks and other writers.

Each unit of work is done once, by whichever process claims it, and filed under its digest.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import sqlite3
import threading
import time
import uuid
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

import pandas as pd
import psutil

from eegsep._utils.errors import RequestError
from eegsep._utils.processes import lock_folder
from eegsep._utils.tables import make_folder

FILE = "computed.sqlite"
# SQLite's own files beside it.
_COMPANIONS = ("-journal", "-wal", "-shm")
# Of the tables; another number is of another version of this package.
_FORMAT = 2
_TABLES = """
CREATE TABLE IF NOT EXISTS study (kind TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS computed (
    key TEXT PRIMARY KEY, value NOT NULL, complete INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS rows (key TEXT NOT NULL, row TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS rows_by_key ON rows (key);
CREATE TABLE IF NOT EXISTS notes (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS claims (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,
    started REAL NOT NULL, seen REAL NOT NULL
);
"""
# In seconds: how long to wait for another writer, how often to say that this process is alive, and
# when one on another machine that does not say so is taken for dead.
_PATIENCE, _BEAT, _SILENCE = 60, 20, 120
_LOOK_AGAIN = 0.5
# What tells a row of scores from another of the same value.
_WHOSE = ("dataset", "pipeline", "subject", "session", "seed", "fold")


class Store:
    """Values by key, in a folder; to be used in a ``with`` statement.

    Writing is all or nothing, whatever ends the process or fills the disk. Several processes may
    write at the same time. Copies that are sent to other processes are usable there.

    Parameters
    ----------
    folder : path-like
        Made if need be, and removed again where nothing came to be kept in it.
    study : str
        Kind of study; a folder is of one kind.
    overwrite : bool
        Whether to throw away what is there, without a look at it.

    Raises
    ------
    RequestError
        If the folder or its file cannot be made, written or understood, is of another kind of
        study, or is to be overwritten while another process is at work in it.
    """

    def __init__(self, folder, study, *, overwrite=False):
        self.folder, self.study, self.overwrite = Path(folder).absolute(), study, overwrite
        self.file = self.folder / FILE
        self.owner, self.host, self.pid = uuid.uuid4().hex, socket.gethostname(), os.getpid()
        self.started = psutil.Process().create_time()

    def __getstate__(self):
        return {key: value for key, value in vars(self).items() if key != "_exit"}

    def __enter__(self):
        with ExitStack() as stack:
            stack.callback(_remove_empty, _lacking(self.folder))
            make_folder(self.folder)
            if self.overwrite:
                self._throw_away()
            stack.callback(self._remove_unused)
            stack.callback(os.close, lock_folder(self.folder))
            self._set_up()
            stack.callback(self._give_up_claims)
            stop = threading.Event()
            beat = threading.Thread(target=self._beat, args=(stop,), daemon=True)
            beat.start()
            stack.callback(beat.join)
            stack.callback(stop.set)
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._exit.close()

    def get(self, key, *, incomplete=False):
        """Return what is filed under a key, ``incomplete`` or not; None for nothing."""
        with self._open() as database:
            return _value(database, key, incomplete)

    def rows(self, key):
        """Return the rows that are filed with the value under a key (list of dict)."""
        with self._open() as database:
            return _rows(database, "WHERE key = ?", key)

    def put(self, key, value, rows=(), *, complete=True):
        """File a value, and give up the claim to its key.

        It is text or bytes; rows are of the table that :func:`read` makes. What is not ``complete``
        is to be computed again all the same. It is a RequestError if it cannot be written, such as
        on a full disk: what was filed before is still there.
        """
        rows = [(key, json.dumps(row)) for row in rows]
        with self._open(writes=True) as database:
            values = (key, value, complete)
            database.execute("INSERT OR REPLACE INTO computed VALUES (?, ?, ?)", values)
            database.execute("DELETE FROM rows WHERE key = ?", (key,))
            database.executemany("INSERT INTO rows VALUES (?, ?)", rows)
            database.execute("DELETE FROM claims WHERE key = ?", (key,))

    def absorb(self, folders):
        """File what other folders of the same kind of study have: all of it, or nothing.

        Returns the number of values that this store had not, or only incomplete ones. It is a
        RequestError if one has no study or another one, or other scores under the same key.
        """
        n_new = 0
        with self._open(writes=True) as database:
            for store in [_existing(folder, self.study) for folder in folders]:
                if store.file.samefile(self.file):
                    continue
                with store._open() as other:
                    n_new += _copy(other, database, store.folder)
        return n_new

    def note(self, key, value):
        """Note what makes a later run shorter, but is no result; :meth:`recall` returns it."""
        with self._open(writes=True) as database:
            database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (key, value))

    def recall(self, key):
        """Return what was noted under a key (str | None)."""
        with self._open() as database:
            row = database.execute("SELECT value FROM notes WHERE key = ?", (key,)).fetchone()
            return None if row is None else row[0]

    def noted(self, start):
        """List the keys of notes that begin with a text (list of str)."""
        with self._open() as database:
            keys = [key for (key,) in database.execute("SELECT key FROM notes")]
            return sorted(key for key in keys if key.startswith(start))

    def claim(self, key):
        """Take it on to compute what belongs to a key, and tell whether it is ours.

        It is not where it is filed already, or another process that is alive is at it.
        """
        with self._open(writes=True) as database:
            if _value(database, key) is not None or self._claimed_by_other(database, key):
                return False
            claim = (key, self.owner, self.host, self.pid, self.started, time.time())
            database.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?)", claim)
            return True

    def release(self, key):
        """Give up the claim to a key; nothing is filed under it."""
        with self._open(writes=True) as database:
            database.execute("DELETE FROM claims WHERE key = ?", (key,))

    def busy(self, key):
        """Tell whether another process that is alive computes what belongs to a key."""
        with self._open() as database:
            return _value(database, key) is None and self._claimed_by_other(database, key)

    def to_do(self, keys):
        """Yield keys to compute, each claimed; the end comes when all are filed by somebody.

        The caller is to :meth:`put` a key's value, or to :meth:`release` it where there is none,
        before it asks for the next.
        """
        left = list(dict.fromkeys(keys))
        while left:
            for key in list(left):
                if self.claim(key):
                    yield key
                    left.remove(key)
            left = [key for key in left if self.get(key) is None]
            if left:
                self.pause()

    @contextmanager
    def turn(self, key):
        """Wait until no other process is at what belongs to a key, and keep others from it.

        Nothing is filed under it.
        """
        while not self.claim(key):
            self.pause()
        try:
            yield
        finally:
            self.release(key)

    def pause(self):
        """Wait a moment for what other processes are at."""
        time.sleep(_LOOK_AGAIN)

    @contextmanager
    def _open(self, *, writes=False, mode="rw"):
        # a connection each time: threads and forks may not share one. The rollback journal, which
        # is the default, also works on network file systems, and is as safe.
        try:
            database = sqlite3.connect(
                f"{self.file.as_uri()}?mode={mode}", _PATIENCE, uri=True, isolation_level=None
            )
            try:
                database.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                yield database
                database.execute("COMMIT")
            finally:
                database.close()  # rolls back what was not committed
        except sqlite3.Error as error:
            raise RequestError(self._explain(error)) from error

    def _set_up(self):
        with self._open(writes=True, mode="rwc") as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version not in (0, _FORMAT):
                raise RequestError(
                    f"{self.file} is of another version of eegsep: choose another folder, or "
                    "compute anew with overwrite=True (--overwrite)."
                )
            for statement in _TABLES.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {_FORMAT}")
            row = database.execute("SELECT kind FROM study").fetchone()
            if row is None:
                database.execute("INSERT INTO study VALUES (?)", (self.study,))
            elif row[0] != self.study:
                raise RequestError(
                    f"{self.folder} is the folder of another kind of study ({row[0]}, not "
                    f"{self.study}): choose another folder, or give it up with overwrite=True "
                    "(--overwrite)."
                )

    def _explain(self, error):
        hint = {
            sqlite3.SQLITE_FULL: "make room, then ask for the same again: what it has is kept",
            sqlite3.SQLITE_IOERR: "make room, then ask for the same again: what it has is kept",
            sqlite3.SQLITE_NOTADB: "compute anew with overwrite=True (--overwrite)",
            sqlite3.SQLITE_CORRUPT: "compute anew with overwrite=True (--overwrite)",
            sqlite3.SQLITE_BUSY: "another process keeps it locked; end that first",
        }.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "choose a folder that can be written")
        return f"cannot keep results in {self.file} ({error}): {hint}."

    def _claimed_by_other(self, database, key):
        row = database.execute(
            "SELECT owner, host, pid, started, seen FROM claims WHERE key = ?", (key,)
        ).fetchone()
        if row is None or row[0] == self.owner:
            return False
        _, host, pid, started, seen = row
        if host != self.host:
            return time.time() - seen < _SILENCE
        try:
            process = psutil.Process(pid)
            # a number may have gone to another process, and a dead one may not be buried
            same = abs(process.create_time() - started) < 2
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def _beat(self, stop):
        while not stop.wait(_BEAT):
            # where this cannot be written nothing else can, and that raises
            with suppress(RequestError), self._open(writes=True) as database:
                database.execute(
                    "UPDATE claims SET seen = ? WHERE owner = ?", (time.time(), self.owner)
                )

    def _give_up_claims(self):
        # on a full disk they stay, and are taken for what they are then: those of a dead process
        with suppress(RequestError), self._open(writes=True) as database:
            database.execute("DELETE FROM claims WHERE owner = ?", (self.owner,))

    def _remove_unused(self):
        """Remove a file in which nothing came to be, unless another process is about to use it."""
        lock = lock_folder(self.folder, alone=True)
        if lock is None:
            return
        try:
            if self.file.exists() and self._is_empty():
                self._unlink()
        finally:
            os.close(lock)

    def _is_empty(self):
        try:
            with self._open() as database:
                return database.execute("SELECT count(*) FROM computed").fetchone() == (0,)
        except RequestError:  # it was not set up
            return self.file.stat().st_size == 0

    def _throw_away(self):
        lock = lock_folder(self.folder, alone=True)
        if lock is None:
            raise RequestError(
                f"another process is at work in {self.folder}: wait for it, or end it, before its "
                "results are overwritten."
            )
        try:
            self._unlink()
        except OSError as error:
            raise RequestError(f"cannot overwrite {self.file} ({error.strerror}).") from error
        finally:
            os.close(lock)

    def _unlink(self):
        # the file first: SQLite drops a journal without its file
        for name in (FILE, *(FILE + end for end in _COMPANIONS)):
            (self.folder / name).unlink(missing_ok=True)


def read(folder):
    """Read what a study has computed so far, whether or not it is at work or was stopped.

    Parameters
    ----------
    folder : path-like
        Its output folder.

    Returns
    -------
    table : pandas.DataFrame
        A row for each unit of work, in the order in which they were done. Of a benchmark, and of an
        ablation, which names its variants ``pipeline``: ``dataset, pipeline, seed, subject,
        session``, and the other columns of
        :attr:`eegsep.studies.benchmark.BenchmarkResult.scores`. Of an inspection: ``dataset,
        pipeline, subject, seed, fold``, and the other columns of
        :attr:`eegsep.studies.inspected.Inspection.scores`. What is there of other questions that
        were asked in the same folder, such as other numbers of epochs, is there too.

    Raises
    ------
    RequestError
        If no study has computed anything in the folder, or its file cannot be read.

    Examples
    --------
    >>> from eegsep.datasets import SimulatedMotorImagery
    >>> recordings = SimulatedMotorImagery(n_subjects=2, n_sessions=1, n_trials_per_class=10)
    >>> from eegsep.studies.benchmark import benchmark
    >>> from eegsep.studies.store import read
    >>> result = benchmark([recordings], pipelines="CSP+LDA", output="study")
    >>> len(read("study"))
    2
    """
    with _existing(folder)._open() as database:
        return pd.DataFrame(_rows(database))


def kind_of(folder):
    """Tell of which kind of study a folder is (str), or raise as :func:`read` does."""
    with _existing(folder)._open() as database:
        return database.execute("SELECT kind FROM study").fetchone()[0]


def opened(folder, study, overwrite=False):
    """Open a folder's store for a study, or go on with one that the caller has open."""
    if isinstance(folder, Store):
        return nullcontext(folder)
    return Store(folder, study, overwrite=overwrite)


def _existing(folder, study=None):
    """Return the store of a folder that has one, of a kind of study if that is given."""
    store = Store(folder, study)
    if not store.file.exists():
        raise RequestError(f"no study has computed anything in {folder}: it has no {FILE}.")
    if study is not None:
        store._set_up()
    return store


def _copy(other, database, folder):
    """Copy values, their rows and notes that a database has not; return how many values."""
    n_new = 0
    for key, value, complete in other.execute("SELECT key, value, complete FROM computed"):
        rows = _rows(other, "WHERE key = ?", key)
        if _value(database, key) is not None:
            known = _value(database, key)
            before = _scores_in(known) or _rows(database, "WHERE key = ?", key)
            rows = _scores_in(value) or rows
            if complete and len(rows) != len(before):
                raise RequestError(
                    f"{folder} has {len(rows)} scores of what there are {len(before)} of already, "
                    "of the same trials and code: leave out one."
                )
            for one, two in zip(rows, before, strict=True) if complete else ():
                if one.get("score") != two.get("score"):
                    what = ", ".join(str(one[name]) for name in _WHOSE if name in one)
                    raise RequestError(
                        f"{folder} has another score of {what} ({one['score']}) than what is there "
                        f"already ({two['score']}), of the same trials and code: leave out one."
                    )
        elif complete or _value(database, key, incomplete=True) is None:
            n_new += 1
            database.execute(
                "INSERT OR REPLACE INTO computed VALUES (?, ?, ?)", (key, value, complete)
            )
            database.execute("DELETE FROM rows WHERE key = ?", (key,))
            rows = [(key, json.dumps(row)) for row in rows]
            database.executemany("INSERT INTO rows VALUES (?, ?)", rows)
    notes = other.execute("SELECT key, value FROM notes").fetchall()
    database.executemany("INSERT OR IGNORE INTO notes VALUES (?, ?)", notes)
    return n_new


def _scores_in(value):
    """Return the scores that a value itself holds, as of permutations (list of dict)."""
    try:
        held = json.loads(value)
    except ValueError:
        return []
    return held.get("rows", []) if isinstance(held, dict) else []


def _value(database, key, incomplete=False):
    query = "SELECT value FROM computed WHERE key = ? AND (complete OR ?)"
    row = database.execute(query, (key, incomplete)).fetchone()
    return None if row is None else row[0]


def _rows(database, where="", *values):
    rows = database.execute(f"SELECT row FROM rows {where} ORDER BY rowid", values)
    return [json.loads(row) for (row,) in rows]


def _lacking(folder):
    """List the folders that are to be made for a folder, the innermost first."""
    parents = (folder, *folder.parents)
    return list(itertools.takewhile(lambda parent: not parent.exists(), parents))


def _remove_empty(folders):
    with suppress(OSError):  # not empty
        for folder in folders:
            folder.rmdir()
