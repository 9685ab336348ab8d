"""`eegsep fit`, `predict`, `export` and `stream`: models, recordings and options that cannot be."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

import mne
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import eegsep
from eegsep.deployment import Preparation, StreamDecoder

from .commands import command
from .table import Area, Refusal

NAMES = ["C3", "Cz", "C4"]
RNG = np.random.default_rng(0)
MODEL, RECORDING = "model.eegsep", "monday_raw.fif"


def recording(file, names=NAMES, scale=1e-5):
    """Forty seconds with a marker every two seconds."""
    raw = mne.io.RawArray(
        RNG.normal(0, scale, (len(names), 5120)),
        mne.create_info(list(names), 128.0, "eeg"),
        verbose="error",
    )
    raw.set_annotations(mne.Annotations(np.arange(0.5, 38), 0.0, ["left", "right"] * 19))
    raw.save(file, verbose="error")


@cache
def made():
    """Recordings and models of each kind, made once."""
    folder = Path(tempfile.mkdtemp(prefix="eegsep"))
    recording(folder / RECORDING)
    recording(folder / "fewer_raw.fif", NAMES[:2])
    recording(folder / "volts_raw.fif", scale=10.0)
    (folder / "table.csv").write_text("C3,Cz,C4\n" + "1,2,3\n" * 200)
    (folder / "text.eegsep").write_text("a model")
    X, y = RNG.normal(0, 1e-5, (20, 3, 129)), np.repeat(["left", "right"], 10)
    clf = eegsep.EEGNetClassifier(max_epochs=1, random_state=0).fit(X, y)
    preparation = Preparation(NAMES, 128.0, 128.0, 0.0, 1.0, 129, fmin=8.0, fmax=32.0).to_dict()
    clf.save(folder / MODEL, metadata={"preparation": preparation})
    clf.save(folder / "bare.eegsep")
    clf.save(folder / "word.eegsep", metadata={"preparation": "nonsense"})
    clf.save(folder / "part.eegsep", metadata={"preparation": {"ch_names": NAMES}})
    other = preparation | {"eeg_reference": ["TP9"]}
    clf.save(folder / "referenced.eegsep", metadata={"preparation": other})
    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(X.reshape(20, -1), y)
    eegsep.save(linear, folder / "linear.eegsep", metadata={"preparation": preparation})
    return folder


def files(folder):
    shutil.copytree(made(), folder, dirs_exist_ok=True)
    (folder / "folder.csv").mkdir()
    (folder / "folder.onnx").mkdir()
    return folder


def rows(area, name, cases):
    """Rows of command lines, in which ``{}`` is the folder."""
    for line, words in cases:
        area.refused(
            line.replace("{}/", ""),
            lambda folder, line=line: [name, *(w.format(folder) for w in line.split())],
            Refusal,
            words,
        )


QUICK = "--tmin 0 --tmax 1 --max-epochs 1 --no-score --n-jobs 1"
GOOD = f"{{}}/{MODEL} {{}}/{RECORDING}"
rows(
    Area("`eegsep fit`", files, command),
    "fit",
    [
        (f"{{}}/{RECORDING} {QUICK}", "Missing option '--save'"),
        (f"{{}}/no.fif {QUICK} --save {{}}/new/a.eegsep", "there is no file"),
        (f"{{}} {QUICK} --save {{}}/new/a.eegsep", "study init"),
        (f"Nowhere {QUICK} --save {{}}/new/a.eegsep", "unknown dataset"),
        (f"{{}}/{MODEL} {QUICK} --save {{}}/new/a.eegsep", "model.eegsep"),
        (f"{{}}/{RECORDING} --tmin 5 --tmax 2 --save {{}}/new/a.eegsep", "has nothing in it"),
        (f"{{}}/{RECORDING} {QUICK} --save {{}}/folder.csv", "is a folder"),
        (f"{{}}/{RECORDING} {QUICK} --save {{}}/{MODEL}", "--overwrite replaces it"),
        (f"{{}}/{RECORDING} {QUICK} --overwrite --save {{}}/{RECORDING}", "is read, and cannot"),
        (f"{{}}/{RECORDING} {QUICK} --overwrite --save /dev/null", "is a device"),
        (f"{{}}/{RECORDING} {QUICK} --save {{}}/{RECORDING}/a.eegsep", "cannot make"),
        (f"{{}}/{RECORDING} {{}}/{RECORDING} {QUICK} --save {{}}/a.eegsep", "more than once"),
        (f"{{}}/{RECORDING} {{}}/fewer_raw.fif {QUICK} --save {{}}/a.eegsep", "lacks C4"),
        (f"{{}}/{RECORDING} {QUICK} --save {{}}/a.eegsep --pipeline Nope", "unknown pipeline"),
        (f"{{}}/{RECORDING} {QUICK} --save {{}}/a.eegsep --events left", "write them as"),
        (f"{{}}/{RECORDING} {QUICK} --save {{}}/a.eegsep --events a=no,b=left", "'no'"),
        (f"{{}}/{RECORDING} {QUICK} --save {{}}/a.eegsep --sfreq 100", "leave out --sfreq"),
        (f"{{}}/{RECORDING} {QUICK} --save {{}}/a.eegsep --sfreq nan", "nan Hz is none"),
        (f"{{}}/table.csv {QUICK} --save {{}}/a.eegsep --sfreq -1 --unit uV", "-1 Hz is none"),
        (f"{{}}/{RECORDING} {QUICK} --save {{}}/a.eegsep --subjects 1", "of one person"),
    ],
)
rows(
    Area("`eegsep predict`", files, command),
    "predict",
    [
        (f"{{}}/no.eegsep {{}}/{RECORDING}", "cannot read"),
        (f"{{}}/text.eegsep {{}}/{RECORDING}", "no model file"),
        (f"{{}} {{}}/{RECORDING}", "no model file"),
        (f"{{}}/{RECORDING} {{}}/{MODEL}", "no model file"),
        (f"{{}}/{MODEL} {{}}/{MODEL}", "no recording by its name"),
        (f"{{}}/{MODEL} {{}}/no.fif", "there is no file"),
        (f"{{}}/{MODEL} {{}}", "is a folder"),
        (f"{{}}/{MODEL} {{}}/fewer_raw.fif", "lacks C4"),
        (f"{{}}/{MODEL} {{}}/table.csv", "say its sampling rate"),
        (f"{{}}/bare.eegsep {{}}/{RECORDING}", "does not say how recordings"),
        (f"{{}}/word.eegsep {{}}/{RECORDING}", "damaged, or not of"),
        (f"{{}}/part.eegsep {{}}/{RECORDING}", "damaged, or not of"),
        (f"{{}}/referenced.eegsep {{}}/{RECORDING}", "lacks TP9"),
        (f"{GOOD} --sliding 0", "cannot slide by 0 s"),
        (f"{GOOD} --sliding nan", "cannot slide by nan s"),
        (f"{GOOD} --sliding 1e9", "cannot slide by"),
        (f"{GOOD} --sliding 1e-300", "cannot slide by"),
        (f"{GOOD} --sliding 0.001", "from a sample"),
        (f"{GOOD} --sliding 1 --events left", "not both"),
        (f"{GOOD} --events no", "none of the markers"),
        (f"{GOOD} --sfreq 100", "leave out --sfreq"),
        (f"{GOOD} --unit parsec", "parsec"),
        (f"{GOOD} --output {{}}/a.txt", "must end in"),
        (f"{GOOD} --output {{}}/folder.csv --overwrite", "is a folder"),
        (f"{GOOD} --output {{}}/table.csv", "--overwrite replaces it"),
        (
            f"{{}}/{MODEL} {{}}/table.csv --overwrite --output {{}}/table.csv",
            "is read, and cannot",
        ),
        (f"{GOOD} --output {{}}/a.csv --annotations {{}}/a.csv", "cannot hold both"),
        (f"{GOOD} --output {{}}/a.csv --annotations {{}}/b.csv", "has no date"),
        (
            f"{GOOD} --output {{}}/a.csv --annotations {{}}/{MODEL}/a.txt",
            "cannot make",
        ),
    ],
)
rows(
    Area("`eegsep export`", files, command),
    "export",
    [
        (f"{{}}/{MODEL}", "Missing option '--output'"),
        (f"{{}}/{MODEL} --output {{}}/a.txt", "must end in"),
        (f"{{}}/{MODEL} --output {{}}/.onnx", "must end in"),
        (f"{{}}/{MODEL} --output {{}}/folder.onnx --overwrite", "is a folder"),
        (f"{{}}/{MODEL} --output {{}}/{MODEL}/a.onnx", "cannot write"),
        ("{}/no.eegsep --output {}/a.onnx", "cannot read"),
        ("{}/text.eegsep --output {}/a.onnx", "no model file"),
        ("{}/linear.eegsep --output {}/a.onnx", "only an EEGNetClassifier"),
    ],
)
STREAM = f"{{}}/{MODEL} --name nowhere"
rows(
    Area("`eegsep stream`", files, command),
    "stream",
    [
        ("{}/no.eegsep", "cannot read"),
        ("{}/text.eegsep", "no model file"),
        ("{}/linear.eegsep", "by an EEGNetClassifier"),
        ("{}/bare.eegsep", "sampling rate"),
        ("{}/word.eegsep", "damaged, or not of"),
        ("{}/part.eegsep", "damaged, or not of"),
        ("{}/referenced.eegsep", "referenced to TP9"),
        (f"{STREAM} --step 0", "step must be"),
        (f"{STREAM} --step inf", "step must be"),
        (f"{STREAM} --step 0.0001", "less than a sample"),
        (f"{STREAM} --band 8", "cannot read the band"),
        (f"{STREAM} --band 32-8", "edges must rise"),
        (f"{STREAM} --band 0.000000001-32", "no stable filter"),
        (f"{STREAM} --memory nan", "memory must be"),
        (f"{STREAM} --threshold 2", "threshold must be"),
        (f"{STREAM} --max-gap inf", "max_gap must be"),
        (f"{STREAM} --unit parsec", "unknown unit"),
        (f"{STREAM} --duration nan", "duration must be"),
        (f"{STREAM} --duration -1", "duration must be"),
        (f"{STREAM} --timeout nan", "timeout must be"),
        (f"{STREAM} --timeout -1", "timeout must be"),
        (f"{STREAM} --output {{}}/folder.csv", "is a folder"),
        (f"{STREAM} --output {{}}/table.csv", "is there already"),
        (f"{STREAM} --output {{}}/{MODEL}/a.csv", "cannot make"),
        (f"{STREAM} --timeout 0 --output {{}}/new/a.csv", "no stream of name 'nowhere'"),
    ],
)


def decoded(arguments):
    """Make a decoder, and decode two seconds."""
    feed = {name: arguments.pop(name) for name in ("chunk", "timestamps", "ch_names")}
    clf = eegsep.load(made() / "bare.eegsep").set_params(ch_names=NAMES, sfreq=128)
    windows = StreamDecoder(clf, **arguments).feed(**feed)
    return [window.probabilities for window in windows]


def stream(folder):
    chunk = 1e-5 * np.random.default_rng(1).normal(size=(3, 256))
    return {"chunk": chunk, "timestamps": None, "ch_names": None, "band": (8, 32)}


DECODER = Area("`StreamDecoder`", stream, decoded)
DECODER.same("numbers in a list", lambda s: s | {"chunk": s["chunk"].tolist()})
DECODER.same("bytes in another order", lambda s: s | {"chunk": s["chunk"].astype(">f8")})
DECODER.same(
    "channels in another order", lambda s: s | {"chunk": s["chunk"][::-1], "ch_names": NAMES[::-1]}
)
DECODER.same(
    "more channels, two of one name",
    lambda s: s | {"chunk": s["chunk"][[0, 1, 2, 0, 0]], "ch_names": [*NAMES, "A1", "A1"]},
)
DECODER.same("timestamps of Unix", lambda s: s | {"timestamps": 1.8e9 + np.arange(256) / 128})
DECODER.same("timestamps that stand still", lambda s: s | {"timestamps": np.zeros(256)})
DECODER.same("timestamps that go back", lambda s: s | {"timestamps": -np.arange(256) / 128})
for text, changed, words in [
    ("turned", lambda s: {"chunk": s["chunk"].T}, "Transpose it"),
    ("rows of unequal length", lambda s: {"chunk": [[1], [2, 3], [4]]}, "array of real numbers"),
    ("truths", lambda s: {"chunk": s["chunk"] > 0}, "array of real numbers"),
    ("complex numbers", lambda s: {"chunk": s["chunk"] * 1j}, "array of real numbers"),
    ("timestamps of NaN", lambda s: {"timestamps": np.full(256, np.nan)}, "must be finite"),
    ("timestamps that are dates", lambda s: {"timestamps": np.zeros(256, "M8[s]")}, "seconds"),
    ("timestamps in nanoseconds", lambda s: {"timestamps": np.full(256, 1.8e18)}, "tell samples"),
    ("timestamps beyond all numbers", lambda s: {"timestamps": np.full(256, 1e300)}, "samples"),
    ("a channel twice", lambda s: {"ch_names": ["C3", "C3", "C4"]}, "Cz"),
    ("names in one text", lambda s: {"ch_names": "C3"}, "list of the names"),
    ("names that are numbers", lambda s: {"ch_names": [0, 1, 2]}, "list of the names"),
    ("step=inf", lambda s: {"step": np.inf}, "step must be"),
    ("step='fast'", lambda s: {"step": "fast"}, "step must be"),
    ("min_windows=inf", lambda s: {"min_windows": np.inf}, "min_windows must be"),
    ("order=0", lambda s: {"order": 0}, "order must be"),
    ("order=1000", lambda s: {"order": 1000}, "order must be"),
    ("band=('a', 'b')", lambda s: {"band": ("a", "b")}, "band must be"),
    ("band=(1e-9, 30)", lambda s: {"band": (1e-9, 30)}, "no stable filter"),
    ("sfreq=True", lambda s: {"sfreq": True}, "sfreq must be"),
    ("unit=[]", lambda s: {"unit": []}, "unit must be"),
]:
    DECODER.refused(text, lambda s, changed=changed: s | changed(s), ValueError, words)
