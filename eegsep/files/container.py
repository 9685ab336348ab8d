"""The file of a model: arrays as safetensors, a document of plain values as JSON in its header.

A digest of all of it is beside; the file appears as a whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import NamedTuple

from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as arrays_to_bytes

import eegsep
from eegsep._utils.tables import written_aside

from .errors import ModelFileError, printable
from .plain import Packer, unpack

FORMAT = "eegsep model"
VERSION = 1
# Of the header in bytes: a history of a hundred thousand epochs. Larger ones take long to read.
MOST_HEADER = 2**24

_KEYS = ("format", "format_version", "eegsep_version", "kind", "document", "metadata")


class Contents(NamedTuple):
    """What a file holds: plain values, and the user's ``metadata``.

    The document, arrays among its values, is of what ``kind`` describes.
    """

    kind: str
    document: object
    metadata: dict


def write(file, contents):
    """Write a file; one of the same name is replaced when this one is whole.

    It is a TypeError if a value is not plain, a ValueError if there is more of it than a header may
    hold, and a RequestError if the file cannot be written.
    """
    whole = to_bytes(contents)
    with written_aside(file) as aside, open(aside, "wb") as opened:
        opened.write(whole)
        opened.flush()
        os.fsync(opened.fileno())


def to_bytes(contents):
    """Return the bytes of a file, which depend on nothing but its contents."""
    packer = Packer()
    header = {
        "format": FORMAT,
        "format_version": str(VERSION),
        "eegsep_version": eegsep.__version__,
        "kind": contents.kind,
        "document": _to_json(packer.pack(contents.document, "the model")),
        "metadata": _to_json(packer.pack(dict(contents.metadata), "metadata")),
    }
    header["sha256"] = digest(header, packer.arrays)
    whole = arrays_to_bytes(packer.arrays, header)
    start = 8 + int.from_bytes(whole[:8], "little")
    # safetensors writes the header in another order each time
    head = json.dumps(json.loads(whole[8:start]), sort_keys=True, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    if len(head) > MOST_HEADER:
        raise ValueError(
            f"The model has more than {MOST_HEADER:,} bytes of values beside its arrays, such as "
            "names or history_. Leave some out."
        )
    return len(head).to_bytes(8, "little") + head + whole[start:]


def _to_json(packed):
    return json.dumps(packed, allow_nan=False, separators=(",", ":"))


def digest(header, arrays):
    """Compute the digest of arrays and a header with all that :func:`to_bytes` writes there.

    It is the SHA-256 of the lengths and bytes of each part, in hexadecimal figures.
    """
    made = hashlib.sha256()
    parts = [part.encode("utf-8") for key in _KEYS for part in (key, header[key])]
    for name, array in sorted(arrays.items()):
        parts += [f"{name} {array.dtype.str} {array.shape}".encode(), array.tobytes()]
    for part in parts:
        made.update(len(part).to_bytes(8, "little"))
        made.update(part)
    return made.hexdigest()


def read(file):
    """Read a file, and check that it is as it was written.

    Parameters
    ----------
    file : path-like

    Returns
    -------
    contents : Contents

    Raises
    ------
    ModelFileError
        If it cannot be read, is no such file, of a newer format, or not as it was written.
    """
    header, whole = _read_header(file)
    try:
        arrays = load_arrays(whole)
        if header["sha256"] != digest(header, arrays):
            raise ValueError("it is not as it was written")
        document, metadata = (
            unpack(json.loads(header[key], parse_constant=_refuse_constant), arrays)
            for key in ("document", "metadata")
        )
        if type(metadata) is not dict or arrays:
            raise ValueError("it holds more or less than was written")
    except (ValueError, KeyError, RecursionError, SafetensorError, MemoryError) as error:
        raise damaged(file, error) from error
    return Contents(header["kind"], document, metadata)


def read_metadata(file: str | os.PathLike) -> dict:
    """Read what was given to :func:`eegsep.save` as ``metadata``, without making the estimator.

    Parameters
    ----------
    file : path-like
        A model file.

    Returns
    -------
    metadata : dict
        Empty where none was given.

    Raises
    ------
    ModelFileError
        As :func:`eegsep.load` does.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import eegsep
    >>> X = np.random.default_rng(0).normal(size=(20, 4, 64))
    >>> clf = eegsep.EEGNetClassifier(max_epochs=1, random_state=0).fit(X, np.arange(20) % 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clf.save(f"{folder}/model.eegsep", metadata={"band": (8.0, 30.0)})
    ...     eegsep.files.read_metadata(f"{folder}/model.eegsep")
    {'band': (8.0, 30.0)}
    """
    return read(file).metadata


def damaged(file, error):
    """Make the ModelFileError of a file that is cut, changed, or else not as it was written."""
    reason = printable(error) or type(error).__name__
    return ModelFileError(
        f"{os.fspath(file)} is damaged or was changed ({reason}). Copy the file anew from where "
        "it was saved, or save the model again."
    )


def _read_header(file):
    """Return a file's header, checked as far as it goes by itself, and all of its bytes."""
    name = os.fspath(file)
    no_model = ModelFileError(
        f"{name} is no model file of eegsep, or is damaged at its beginning. Give a file that "
        "eegsep.save wrote."
    )
    try:
        if os.path.exists(file) and not os.path.isfile(file):  # a folder, or what never ends
            raise no_model
        with open(file, "rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            first = opened.read(8)
            length = int.from_bytes(first, "little")
            if len(first) < 8 or length > min(MOST_HEADER, size - 8):
                raise no_model
            head = opened.read(length)
            try:
                header = _metadata_of(head)
            except (ValueError, RecursionError) as error:
                raise no_model from error
            if header.get("format") != FORMAT:
                raise no_model
            _check_version(name, header)
            whole = first + head + opened.read()
    except OSError as error:
        raise ModelFileError(f"cannot read {name} ({error.strerror or error}).") from error
    lacking = [key for key in (*_KEYS, "sha256") if type(header.get(key)) is not str]
    if lacking:
        raise damaged(file, f"its header has no {' and no '.join(lacking)}")
    return header, whole


def _metadata_of(head):
    header = json.loads(head, parse_constant=_refuse_constant)
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    return metadata if isinstance(metadata, dict) else {}


def _check_version(name, header):
    version = header.get("format_version")
    if not isinstance(version, str) or not version.isascii() or not version.isdecimal():
        raise damaged(name, "its format has no version")
    if version != str(VERSION):
        writer = printable(header.get("eegsep_version"), 20)
        raise ModelFileError(
            f"{name} is of version {version[:20]} of the format, written by eegsep {writer}; this "
            f"is eegsep {eegsep.__version__}, which reads version {VERSION}. Install a newer "
            "eegsep."
        )


def _refuse_constant(name):
    raise ValueError(f"{name} is no number of JSON's")
