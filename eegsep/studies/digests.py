"""All that a result depends on, as a digest: code, versions, parameters, and the trials themselves.

What has the same digest need not be computed again; what has not, must be.
"""

from __future__ import annotations

import functools
import glob
import hashlib
import inspect
import json
import os
import site
import sys
import sysconfig
import types
from contextlib import contextmanager
from dataclasses import fields
from importlib import metadata
from pathlib import Path

import joblib
import mne
import numpy as np
from moabb.analysis.results import get_digest
from sklearn.base import BaseEstimator

import eegsep
from eegsep._utils.file_states import state_of_file
from eegsep._utils.tables import versions
from eegsep.datasets.epochs import is_epochs

# What computes, besides this package.
PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "mne",
    "moabb",
    "pyriemann",
    "braindecode",
)
_SIMPLE = (type(None), bool, int, float, complex, str, bytes)
_CODE = (type, types.FunctionType, types.ModuleType)


class NotReproducible(ValueError):
    """Something has no description that another process could compare with its own."""


# -- code ----------------------------------------------------------------------------------------


def _hash_sources():
    package = Path(eegsep.__file__).parent
    sources = [*package.rglob("*.py"), *package.rglob("*.c")]
    files = {file.relative_to(package).as_posix(): file for file in sources}
    return _hash(*(part for name in sorted(files) for part in (name, files[name].read_bytes())))


def _hash(*parts):
    found = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        found.update(b"%d:" % len(data))
        found.update(data)
    return found.hexdigest()


# Now, since it is the code that was loaded now which will run.
_SOURCES = _hash_sources()


@functools.cache
def environment():
    """Return what computes (dict): the digest of this package's sources, versions of others."""
    return {"eegsep's sources": _SOURCES, **versions(PACKAGES)}


@functools.cache
def _environment_as_text():
    return json.dumps(environment())


@functools.cache
def _installed_in():
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths |= {*site.getsitepackages(), site.getusersitepackages()}
    return tuple(os.path.join(os.path.realpath(path), "") for path in paths)


@functools.cache
def _is_installed(name):
    """Tell whether a module comes with Python or a distribution, whose version stands for it."""
    root = name.partition(".")[0]
    if root in sys.stdlib_module_names or root == eegsep.__name__:
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and os.path.realpath(file).startswith(_installed_in())


@functools.cache
def _version_of(root):
    known = getattr(sys.modules.get(root), "__version__", None)
    if known is not None:
        return str(known)
    names = metadata.packages_distributions().get(root, ())
    return str([metadata.version(name) for name in sorted(set(names))])


def _code(thing, seen):
    """Yield what a class, a function or a module runs, other than this package's own code.

    Versions stand for what is installed. Of a module it is the file and all that it refers to; of
    what a script or a notebook defines, itself and what it refers to: the rest of the script is
    what asks for the study.
    """
    if id(thing) in seen:
        return
    seen[id(thing)] = thing  # kept: another thing could get its number
    is_module = isinstance(thing, types.ModuleType)
    name = thing.__name__ if is_module else getattr(thing, "__module__", None) or "builtins"
    module = sys.modules.get(name)
    if name == "__main__":
        yield from _code_of_script(thing, seen)
    elif module is None:
        raise NotReproducible(f"{thing} is of no module")
    elif _is_installed(name):
        root = name.partition(".")[0]
        if root not in sys.stdlib_module_names and root != eegsep.__name__:
            yield f"{root} {_version_of(root)}"
    elif is_module or id(module) not in seen:
        seen[id(module)] = module
        file = getattr(module, "__file__", None)
        if file is None or not Path(file).is_file():
            raise NotReproducible(f"the source of {name} is not known")
        yield name
        yield Path(file).read_bytes()
        for key, value in list(vars(module).items()):
            # pytest adds names that no source can use
            if key.isidentifier() and isinstance(value, _CODE):
                yield from _code(value, seen)


def _code_of_script(thing, seen):
    if isinstance(thing, types.ModuleType):
        raise NotReproducible("the script itself is referred to")
    yield thing.__qualname__
    if isinstance(thing, type):
        for base in thing.__bases__:
            yield from _code(base, seen)
        for name, value in sorted(vars(thing).items()):
            if isinstance(value, property):
                parts = [value.fget, value.fset, value.fdel]
            else:
                parts = [inspect.unwrap(getattr(value, "__func__", value))]
            for part in parts:
                if isinstance(part, types.FunctionType):
                    yield name
                    yield from _code(part, seen)
                elif isinstance(part, _SIMPLE) and not name.startswith("__"):
                    yield f"{name} {part!r}"
        return
    yield describe([thing.__defaults__, thing.__kwdefaults__])
    names = set()
    yield _bytecode(thing.__code__, names)
    cells = zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True)
    known = {name: thing.__globals__[name] for name in names if name in thing.__globals__}
    for name, value in sorted(known.items()) + [(n, c.cell_contents) for n, c in cells]:
        if isinstance(value, _CODE):
            yield name
            yield from _code(value, seen)
        elif isinstance(value, (*_SIMPLE, tuple, list, dict, np.ndarray)):
            yield f"{name} {describe(value)}"


def _bytecode(code, names):
    names |= set(code.co_names)
    parts = [code.co_code.hex(), *code.co_names]
    for value in code.co_consts:
        is_code = isinstance(value, types.CodeType)
        parts.append(_bytecode(value, names) if is_code else describe(value))
    return _hash(*parts)


# -- things --------------------------------------------------------------------------------------


def describe(thing):
    """Describe a thing by what it does: its class and parameters, and the code of its own classes.

    It is an estimator, a grid, a dataset, numbers, arrays, or what these are made of. The text is
    the same in every process for what is the same; it is NotReproducible if there is no such text.
    """
    try:
        return _describe(thing)
    except RecursionError as error:
        raise NotReproducible(f"a {type(thing).__name__} refers to itself") from error


def _describe(thing):
    if isinstance(thing, _SIMPLE) and type(thing) in _SIMPLE:
        return repr(thing)
    if isinstance(thing, np.ndarray) and thing.dtype != object:
        return _hash(str(thing.dtype), str(thing.shape), np.ascontiguousarray(thing).tobytes())
    if isinstance(thing, np.ndarray):
        return _describe([thing.shape, thing.ravel().tolist()])
    if isinstance(thing, _CODE):
        name = getattr(thing, "__qualname__", thing.__name__)
        return _named(f"{getattr(thing, '__module__', '')}.{name}", thing)
    kind = type(thing)
    if isinstance(thing, functools.partial):
        return _named("partial", thing.func, _describe([thing.func, thing.args, thing.keywords]))
    if isinstance(thing, types.MethodType):
        return _named("method", thing.__func__, _describe([thing.__func__, thing.__self__]))
    if isinstance(thing, dict):
        items = sorted((_describe(key), _describe(value)) for key, value in thing.items())
        return _named(kind.__qualname__, kind, *map(":".join, items))
    if isinstance(thing, (list, tuple)):
        return _named(kind.__qualname__, kind, *map(_describe, thing))
    if isinstance(thing, (set, frozenset)):
        return _named(kind.__qualname__, kind, *sorted(map(_describe, thing)))
    # one with a clone of its own is more than its parameters
    if getattr(kind, "__sklearn_clone__", None) is BaseEstimator.__sklearn_clone__:
        return _named(kind.__qualname__, kind, _describe(thing.get_params(deep=False)))
    if kind.__reduce_ex__ is object.__reduce_ex__ and kind.__reduce__ is object.__reduce__:
        state = getattr(thing, "__dict__", None)
        if state is not None and not hasattr(thing, "__slots__"):
            return _named(kind.__qualname__, kind, _describe(state))
    try:
        return _named(kind.__qualname__, kind, joblib.hash(thing))
    except Exception as error:  # whatever pickling it comes to
        raise NotReproducible(f"a {kind.__name__} cannot be compared ({error})") from error


def _named(name, code_of, *parts):
    seen, things = {}, code_of.__mro__ if isinstance(code_of, type) else (code_of,)
    code = [part for each in things for part in _code(each, seen)]
    return f"{name}({', '.join(parts)}){f'#{_hash(*code)}' if code else ''}"


def digest(*parts):
    """Digest of parts, of this package's sources, and of the versions of what computes (str).

    Parts are as :func:`describe` takes them: it is NotReproducible if one cannot be described.
    """
    return _hash(_environment_as_text(), *map(describe, parts))


# -- trials --------------------------------------------------------------------------------------


def digest_trials(X, y, metadata=None):
    """Digest of trials and classes, of nothing else: where they came from does not matter.

    X is an array (n_trials, n_chans, n_times) or Epochs, of which the channels, their places and
    the sampling rate count too; ``metadata`` tells of which subject, session and run they are,
    where that matters.
    """
    parts = [describe(np.asarray(y).tolist()), "" if metadata is None else metadata.to_json()]
    if is_epochs(X):
        channels = [channel["loc"] for channel in X.info["chs"]]
        known = [X.ch_names, X.get_channel_types(), X.info["sfreq"], X.info["bads"], X.times[0]]
        parts += [describe(known), describe(channels)]
        parts += [describe([X.info["highpass"], X.info["lowpass"]])]
        X = X.get_data(copy=False)
    return _hash(describe(X), *parts)


def key_of_recordings(selection, *parts):
    """Digest of what a selection asks of recordings, though not of what they hold.

    Further parts are subjects, and what the trials are for. It is None where there is none, since
    the dataset cannot be described.
    """
    asked = {each.name: getattr(selection, each.name) for each in fields(selection)}
    # other subjects do not matter; MOABB knows best what tells its steps from others
    del asked["subjects"], asked["path"]
    asked["process"] = get_digest(selection.process)
    try:
        return digest("recordings", asked, os.environ.get("MNE_DATA"), *parts)
    except NotReproducible:
        return None


def note(store, key, selection, files, found):
    """Note what was found in recordings, for as long as their files stay as they are.

    The key is that of :func:`key_of_recordings`, files are those that were opened, see
    :func:`files_opened`, and what was found is what JSON can hold.
    """
    state = _state(files)
    # trials that come from no file could come from anywhere, unless the dataset is this package's
    is_ours = type(selection.dataset).__module__.partition(".")[0] == eegsep.__name__
    if key is not None and (state or is_ours):
        store.note(key, json.dumps([state, found]))


def recall(store, key):
    """Return what :func:`note` noted; None for nothing, or if a file has changed by now."""
    noted = None if key is None else store.recall(key)
    if noted is None:
        return None
    state, found = json.loads(noted)
    return found if state == _state(state) else None


def kept(store, selection, what, read, measure):
    """Take from the store what was measured on the same trials, or measure it now.

    ``what`` tells what is measured, on which subject. ``read()`` returns trials and their digest,
    or None for a digest where some cannot be used; ``measure(trials)`` what is to be kept (None for
    nothing) and what is returned.
    """
    key = key_of_recordings(selection, *what)
    trials, found = None, recall(store, key)
    if found is None:
        with files_opened() as files:
            trials, found = read()
        if found is not None:
            note(store, key, selection, files, found)
    key = None if found is None else digest(*what, found, selection.paradigm.filters)
    value = None if key is None else store.get(key)
    if value is None:
        value, result = measure(read()[0] if trials is None else trials)
        if key is not None and value is not None:
            store.put(key, json.dumps(value))
        return result
    return json.loads(value)


_opened = None


def _note_opened(event, arguments):
    if _opened is not None and event == "open":
        path, _, flags = arguments
        if isinstance(path, (str, bytes, os.PathLike)) and not flags & (os.O_WRONLY | os.O_RDWR):
            _opened.add(os.path.abspath(os.fsdecode(path)))


@functools.cache
def _start_noting():
    sys.addaudithook(_note_opened)  # which cannot be taken back


@contextmanager
def files_opened():
    """Note the files that are opened for reading, but for those of programs and their settings.

    MOABB's datasets do not tell which they read without downloading others. The set that it yields
    is complete in the end.
    """
    global _opened
    _start_noting()
    files, ours = set(), os.path.join(os.path.dirname(eegsep.__file__), "")
    leave = (*_installed_in(), ours, mne.get_config_path(), "/proc/", "/sys/", "/dev/")
    noted, _opened = set(), files
    try:
        yield noted
    finally:
        _opened = None
        noted |= {file for file in files if not os.path.realpath(file).startswith(leave)}


def _state(files):
    """Tell files that exist, and those that go with them by name, from others in their place."""
    found = {}
    for file in files:
        path = Path(file)
        for each in {path, *path.parent.glob(f"{glob.escape(path.stem)}.*")}:
            try:
                found[str(each)] = state_of_file(each)
            except OSError:
                continue
    return found
