"""What libraries warn of: kept off the screen, counted, and told with the recordings it is about.

Every study reads, fits and scores inside :func:`quiet`.
"""

import json
import logging
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from .errors import in_a_line

_ABOUT = ContextVar("about", default=(None, None, None))
_CAUGHT = ContextVar("caught", default=None)
# What MOABB says of its own defaults, which are what was asked for.
_NO_NEWS = ("Choosing from all possible events", "Choosing the first None classes")
_DEPRECATIONS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)


@contextmanager
def about(dataset=None, subject=None, session=None):
    """Say which recording is worked on, for what is warned of meanwhile.

    None is for what was said before, or else for several.
    """
    asked = dataset, subject, session
    place = (new if new is not None else old for new, old in zip(asked, _ABOUT.get(), strict=True))
    token = _ABOUT.set(tuple(place))
    try:
        yield
    finally:
        _ABOUT.reset(token)


@contextmanager
def quiet(caught):
    """Keep MNE's and MOABB's chatter off the screen, and count warnings instead of showing them.

    What a library tells another to keep quiet about is counted too: MOABB reads most files with
    MNE's warnings of damage switched off. ``caught``, a Counter, gains ``(group, text, recording)``
    of each warning, and of what MNE and MOABB log as one. The group is ``"warning"``, or
    ``"deprecation"`` for what libraries have to settle among themselves; the recording is what
    :func:`about` was told.
    """
    import mne
    import pooch

    class _Count(logging.Handler):
        def emit(self, record):
            if (record.name, record.funcName) == ("mne", "warn"):
                return  # which has made a warning of it as well
            if record.getMessage().startswith(_NO_NEWS):
                return
            caught["warning", f"{record.name}: {record.getMessage()}", _ABOUT.get()] += 1

    def count(message, category, filename, lineno, file=None, line=None):
        caught[*_group_and_text(message, category), _ABOUT.get()] += 1

    loggers = [logging.getLogger(name) for name in ("mne", "moabb")]
    before = [(logger.handlers, logger.propagate) for logger in loggers]
    downloads = pooch.get_logger()
    level = downloads.level
    for logger in loggers:
        files = [each for each in logger.handlers if isinstance(each, logging.FileHandler)]
        logger.handlers, logger.propagate = [*files, _Count(logging.WARNING)], False
    downloads.setLevel(logging.WARNING)
    token = _CAUGHT.set(caught)
    try:
        with (
            mne.use_log_level("WARNING"),
            _never_above_warning(loggers[0]),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("always")
            warnings.showwarning = count
            yield
    finally:
        for logger, (handlers, propagate) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
        downloads.setLevel(level)
        _CAUGHT.reset(token)


def _group_and_text(message, category):
    # h5py's own deprecations are none of Python's classes
    deprecated = issubclass(category, _DEPRECATIONS) or "Deprecat" in category.__name__
    text = in_a_line(f"{category.__name__}: {message}")
    return "deprecation" if deprecated else "warning", text


@contextmanager
def quiet_workers(n_jobs):
    """Let joblib's processes be as quiet as the study: what they warn of is counted as its own.

    They are started as joblib was told before; with one process, nothing is done.
    """
    caught = _CAUGHT.get()
    if n_jobs == 1 or caught is None:
        yield
        return
    import joblib

    file = Path(_folder().name) / "warnings.jsonl"
    file.write_text("")
    backend, _ = joblib.parallel.get_active_backend()
    settings = dict(getattr(backend, "backend_kwargs", {}))
    before = settings.pop("initializer", None), settings.pop("initargs", ())
    # the same file each time: another one would start processes anew
    settings |= {"initializer": _start_worker, "initargs": (str(file), *before)}
    threads = {"inner_max_num_threads": getattr(backend, "inner_max_num_threads", None) or 1}
    with joblib.parallel_config(backend="loky", **threads, **settings):
        yield
    for line in file.read_text(encoding="utf-8").splitlines():
        caught[*json.loads(line), _ABOUT.get()] += 1


@cache
def _folder():
    return TemporaryDirectory(prefix="eegsep-warnings-")  # until this process ends


def _start_worker(file, initializer, initargs):
    """Make a new process write its warnings to a file that others write to as well."""
    if initializer is not None:
        initializer(*initargs)

    def write(message, category, filename, lineno, *_):
        line = json.dumps(_group_and_text(message, category)) + "\n"
        with open(file, "a", encoding="utf-8") as stream:
            stream.write(line)

    warnings.simplefilter("always")
    warnings.showwarning = write


@contextmanager
def _never_above_warning(logger):
    """Let nobody switch off a logger's warnings, such as by MNE's ``verbose="ERROR"``."""
    before, set_level = vars(logger).get("setLevel"), type(logger).setLevel

    def at_most_warning(level):
        set_level(logger, min(level, logging.WARNING) if isinstance(level, int) else level)

    logger.setLevel = at_most_warning
    try:
        yield
    finally:
        del logger.setLevel
        if before is not None:  # of a study inside which this one is
            logger.setLevel = before


def by_text(caught, group="warning"):
    """Sum up what :func:`quiet` caught of a group: how often, by text, as they came up.

    Equal texts are one, which ends with the datasets and subjects in brackets, and the sessions
    where it is not of all that a subject has.
    """
    counts, places = {}, {}
    for (each, text, place), n in caught.items():
        if each == group:
            counts[text] = counts.get(text, 0) + n
            places.setdefault(text, []).append(place)
    return {text + _say_places(places[text]): n for text, n in counts.items()}


def _say_places(places):
    subjects = {}
    for dataset, subject, session in places:
        if dataset is not None:
            sessions = subjects.setdefault(dataset, {}).setdefault(session, [])
            if subject is not None and subject not in sessions:
                sessions.append(subject)
    said = []
    for dataset, sessions in subjects.items():
        for session, numbers in sessions.items():
            place = [dataset]
            if numbers:
                place.append(f"subject{'s' if len(numbers) > 1 else ''} {join_ranges(numbers)}")
            if session is not None:
                place.append(f"session {session}")
            said.append(", ".join(place))
    return f" ({'; '.join(said)})" if said else ""


def join_ranges(numbers):
    """Write numbers, in any order, as ``--subjects`` reads them: ``"1-5,8"``."""
    ranges = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in ranges)
