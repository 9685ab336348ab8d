"""What is kept of a study: through kills, full disks and company, and for one question only."""

import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import psutil
import pytest
from moabb.datasets.base import BaseDataset
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from eegsep._utils.errors import RequestError
from eegsep._utils.processes import scratch_folder
from eegsep._utils.tables import remove_outputs, written_aside
from eegsep.datasets import SimulatedMotorImagery
from eegsep.studies.benchmark import benchmark
from eegsep.studies.digests import NotReproducible, describe
from eegsep.studies.store import FILE, Store, read
from tests.conftest import REPOSITORY


def small(**changes):
    """Return a simulated dataset of few subjects, trials and electrodes."""
    settings = {
        "n_subjects": 2,
        "n_sessions": 1,
        "n_runs": 1,
        "n_trials_per_class": 6,
        "channels": ("C3", "Cz", "C4"),
    }
    return SimulatedMotorImagery(**(settings | changes))


class Slow(ClassifierMixin, BaseEstimator):
    """Takes a while, and says how many microvolts it was fitted on."""

    def __init__(self, seconds=0.05, sign=1):
        self.seconds = seconds
        self.sign = sign

    def fit(self, X, y):
        time.sleep(self.seconds)
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return self.sign * np.square(X).mean(axis=(1, 2))


def python(code, *arguments, wait=True, path=REPOSITORY):
    """Run code in a Python of its own, with this package from a folder."""
    environment = os.environ | {"PYTHONPATH": str(path)}
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=environment, cwd=path, **pipes)
    if not wait:
        return process
    output, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    return output


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


# -- the file ------------------------------------------------------------------------------------


def test_what_is_put_is_there_for_another_process(tmp_path):
    with Store(tmp_path, "test") as store:
        store.put("text", "1")
        store.put("bytes", b"\0\1")
    with Store(tmp_path, "test") as store:
        assert (store.get("text"), store.get("bytes"), store.get("other")) == ("1", b"\0\1", None)


# A value of many pages is put over an old one and beside another, while the process is killed at
# one instruction of SQLite's after the other, or the file may not grow beyond one size after the
# other. A signal that is not ignored kills in the middle of a write.
STATES = """
    import os, resource, signal, sqlite3, sys
    from eegsep._utils.errors import RequestError
    from eegsep.studies.store import Store

    folder, how = sys.argv[1:]
    old, new, kept = 20_000 * "o", 50_000 * "n", 9_000 * "k"
    connect = sqlite3.connect

    def killing(step):
        def connect_and_count(*arguments, **settings):
            database, left = connect(*arguments, **settings), [step]
            def count():
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            database.set_progress_handler(count, 1)
            return database
        sqlite3.connect = connect_and_count

    def limited(step):
        handler = signal.SIG_IGN if how == "full" else signal.SIG_DFL
        signal.signal(signal.SIGXFSZ, handler)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048 * step, resource.RLIM_INFINITY))

    hinder = killing if how == "kill" else limited
    seen = {"old": 0, "new": 0}
    with Store(folder, "test") as store:
        store.put("kept", kept)
        for step in range(200):
            store.put("key", old)
            child = os.fork()
            if not child:
                hinder(step)
                try:
                    store.put("key", new)
                except RequestError as error:
                    assert "make room" in str(error) or "writ" in str(error), str(error)
                    os._exit(1)
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            value = store.get("key")
            assert store.get("kept") == kept
            assert value in (old, new)
            assert value == new or status != 0
            if how == "full" and status:
                assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 1, status
            seen["new" if value == new else "old"] += 1
            if status == 0:
                break
    print(seen["old"], seen["new"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of Unix")
@pytest.mark.parametrize("how", ["kill", "kill in a write", "full"])
def test_every_state_on_the_way_is_the_old_or_the_new(how, tmp_path):
    old, new = map(int, python(STATES, tmp_path, how).split())
    assert old > 10
    assert new >= 1
    assert not list(tmp_path.glob("*-journal"))


def test_full_disk_is_one_clear_error_and_earlier_scores_are_kept(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with Store(tmp_path, "test") as store:
            store.put("early", "1")
            resource.setrlimit(resource.RLIMIT_FSIZE, (store.file.stat().st_size, hard))
            with pytest.raises(RequestError, match="make room") as error:
                store.put("late", 10**6 * "2")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(error.value)
    with Store(tmp_path, "test") as store:
        assert (store.get("early"), store.get("late")) == ("1", None)
        store.put("late", "2")


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    code = """
        import sys
        from eegsep.studies.store import Store
        with Store(sys.argv[1], "test") as store:
            for k in range(50):
                store.put(f"{sys.argv[2]}-{k}", 5_000 * sys.argv[2])
    """
    writers = [python(code, tmp_path, name, wait=False) for name in "abc"]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    with Store(tmp_path, "test") as store:
        values = [store.get(f"{name}-{k}") for name in "abc" for k in range(50)]
    assert values == [5_000 * name for name in "abc" for _ in range(50)]


def test_a_damaged_file_is_named_and_overwritten_unseen(tmp_path):
    (tmp_path / FILE).write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    (tmp_path / f"{FILE}-journal").write_bytes(bytes(512))
    with pytest.raises(RequestError, match=r"computed.sqlite .*--overwrite"), Store(tmp_path, "t"):
        pass
    with Store(tmp_path, "t", overwrite=True) as store:
        store.put("key", "1")
    with Store(tmp_path, "t") as store:
        assert store.get("key") == "1"


def test_a_damaged_file_survives_a_refusal(tmp_path):
    (tmp_path / FILE).write_bytes(b"something else, of somebody's")
    with pytest.raises(RequestError), Store(tmp_path, "t"):
        pass
    assert (tmp_path / FILE).read_bytes() == b"something else, of somebody's"


def test_another_kind_of_study_is_refused_in_a_line(tmp_path):
    with Store(tmp_path, "benchmark") as store:
        store.put("key", "1")
    with (
        pytest.raises(RequestError, match="another kind of study") as error,
        Store(tmp_path, "ablation"),
    ):
        pass
    assert "\n" not in str(error.value)
    with Store(tmp_path, "benchmark") as store:
        assert store.get("key") == "1"


def test_a_folder_at_work_is_not_overwritten(tmp_path):
    with Store(tmp_path, "t") as store:
        store.put("key", "1")
        other = Store(tmp_path, "t", overwrite=True)
        with pytest.raises(RequestError, match="another process is at work"), other:
            pass
        assert store.get("key") == "1"


@pytest.mark.parametrize("noted", [False, True])
def test_folders_without_a_result_are_not_left(noted, tmp_path):
    with Store(tmp_path / "new" / "folder", "t") as store:
        if noted:
            store.note("key", "what only makes a later run shorter")
    assert list(tmp_path.iterdir()) == []


# -- as a table ----------------------------------------------------------------------------------


def test_rows_of_all_values_are_a_table(tmp_path):
    with Store(tmp_path, "t") as store:
        store.put("a", "1", [{"subject": 1, "score": 0.1 + 0.2}, {"subject": 2, "score": 0.5}])
        store.put("b", "2")
        store.put("c", "3", [{"subject": 3, "score": 1.0}])
        assert read(tmp_path)["score"].tolist() == [0.1 + 0.2, 0.5, 1.0]  # while it is at work
    assert read(tmp_path)["subject"].tolist() == [1, 2, 3]


def test_what_is_incomplete_is_replaced_with_its_rows(tmp_path):
    with Store(tmp_path, "t") as store:
        store.put("a", "half", [{"subject": 1}], complete=False)
        assert store.get("a") is None
        assert (store.get("a", incomplete=True), store.rows("a")) == ("half", [{"subject": 1}])
        assert store.claim("a")
        store.put("a", "whole", [{"subject": 1}, {"subject": 2}])
        assert store.get("a") == "whole"
    assert read(tmp_path)["subject"].tolist() == [1, 2]


def test_a_stopped_study_can_be_read(tmp_path):
    def stop(stage, done, *_):
        if (stage, done) == ("fit", 1):
            raise KeyboardInterrupt

    request = {"output": tmp_path, "pipelines": {"slow": Slow(0)}}
    with pytest.raises(KeyboardInterrupt):
        benchmark(small(), progress=stop, **request)
    assert read(tmp_path)["subject"].tolist() == [1]
    scores = benchmark(small(), **request).scores
    assert scores.columns[:3].tolist() == ["dataset", "evaluation", "paradigm"]
    pd.testing.assert_frame_equal(read(tmp_path)[scores.columns], scores)


def test_a_folder_without_a_study_is_no_table_and_stays_as_it_is(tmp_path):
    with pytest.raises(RequestError, match=r"no study .*computed.sqlite"):
        read(tmp_path / "new")
    (tmp_path / FILE).write_bytes(b"something else, of somebody's")
    with pytest.raises(RequestError, match=r"computed.sqlite"):
        read(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


# -- company -------------------------------------------------------------------------------------

HOLD = """
    import sys, time
    from eegsep.studies.store import Store
    with Store(sys.argv[1], "t") as store:
        print(store.claim("key"), flush=True)
        time.sleep(60)
"""


def test_what_a_process_is_at_is_left_to_it_until_it_dies(tmp_path):
    with Store(tmp_path, "t") as store:
        other = python(HOLD, tmp_path, wait=False)
        assert other.stdout.readline() == "True\n"
        assert store.busy("key")
        assert not store.claim("key")
        other.kill()  # not waited for: it stays in the table of processes
        wait_for(lambda: psutil.Process(other.pid).status() == psutil.STATUS_ZOMBIE)
        assert not store.busy("key")
        assert store.claim("key")
        other.wait()


def test_what_one_process_may_do_at_a_time_waits_for_the_other(tmp_path):
    with Store(tmp_path, "t") as one, Store(tmp_path, "t") as two:
        order = []

        def wait():
            with two.turn("files"):
                order.append("two")

        with one.turn("files"):
            waiting = threading.Thread(target=wait)
            waiting.start()
            time.sleep(1)
            order.append("one")
        waiting.join(timeout=20)
        assert order == ["one", "two"]


def test_keys_to_do_end_when_another_process_has_done_its_share(tmp_path):
    with Store(tmp_path, "t") as one, Store(tmp_path, "t") as two:
        assert two.claim("b")
        done = []
        for key in one.to_do(["a", "b", "c"]):
            one.put(key, "one")
            done.append(key)
            if key == "c":
                two.put("b", "two")
        assert done == ["a", "c"]
        assert one.get("b") == "two"


TOGETHER = """
    import json, sys
    from pathlib import Path
    from eegsep.studies.benchmark import benchmark
    from tests.studies.test_store import Slow, small, wait_for
    folder = Path(sys.argv[1])

    def progress(stage, done, *_):
        if (stage, done) == ("fit", 1):  # one is done, the others are shared
            (folder / "first").touch()
            wait_for((folder / "both").exists)

    pipelines = {"slow": Slow(0.1)}
    result = benchmark(small(n_subjects=6), output=folder, pipelines=pipelines, progress=progress)
    print(json.dumps([result.run, result.scores.to_json(orient="records")]))
"""


def test_two_processes_share_the_work_and_both_have_all_scores(tmp_path):
    other = python(TOGETHER, tmp_path, wait=False)
    wait_for((tmp_path / "first").exists)
    said = []

    def progress(stage, done, total, label):
        said.append(label)
        if stage == "fit":
            (tmp_path / "both").touch()

    request = {"output": tmp_path, "pipelines": {"slow": Slow(0.1)}}
    ours = benchmark(small(n_subjects=6), progress=progress, **request)
    output, error = other.communicate(timeout=60)
    assert other.returncode == 0, error
    run, scores = json.loads(output)
    assert ours.run["found_on_disk"] == 1
    assert ours.run["evaluated_elsewhere"] > 0
    assert any("another process" in label for label in said)
    assert run["evaluated"] + ours.run["evaluated"] == 6
    theirs = pd.DataFrame(json.loads(scores))
    assert theirs["subject"].tolist() == ours.scores["subject"].tolist() == [1, 2, 3, 4, 5, 6]
    assert theirs["score"].tolist() == pytest.approx(ours.scores["score"].tolist())


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_two_writers_that_are_killed_lose_nothing_and_do_nothing_twice(monkeypatch, capsys):
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    kill = importlib.import_module("kill")
    assert kill.main(["--kills", "3", "--slow", "1"]) == 0
    assert "3 kills" in capsys.readouterr().out


# -- the same question ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Folder of a benchmark of LDA and TS+LR."""
    folder = tmp_path_factory.mktemp("done")
    benchmark(small(), output=folder, pipelines=ask(), tmax=0.5)
    return folder


def ask(**parameters):
    flat = make_pipeline(mne.decoding.Vectorizer(), LinearDiscriminantAnalysis(**parameters))
    return {"lda": flat}


CHANGED = """
    import sys
    import mne
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from eegsep.datasets import SimulatedMotorImagery
    from eegsep.studies.benchmark import benchmark
    settings = dict(n_subjects=2, n_sessions=1, n_runs=1, n_trials_per_class=6)
    dataset = SimulatedMotorImagery(**settings, channels=("C3", "Cz", "C4"))
    lda = make_pipeline(mne.decoding.Vectorizer(), LinearDiscriminantAnalysis())
    run = benchmark(dataset, output=sys.argv[1], pipelines={"lda": lda}, tmax=0.5).run
    print(run["evaluated"], run["found_on_disk"])
"""


@pytest.mark.parametrize("changed", [False, True])
def test_scores_of_other_sources_are_not_taken(changed, done, tmp_path):
    folder = shutil.copytree(done, tmp_path / "done")
    shutil.copytree(REPOSITORY / "eegsep", tmp_path / "package" / "eegsep")
    if changed:
        with (tmp_path / "package" / "eegsep" / "classifier.py").open("a") as file:
            file.write("\n\nEEGNetClassifier.__doc__ += ' '\n")
    found = python(CHANGED, folder, path=tmp_path / "package").split()
    assert found == (["2", "0"] if changed else ["0", "2"])


def test_rerun_with_nothing_to_do_reads_and_fits_nothing(done, monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError

    monkeypatch.setattr(SimulatedMotorImagery, "_get_single_subject_data", fail)
    monkeypatch.setattr(LinearDiscriminantAnalysis, "fit", fail)
    run = benchmark(small(), output=done, pipelines=ask(), tmax=0.5).run
    assert (run["evaluated"], run["found_on_disk"]) == (0, 2)


@pytest.mark.parametrize(
    "change", [{"pipelines": ask(solver="lsqr")}, {"seed": 1}, {"fmin": 9.0}, {"tmax": 0.6}]
)
def test_another_question_is_answered_anew(change, done, tmp_path):
    folder = shutil.copytree(done, tmp_path / "done")
    request = {"output": folder, "pipelines": ask(), "subjects": [1], "tmax": 0.5}
    run = benchmark(small(), **request | change).run
    assert run["evaluated"] == 1


PIPELINE = """
name: bayes
paradigms: [LeftRightImagery]
pipeline:
  - {name: Vectorizer, from: mne.decoding}
  - {name: GaussianNB, from: sklearn.naive_bayes}
"""
GRID = "param_grid: {gaussiannb__var_smoothing: [%s]}\n"


def test_a_grid_that_is_added_or_changed_is_searched(tmp_path):
    file, runs = tmp_path / "bayes.yml", []
    for grid in ("", GRID % "0.1", GRID % "0.1, 0.9", GRID % "0.1, 0.9"):
        file.write_text(PIPELINE + grid)
        runs.append(benchmark(small(), output=tmp_path / "o", pipelines=file, subjects=[1]).run)
    assert [run["evaluated"] for run in runs] == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("grid", "text"),
    [
        ("param_grid: {svc__C: [1]}\n", "unknown svc__C"),
        ("param_grid: {gaussiannb__var_smoothing: []}\n", "param_grid must be a mapping"),
        ("param_grid: 3\n", "param_grid must be a mapping"),
    ],
)
def test_a_grid_that_cannot_be_is_refused_before_anything_is_made(grid, text, tmp_path):
    (tmp_path / "bayes.yml").write_text(PIPELINE + grid)
    with pytest.raises(RequestError, match=text) as error:
        benchmark(small(), output=tmp_path / "o", pipelines=tmp_path / "bayes.yml")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "o").exists()


class OnDisk(BaseDataset):
    """Recordings in files of a folder."""

    def __init__(self, folder):
        self.folder = folder
        events = {"left_hand": 1, "right_hand": 2}
        super().__init__([1, 2], 1, events, "OnDisk", [0, 1], "imagery")

    def data_path(self, *args, **kwargs):
        raise NotImplementedError

    def _get_single_subject_data(self, subject):
        reads.append(subject)
        raw = mne.io.read_raw_fif(self.folder / f"{subject}_raw.fif", preload=True, verbose="error")
        return {"0": {"0": raw}}


reads = []


def write_recording(folder, subject, sign=1):
    rng, sfreq, codes = np.random.default_rng(subject), 128, np.arange(20) % 2 + 1
    data = rng.normal(size=(4, 200 * 21)) * 1e-5
    data[3] = 0
    for k, code in enumerate(codes):
        data[3, 200 * (k + 1) - 50] = code
        data[0 if sign * (code - 1.5) < 0 else 1, 200 * (k + 1) - 50 :][:128] *= 5
    info = mne.create_info(["C3", "C4", "Cz", "STI"], sfreq, ["eeg"] * 3 + ["stim"])
    raw = mne.io.RawArray(data, info, verbose="error")
    raw.save(folder / f"{subject}_raw.fif", overwrite=True, verbose="error")


def test_a_recording_that_was_replaced_is_scored_anew_and_no_other_is_read(tmp_path):
    for subject in (1, 2):
        write_recording(tmp_path, subject)
    request = {"output": tmp_path / "o", "pipelines": {"slow": Slow(0)}}
    benchmark(OnDisk(tmp_path), **request)
    reads.clear()
    assert benchmark(OnDisk(tmp_path), **request).run["evaluated"] == 0
    assert reads == []
    write_recording(tmp_path, 2, sign=-1)
    run = benchmark(OnDisk(tmp_path), **request).run
    assert (run["evaluated"], run["found_on_disk"]) == (1, 1)
    assert reads == [2]


def test_a_recording_that_was_only_copied_is_read_but_not_scored_again(tmp_path):
    (tmp_path / "a").mkdir()
    for subject in (1, 2):
        write_recording(tmp_path / "a", subject)
    request = {"output": tmp_path / "o", "pipelines": {"slow": Slow(0)}}
    benchmark(OnDisk(tmp_path / "a"), **request)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert benchmark(OnDisk(tmp_path / "b"), **request).run["evaluated"] == 0


def test_the_source_of_own_classes_and_what_they_import_counts(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    said = []
    for helper, mine in [("A = 1", ""), ("A = 1", ""), ("A = 2", ""), ("A = 2", "    b = 3\n")]:
        (tmp_path / "own_helper.py").write_text(f"{helper}\n\ndef f():\n    return A\n")
        (tmp_path / "own_class.py").write_text(
            "from sklearn.base import BaseEstimator\nfrom own_helper import f\n\n"
            f"class Mine(BaseEstimator):\n{mine}    def fit(self, X, y):\n        return f()\n"
        )
        for name in ("own_helper", "own_class"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        said.append(describe([importlib.import_module("own_class").Mine()]))
    assert said[0] == said[1]
    assert len(set(said)) == 3


SCRIPT = """
from sklearn.base import BaseEstimator
LIMIT, unused = {limit}, {unused}
def helper():
    return LIMIT {operator} 1
class Mine(BaseEstimator):
    def predict(self, X):
        return helper()
"""


def test_of_a_script_only_what_a_class_uses_counts():
    def say(limit=1, unused=1, operator="+"):
        script = {"__name__": "__main__"}
        exec(SCRIPT.format(limit=limit, unused=unused, operator=operator), script)
        return describe(script["Mine"]())

    first = say()
    assert say(unused=2) == first
    assert say(limit=2) != first
    assert say(operator="-") != first


def test_what_cannot_be_described_is_said(tmp_path):
    class Odd:
        def __reduce__(self):
            raise TypeError("cannot be pickled")

    with pytest.raises(NotReproducible, match="Odd cannot be compared"):
        describe(Odd())
    request = {"output": tmp_path, "pipelines": {"odd": Slow(0, sign=OddSign())}, "subjects": [1]}
    runs = [benchmark(small(), **request).run for _ in range(2)]
    assert [run["evaluated"] for run in runs] == [1, 1]
    assert any(
        "pipeline odd cannot be kept for another run" in text for text in runs[0]["warnings"]
    )


class OddSign(float):
    """A number that cannot be pickled, so that no other process can know it."""

    def __new__(cls):
        return super().__new__(cls, 1.0)

    def __reduce_ex__(self, protocol):
        raise TypeError("cannot be pickled")

    def __deepcopy__(self, memo):
        return self


# -- one folder, one run -------------------------------------------------------------------------


def test_outputs_of_an_earlier_run_are_gone_and_other_files_are_not(done, tmp_path):
    for name in (
        "report.html",
        "maps.png",
        "cost.csv",
        "ablation.csv",
        ".999999999-run.json",
        "mine.txt",
    ):
        (tmp_path / name).write_text("old")
    benchmark(small(), output=done, pipelines=ask(), tmax=0.5).save(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["columns.json", "mine.txt", "run.json", "scores.csv", "summary.csv"]


def test_what_a_living_process_writes_is_left_to_it(tmp_path):
    with written_aside(tmp_path / "scores.csv") as aside:
        aside.write_text("new")
        remove_outputs(tmp_path)
    assert (tmp_path / "scores.csv").read_text() == "new"


def test_a_file_is_there_whole_or_as_it_was(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("old")

    def stop():
        with written_aside(file) as aside:
            aside.write_text("half of")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_file_that_cannot_be_written_is_named_in_a_line(tmp_path):
    (tmp_path / "file").write_text("")
    file = tmp_path / "file" / "table.csv"
    with pytest.raises(RequestError, match=r"cannot write .*table.csv"), written_aside(file):
        pass


# -- processes and scratch -----------------------------------------------------------------------

WORKERS = """
    import sys, time
    from joblib import Parallel, delayed
    from eegsep._utils.processes import scratch_folder, side_by_side
    with scratch_folder() as folder, side_by_side(2):
        (folder / "trials.npy").write_bytes(bytes(1000))
        print(folder, flush=True)
        Parallel(2)(delayed(time.sleep)(60) for _ in range(2))
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGINT"])
def test_workers_end_with_their_parent_and_scratch_goes(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    parent = python(WORKERS, wait=False)
    folder = Path(parent.stdout.readline().strip())
    process = psutil.Process(parent.pid)

    def workers():
        return [c for c in process.children() if "popen_loky_posix" in " ".join(c.cmdline())]

    wait_for(lambda: len(workers()) == 2)
    time.sleep(1)  # they are at work
    started = workers()
    parent.send_signal(getattr(signal, name))
    parent.wait(timeout=20)
    _, alive = psutil.wait_procs(started, timeout=5)
    assert alive == []
    assert folder.exists() == (name == "SIGKILL")
    if name == "SIGTERM":
        assert parent.returncode == 128 + signal.SIGTERM
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder() as own:  # which the next run does
        assert not folder.exists()
        with scratch_folder():
            assert own.exists()


def test_a_full_temporary_folder_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        with pytest.raises(RequestError, match=r"temporary folder .*TMPDIR"), scratch_folder():
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []
