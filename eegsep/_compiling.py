"""Compiled functions, and where their machine code is kept between processes.

It is kept by all that it depends on: sources, compiler and processor. Nothing here ends a fit.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import re
import shutil
import sys
import uuid
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import llvmlite
import numba
import pooch
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.serialize import dumps

# Compiled functions are written into those that call them: a process that has just compiled one
# would call it, and one that reads both from disk the caller's own copy, whose sums may be split
# otherwise and end in other last bits.
_OPTIONS = {"nogil": True, "forceinline": True, "fastmath": {"reassoc", "contract", "nsz"}}

_PACKAGE = Path(__file__).parent
_PREFIX = "eegsep-compiled-"
# Folders for other sources, compilers or processors that stay beside the one in use.
_N_OTHER_FOLDERS = 7
_COMPILED_SOURCE = re.compile(
    rb"^@(?:part_of_)?compiled\b|^(?:from|import) (?:numba|llvmlite)\b", re.MULTILINE
)
_IMPORT = re.compile(rb"^(?:from|import) [^(\n]*(?:\([^)]*\))?", re.MULTILINE)

_log = logging.getLogger("eegsep")
_listeners = []
_said = []


def compiled(function):
    """Compile when first called, and keep the result on disk where there is a place for it.

    Sums may be split over vector lanes, and products and sums be fused; NaN and infinity stay
    what they are.
    """
    dispatcher = part_of_compiled(function)
    dispatcher._cache = _Kept(function)
    return dispatcher


def part_of_compiled(function):
    """Compile, but keep the result with the compiled functions that call this one only."""
    return numba.njit(**_OPTIONS)(function)


@contextmanager
def telling(say):
    """Call ``say`` with a line of text, once, if anything has to be compiled meanwhile."""
    _listeners.append(say)
    try:
        yield
    finally:
        with suppress(ValueError):
            _listeners.remove(say)


class _Kept(NullCache):
    """Machine code of a function on disk, a file for each signature, written aside and renamed.

    Numba's own cache stamps a function with its own file only, names files by number (so that two
    processes can exchange theirs), and passes on what goes wrong with the disk.
    """

    def __init__(self, function):
        self._function = function

    def load_overload(self, signature, target):
        """Read compiled code, None where there is none that can be used."""
        target.refresh()
        name = self._file_name(signature, target.codegen())
        for folder in _folders(target.codegen().magic_tuple()):
            try:
                content = (folder / name).read_bytes()
                if hashlib.sha256(content[32:]).digest() == content[:32]:
                    result = CompileResult._rebuild(target, *pickle.loads(content[32:]))
                    _mark_as_used(folder)
                    return result
            except Exception as error:  # whatever a file holds, the code can be compiled anew
                _log.debug("%s: %r", folder / name, error)
        while _listeners:
            _listeners.pop()("compiling for this processor, once; this can take half a minute")
        return None

    def save_overload(self, signature, result):
        """Write compiled code, or say once that there is no place for it."""
        if result.lifted or result.library.has_dynamic_globals:
            return  # it holds addresses of this process
        name, errors = self._file_name(signature, result.codegen), []
        code = dumps(result._reduce())
        for folder in _folders(result.codegen.magic_tuple()):
            try:
                _write(folder, name, hashlib.sha256(code).digest() + code)
                return
            except OSError as error:
                errors.append(f"{folder.parent}: {error.strerror or error}")
        if not _said:
            _said.append(errors)
            _log.warning(
                "compiled code cannot be kept, so that each process compiles anew, which can take "
                "half a minute. Set NUMBA_CACHE_DIR to a folder that can be written (%s)",
                "; ".join(errors) or "the sources are not in files",
            )

    def _file_name(self, signature, codegen):
        function = self._function
        what = function.__module__, function.__code__.co_code, signature, codegen.magic_tuple()
        digest = hashlib.sha256(repr(what).encode()).hexdigest()
        return f"{function.__name__}-{digest[:24]}.bin"


@cache
def _folders(processor):
    """Folders for the code of these sources on this processor, in the order of preference."""
    if not _SOURCES:
        return []
    versions = sys.implementation.cache_tag, numba.__version__, llvmlite.__version__
    digest = hashlib.sha256(repr((versions, processor, sorted(_SOURCES.items()))).encode())
    if numba.config.CACHE_DIR:
        places = [Path(numba.config.CACHE_DIR).absolute()]
    else:
        places = [_PACKAGE / "__pycache__", Path(pooch.os_cache("eegsep"))]
    name = _PREFIX + digest.hexdigest()[:24]
    # the user's folder is relative, "~", where nobody has a home
    return [place / name for place in places if place.is_absolute()]


def _sources():
    """Files of the package with compiled functions, and those that they import."""
    texts = {
        path.relative_to(_PACKAGE).as_posix(): path.read_bytes() for path in _PACKAGE.rglob("*.py")
    }
    used = {name for name, text in texts.items() if _COMPILED_SOURCE.search(text)}
    waiting = list(used)
    while waiting:
        imports = b" ".join(_IMPORT.findall(texts[waiting.pop()]))
        words = {word.decode() for word in re.findall(rb"\w+", imports)}
        new = {name for name in texts if Path(name).stem in words} - used
        used |= new
        waiting += new
    return {name: texts[name] for name in used}


# Read now: after an upgrade, a process that has the old functions is not to keep them as new ones.
_SOURCES = _sources()


def _write(folder, name, content):
    """Write a file aside and rename it: another process finds all of it or nothing."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _remove_folders_long_unused(folder)
    aside = folder / f"{name}.{uuid.uuid4().hex}"
    try:
        aside.write_bytes(content)
        aside.replace(folder / name)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise


def _remove_folders_long_unused(new):
    """Keep, beside a new folder, those last used by other sources, compilers and processors."""
    with suppress(OSError):
        others = [path for path in new.parent.glob(f"{_PREFIX}*") if path != new]
        others.sort(key=lambda path: path.stat().st_mtime)
        for path in others[:-_N_OTHER_FOLDERS]:
            shutil.rmtree(path, ignore_errors=True)


@cache
def _mark_as_used(folder):
    with suppress(OSError):
        os.utime(folder)


if hasattr(os, "register_at_fork"):
    # a process that is forked while a thread compiles would wait for that thread's lock for ever
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )
