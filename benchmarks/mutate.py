"""Model files changed at random and on purpose: none runs code, hangs, or loads silently wrong.

    python benchmarks/mutate.py                # 10,000 files, some minutes
    python benchmarks/mutate.py --files 300    # a look

Files of classifiers and of a pipeline are cut, flipped, joined, and written anew with other values
and a digest that is right again. Each is loaded and must end in one of these: ``refused`` by
ModelFileError; ``same``, the predictions of the file as it was, bit for bit; or, where the digest
was made anew, ``another``: a whole other model, which predicts probabilities or says in a
ValueError why not, and comes back from a file of its own. Anything else is a failure: ``wrong``,
``slow`` (over a second of the processor's time), ``ran code`` or ``error`` (of another type).
"""

import argparse
import copy
import io
import json
import os
import pickle
import random
import resource
import struct
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as arrays_to_bytes
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

import eegsep
from eegsep import EEGNetClassifier
from eegsep.files import ModelFileError
from eegsep.files.container import digest
from eegsep.preprocessing import GroupAlignment

FAILURES = ("wrong", "slow", "ran code", "error")
SLOW = 1.0
# What Python tells of where a program is run or unpickled.
_RUNS = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class")
_WORDS = ("", "a", "os.system", "__class__", "../../x", "\ud800", "\x00", "1e999", "é" * 999)
_NUMBERS = (0, -1, 1, 2, 7, 255, 2**31 - 1, 2**31, 2**63, 10**30, -0.5, 0.5, 1e-300, 1e300)
_OTHERS = (None, True, False, [], {}, [[]], {"float": "nan"}, {"float": "-inf"}, {"array": "0000"})


class Canary:
    """Sings where a program is run, by the file that it makes or by Python's own account."""

    def __init__(self, folder):
        self.file = Path(folder) / "canary"
        self.listening, self.heard = False, []
        sys.addaudithook(self._hear)

    def _hear(self, event, args):
        if self.listening and event in _RUNS:
            self.heard.append(event)

    def __enter__(self):
        self.listening, self.heard = True, []

    def __exit__(self, *_):
        self.listening = False

    def __reduce__(self):
        return os.system, (f"touch {self.file}",)

    def sang(self):
        """Tell whether it sang since the ``with`` statement began."""
        sang = bool(self.heard) or self.file.exists()
        self.file.unlink(missing_ok=True)
        return sang


def models():
    """Yield fitted estimators with trials that they predict: what files are made of."""
    import mne

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(24, 4, 64)), np.repeat(["left_hand", "right_hand"], 12)
    params = {"F1": 2, "max_epochs": 2, "random_state": 0, "kernel_length": 16}
    info = mne.create_info(["C3", "Cz", "C4", "Pz"], 128.0, "eeg").set_montage("biosemi64")
    epochs = mne.EpochsArray(1e-5 * X, info, verbose="error")
    first = EEGNetClassifier(init="glorot", early_stopping=True, **params).fit(epochs, y)
    yield first, epochs.get_data(copy=True)
    second = EEGNetClassifier(
        init=FrozenEstimator(EEGNetClassifier(**params).fit(X, np.arange(24) % 3)),
        class_weight={0: 1.0, 1: 2.0, 2: 1.0},
        **params | {"random_state": np.random.RandomState(0)},
    )
    yield second.fit(X, np.arange(24) % 3), X
    matched = EEGNetClassifier(init="glorot", **params | {"F1": "matched", "spatial": "standard"})
    yield make_pipeline(GroupAlignment(), matched).fit(X, y), X


# -- changes ---------------------------------------------------------------------------------------


def flip(whole, rng):
    """Flip some bits."""
    made = bytearray(whole)
    # half of them in the header, which is short
    most = rng.choice([len(made), 8 + int.from_bytes(whole[:8], "little")])
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        made[rng.randrange(most)] ^= 1 << rng.randrange(8)
    return bytes(made)


def cut(whole, rng):
    """Leave out the end, the beginning, or a piece in between."""
    a, b = sorted(rng.randrange(len(whole) + 1) for _ in range(2))
    return rng.choice([whole[:a], whole[a:], whole[:a] + whole[b:]])


def insert(whole, rng):
    """Put in random bytes, zeros, or a piece of the file again."""
    a, n = rng.randrange(len(whole) + 1), rng.choice([1, 8, 100, 5000])
    piece = rng.choice([rng.randbytes(n), bytes(n), whole[a : a + n] or b"x"])
    return whole[:a] + piece + whole[a:]


def change_length(whole, rng):
    """Say another length of the header."""
    length = int.from_bytes(whole[:8], "little")
    others = [0, 1, length - 1, length + 1, len(whole), 2**24, 2**31, 2**63, 2**64 - 1]
    return struct.pack("<Q", rng.choice(others)) + whole[8:]


def join(whole, rng, others):
    """Give the header of one file to the arrays of another."""
    other = rng.choice(others)
    n, m = (8 + int.from_bytes(each[:8], "little") for each in (whole, other))
    return rng.choice([whole[:n] + other[m:], other[:m] + whole[n:], whole + other])


def replace(whole, rng, canary):
    """Give something else than a model file: a pickle, an archive, nothing, noise."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("schema.json", bytes(2**24))
    kinds = (pickle.dumps(canary), bomb.getvalue(), b"", rng.randbytes(4096), b"{" * 10**5)
    nested = b'{"__metadata__":' + b"[" * 10**5
    kinds += (struct.pack("<Q", len(nested)) + nested,)
    return rng.choice([*kinds, pickle.dumps(canary) + whole, whole + pickle.dumps(canary)])


def parts(whole):
    """Return a file's header and arrays."""
    length = int.from_bytes(whole[:8], "little")
    return json.loads(whole[8 : 8 + length])["__metadata__"], load_arrays(whole)


def whole_of(header, arrays):
    """Put a file together, with a digest that is right."""
    header["sha256"] = digest(header, arrays)
    return arrays_to_bytes(arrays, header)


def places_in(value):
    """Yield what holds each value of a document, and where."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        keys = holder.keys() if isinstance(holder, dict) else range(len(holder))
        for key in list(keys):
            yield holder, key
            if isinstance(holder[key], (dict, list)) and holder[key]:
                waiting.append(holder[key])


def edit(whole, rng):
    """Change values of the document."""
    header, arrays = parts(whole)
    key = rng.choices(["document", "metadata"], [50, 1])[0]
    document = [json.loads(header[key])]
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        places = list(places_in(document))
        holder, where = rng.choice(places)
        value = holder[where]
        action = rng.randrange(6)
        if action == 0 and holder is not document:
            holder.pop(where)
        elif action == 1:
            holder[where] = copy.deepcopy(rng.choice(_OTHERS))
        elif action == 2:
            holder[where] = rng.choice(_WORDS)
        elif action == 3:
            other, there = rng.choice(places)
            holder[where] = copy.deepcopy(other[there])
        elif action == 4 and isinstance(value, list) and value:
            value.append(copy.deepcopy(value[0]))
        else:
            holder[where] = rng.choice(_NUMBERS)
    # of infinite values, JSON has none
    header[key] = json.dumps(document[0])
    return whole_of(header, arrays)


def edit_array(whole, rng):
    """Change an array: its values, type or shape; leave it out, or give it twice."""
    header, arrays = parts(whole)
    name = rng.choice(sorted(arrays))
    array = arrays[name].copy()
    action = rng.randrange(8)
    if action == 0:
        arrays.pop(name)
    elif action == 1:
        arrays["9999"] = array
    elif action == 2:
        arrays[name] = array.astype(rng.choice(["f2", "f4", "f8", "i8", "u1", "bool"]))
    elif action == 3:
        arrays[name] = rng.choice([array.ravel(), array.T.copy(), array[None], array.ravel()[:0]])
    elif action == 4:
        other = rng.choice(sorted(arrays))
        arrays[name], arrays[other] = arrays[other], arrays[name]
    elif array.size:
        flat = array.reshape(-1)
        number = rng.choice([np.nan, np.inf, -1, 0, 1e30, 255])
        chosen = rng.randrange(flat.size) if action < 7 else slice(None)
        with np.errstate(all="ignore"):
            flat[chosen] = np.array(number).astype(array.dtype)
        arrays[name] = array
    arrays = {key: np.ascontiguousarray(each).reshape(each.shape) for key, each in arrays.items()}
    return whole_of(header, arrays)


def nest(whole, rng):
    """Nest values more deeply than any reader can follow."""
    header, arrays = parts(whole)
    n = rng.choice([99, 101, 900, 10**4, 10**6])
    left, right = rng.choice([("[", "]"), ('{"tuple":[', "]}"), ('{"dict":[[1,', "]]}")])
    nested = left * n + right * n
    document = header["document"]
    header["document"] = rng.choice([nested, document.replace("null", nested, 1)])
    return whole_of(header, arrays)


def say_other_version(whole, rng):
    """Say another format, version or kind."""
    header, arrays = parts(whole)
    key = rng.choice(["format", "format_version", "eegsep_version", "kind", "metadata"])
    header[key] = rng.choice(["2", "10", "0", "", "1.0", "Pipeline", "EEGNetClassifier", "[]"])
    if rng.random() < 0.2:
        header.pop(rng.choice(sorted(header)))
        return arrays_to_bytes(arrays, header)
    return whole_of(header, arrays)


def enlarge(whole, rng):
    """Say that there is far more than the file has."""
    header, arrays = parts(whole)
    numbers = [10**5, 2**30, 2**31 - 1, 10**18]
    sizes = ("n_times", "n_chans", "n_times_in_", "n_features_in_", "kernel_length", "D", "F1")
    sizes += ("F2", "separable_kernel_length", "pool1", "n_outputs", "spatial")
    document = header["document"]
    for size in rng.sample(sizes, rng.choice([1, 2, 4])):
        at = document.find(f'"{size}",')
        if at >= 0:
            end = min(i for i in (document.find(c, at + len(size) + 3) for c in "],") if i > 0)
            number = rng.choice([*numbers, '"matched"', '"low_rank:99999"'])
            document = f'{document[:at]}"{size}",{number}{document[end:]}'
    if rng.random() < 0.3:
        text = json.dumps({"array of text": [[10**9, 10**9], ["a"]]})
        document = document.replace("null", text, 1)
    header["document"] = document
    return whole_of(header, arrays)


def edit_steps(whole, rng, canary):
    """Change what skops wrote of a pipeline, where there is one: types, functions, compression."""
    header, arrays = parts(whole)
    if header["kind"] != "Pipeline":
        return edit(whole, rng)
    [name] = arrays
    with zipfile.ZipFile(io.BytesIO(arrays[name].tobytes())) as opened:
        members = {each: opened.read(each) for each in opened.namelist()}
    schema = json.loads(members["schema.json"])
    places = [(h, k) for h, k in places_in(schema) if isinstance(h[k], dict)]
    action = rng.randrange(5)
    holder, key = rng.choice(places)
    command = json.dumps(f"touch {canary.file}")
    text = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
    text |= {"content": command, "is_json": True}
    arguments = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode"}
    system = {"__class__": "system", "__module__": rng.choice(["os", "posix"])}
    if action == 0:
        arguments["content"] = [text]
        holder[key] = system | {"__loader__": "ConstructorFromReduceNode", "content": arguments}
    elif action == 1:
        holder[key] = system | {"__loader__": "FunctionNode", "content": "system"}
    elif action == 2 and "__class__" in holder[key]:
        kinds = [("builtins", "exec"), ("os", "system"), ("pickle", "loads"), ("joblib", "load")]
        holder[key]["__module__"], holder[key]["__class__"] = rng.choice(kinds)
    elif action == 3:
        others, there = rng.choice(list(places_in(schema)))
        others[there] = rng.choice([*_WORDS[1:], *_NUMBERS, None, []])
    else:
        members[rng.choice(sorted(members))] = rng.choice([b"", bytes(2**22), b"[" * 10**5])
    members["schema.json"] = members["schema.json"] if action > 3 else json.dumps(schema).encode()
    made = io.BytesIO()
    kind = rng.choice([zipfile.ZIP_STORED] * 3 + [zipfile.ZIP_DEFLATED])
    with zipfile.ZipFile(made, "w", kind) as opened:
        for each, content in members.items():
            opened.writestr(each, content)
    arrays[name] = np.frombuffer(made.getvalue(), np.uint8)
    return whole_of(header, arrays)


# Each with how many of a hundred files, and whether the digest is right again.
CHANGES = {
    flip: (18, False),
    cut: (9, False),
    insert: (7, False),
    change_length: (3, False),
    join: (4, False),
    replace: (4, False),
    edit: (24, True),
    edit_array: (14, True),
    nest: (3, True),
    say_other_version: (2, True),
    enlarge: (4, True),
    edit_steps: (8, True),
}


# -- outcomes --------------------------------------------------------------------------------------


class Trial:
    """Loads changed files in a folder, and says how each ended.

    Parameters
    ----------
    folder : path-like
    seed : int
    """

    def __init__(self, folder, seed):
        self.file, self.again = (Path(folder) / name for name in ("model.eegsep", "again.eegsep"))
        self.canary, self.rng = Canary(folder), random.Random(seed)
        self.originals = []
        self.slowest = 0.0
        for estimator, X in models():
            eegsep.save(estimator, self.file)
            loaded = eegsep.load(self.file)  # also loads what the first one needs
            self.originals.append((self.file.read_bytes(), X, loaded.predict_proba(X)))

    def outcome(self):
        """Change a file and load it.

        Returns
        -------
        change, outcome, detail : str
        """
        whole, X, expected = self.rng.choice(self.originals)
        change = self.rng.choices(list(CHANGES), [n for n, _ in CHANGES.values()])[0]
        more = {join: [each for each, *_ in self.originals], replace: self.canary}
        more[edit_steps] = self.canary
        made = change(whole, self.rng, *([more[change]] if change in more else []))
        self.file.write_bytes(made)
        start = time.process_time()
        with self.canary:
            try:
                loaded, error = eegsep.load(self.file), None
            except Exception as raised:
                error = raised
        seconds = time.process_time() - start
        self.slowest = max(self.slowest, seconds)
        if self.canary.sang():
            return change.__name__, "ran code", str(self.canary.heard)
        if seconds > SLOW:
            return change.__name__, "slow", f"{seconds:.1f} s {error}"
        if error is not None:
            right = isinstance(error, ModelFileError) and str(self.file) in str(error)
            return change.__name__, "refused" if right else "error", repr(error)
        try:
            return change.__name__, *self._loaded(loaded, X, expected, CHANGES[change][1])
        except Exception as raised:
            return change.__name__, "error", repr(raised)

    def _loaded(self, loaded, X, expected, digest_is_right):
        def predictions(estimator):
            try:
                return estimator.predict_proba(X)
            except ValueError as error:
                return str(error)

        with self.canary:
            made = predictions(loaded)
        if self.canary.sang():
            return "ran code", "in predicting"
        if np.array_equal(made, expected):
            return "same", ""
        if not digest_is_right:
            return "wrong", "other predictions"
        if isinstance(made, np.ndarray):
            labels = loaded.predict(X)
            sums = np.isfinite(made).all() and np.allclose(made.sum(axis=1), 1)
            if not sums or not np.isin(labels, loaded.classes_).all():
                return "wrong", "no probabilities"
        with self.canary:
            eegsep.save(loaded, self.again)
            again = predictions(eegsep.load(self.again))
        alike = np.array_equal(made, again) if isinstance(made, np.ndarray) else made == again
        return ("another", "") if alike else ("wrong", "comes back as something else")


def run(folder, n_files, seed, show=print):
    """Change and load files.

    Parameters
    ----------
    folder : path-like
        Where files are written.
    n_files, seed : int
    show : callable
        Called with a line for each failure.

    Returns
    -------
    counts : Counter
        Of pairs of a change and an outcome.
    slowest : float
        Of all, in seconds of the processor's.
    """
    trial, counts = Trial(folder, seed), Counter()
    for i in range(n_files):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            change, outcome, detail = trial.outcome()
        counts[change, outcome] += 1
        if outcome in FAILURES:
            show(f"{i} {change}: {outcome} {detail[:300]}")
    return counts, trial.slowest


def main():
    """Run as asked for, and print how many files ended how."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts, slowest = run(folder, args.files, args.seed)
    outcomes = ("refused", "same", "another", *FAILURES)
    print(f"{'':18}" + "".join(f"{outcome:>10}" for outcome in outcomes))
    for change in [*(each.__name__ for each in CHANGES), None]:
        rows = {
            o: sum(n for (c, d), n in counts.items() if d == o and change in (c, None))
            for o in outcomes
        }
        print(f"{change or 'all':18}" + "".join(f"{n:>10}" for n in rows.values()))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"slowest {slowest:.2f} s; most memory {memory} MiB")
    failed = sum(n for (_, outcome), n in counts.items() if outcome in FAILURES)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
