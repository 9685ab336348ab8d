"""Model files that are none, cut, changed, or of other programs; and what cannot be saved."""

import json
import pickle

import numpy as np
from safetensors.numpy import save
from sklearn.linear_model import LogisticRegression

import eegsep

from .damage import READ_OR_REFUSED, bytes_of
from .table import Area
from .trials import FITTED, X, quick

NAME = "model.eegsep"


def saved(folder):
    eegsep.save(FITTED, folder / NAME)
    return folder


def loaded(folder):
    return eegsep.load(folder / NAME).predict_proba(X)


LOADED = Area("Model files", saved, loaded)
RNG = np.random.default_rng(0)
LOADED.same("nothing wrong", lambda folder: folder)
for text, change in {
    "empty": lambda c: b"",
    "text": lambda c: b"a model",
    "zeros": lambda c: bytes(len(c)),
    "noise": lambda c: np.random.default_rng(0).bytes(len(c)),
    "one byte off": lambda c: c[:-1],
    "one byte more": lambda c: c + b"x",
    "cut in half": lambda c: c[: len(c) // 2],
    "cut in its header": lambda c: c[:50],
    "a header longer than the file": lambda c: (2**40).to_bytes(8, "little") + c[8:],
    "a header of noise": lambda c: c[:8] + RNG.bytes(len(c) - 8),
    "a pickle": lambda c: pickle.dumps({"a": 1}),
    "an archive": lambda c: b"PK\x03\x04" + c,
    "safetensors of another program": lambda c: save({"weight": np.ones(3, np.float32)}),
    "JSON": lambda c: json.dumps({"classes": [0, 1]}).encode(),
    "a byte of a weight changed": lambda c: c[:-3] + bytes([c[-3] ^ 1]) + c[-2:],
}.items():
    LOADED.refused(text, bytes_of(NAME, change), ValueError, NAME)
LOADED.refused("removed", lambda f: ((f / NAME).unlink(), f)[1], ValueError, NAME)
LOADED.refused(
    "a folder", lambda f: ((f / NAME).unlink(), (f / NAME).mkdir(), f)[2], ValueError, NAME
)


def flips(folder):
    """A bit flipped anywhere: the same predictions, or a refusal in a line."""
    original, rng, refusals = (folder / NAME).read_bytes(), np.random.default_rng(0), []
    for _ in range(20):
        changed = bytearray(original)
        changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
        (folder / NAME).write_bytes(changed)
        try:
            np.testing.assert_array_equal(loaded(folder), FITTED.predict_proba(X))
        except ValueError as error:
            refusals.append(str(error))
    assert all(len(text.splitlines()) == 1 for text in refusals)
    return READ_OR_REFUSED


Area("A bit flipped in a model file", saved, flips, answer=READ_OR_REFUSED).same(
    "20 times", lambda folder: folder
)

SAVED = Area(
    "What is to be saved", lambda folder: (FITTED, folder / NAME), lambda a: eegsep.save(*a)
)
for text, make, words in [
    ("not fitted", lambda a: (quick(), a[1]), "not fitted"),
    ("another classifier", lambda a: (LogisticRegression(), a[1]), "pipeline|EEGNetClassifier"),
    ("None", lambda a: (None, a[1]), "pipeline|EEGNetClassifier|None"),
    ("a folder of its name", lambda a: (FITTED, a[1].parent), "folder|directory|bad"),
    ("a device", lambda a: (FITTED, "/dev/null"), "is a device"),
    ("a name of 300 letters", lambda a: (FITTED, a[1].with_name("n" * 300)), "too long"),
    ("a path of nothing", lambda a: (FITTED, ""), "name a file"),
    ("None for a path", lambda a: (FITTED, None), "path|None"),
]:
    SAVED.refused(text, make, (ValueError, TypeError), words)

LOOP: list = []
LOOP.append(LOOP)
METADATA = Area(
    "Metadata of a model file",
    lambda folder: (folder / NAME, {"band": (8.0, 30.0)}),
    lambda a: eegsep.save(FITTED, a[0], metadata=a[1]),
)
for text, metadata, error, words in [
    ("a list", [1], TypeError, "must be a dict"),
    ("a text", "left", TypeError, "must be a dict"),
    ("a set in it", {"a": {1}}, TypeError, "builtins.set"),
    ("a list in itself", {"a": LOOP}, ValueError, "nested too deeply"),
    ("a text of 16 MB", {"a": "x" * 2**24}, ValueError, "more than 16,777,216 bytes"),
]:
    METADATA.refused(text, lambda a, metadata=metadata: (a[0], metadata), error, words)
