"""Compiled code kept on disk: by what it depends on, and never at the cost of a fit.

Each test makes a package of its own, of two small files and the module under test.
"""

import os
import shutil
import subprocess
import sys

import pytest

import eegsep._compiling

OUTER = """
from ._compiling import compiled
from .inner import half


@compiled
def quarter(x):
    return half(half(x))


@compiled
def eighth(x):
    return half(quarter(x))
"""
INNER = """
from ._compiling import part_of_compiled


@part_of_compiled
def half(x):
    return x / 2
"""
CALL = """
from toy.outer import eighth, quarter
print(quarter(8.0), eighth(8.0))
print(sum(quarter.stats.cache_misses.values()), "compiled")
"""


@pytest.fixture
def toy(tmp_path):
    """Folder of a package ``toy`` with two compiled functions."""
    package = tmp_path / "toy"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "outer.py").write_text(OUTER)
    (package / "inner.py").write_text(INNER)
    shutil.copy(eegsep._compiling.__file__, package)
    return package


def call(toy, code=CALL, **environment):
    """Call both functions in a process of their own: what it printed, and what it said."""
    environment = {**os.environ, "PYTHONPATH": str(toy.parent), **environment}
    environment.setdefault("HOME", str(toy.parent))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr


def kept(toy):
    return sorted(toy.glob("__pycache__/eegsep-compiled-*/*"))


def test_a_second_process_reads_what_the_first_compiled(toy):
    assert call(toy) == (["2.0 1.0", "1 compiled"], "")
    assert call(toy) == (["2.0 1.0", "0 compiled"], "")


def test_a_change_in_a_file_that_compiled_code_imports_is_compiled_anew(toy):
    call(toy)
    (toy / "inner.py").write_text(INNER.replace("x / 2", "x / 4"))
    assert call(toy)[0] == ["0.5 0.125", "1 compiled"]


def test_a_change_in_a_file_that_is_not_compiled_compiles_nothing(toy):
    call(toy)
    (toy / "other.py").write_text("x = 1\n")
    assert call(toy)[0] == ["2.0 1.0", "0 compiled"]


def test_another_processor_has_code_of_its_own(toy):
    call(toy)
    assert call(toy, NUMBA_CPU_NAME="generic")[0] == ["2.0 1.0", "1 compiled"]
    assert call(toy)[0] == ["2.0 1.0", "0 compiled"]


def test_where_nothing_can_be_kept_it_computes_and_says_so_once(toy):
    printed, said = call(toy, NUMBA_CACHE_DIR="/dev/null/nowhere")
    assert printed == ["2.0 1.0", "1 compiled"]
    assert said.count("compiled code cannot be kept") == 1
    assert "/dev/null/nowhere: Not a directory" in said


def test_a_package_that_cannot_be_written_is_kept_in_the_users_folder(toy):
    (toy / "__pycache__").write_text("a file where a folder would be")
    cache = toy.parent / "cache"
    assert call(toy, XDG_CACHE_HOME=str(cache)) == (["2.0 1.0", "1 compiled"], "")
    assert call(toy, XDG_CACHE_HOME=str(cache)) == (["2.0 1.0", "0 compiled"], "")


def test_a_disk_that_is_full_after_import_ends_nothing(toy):
    full = """
import resource, signal
import toy.outer
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))
"""
    if sys.platform == "win32":
        pytest.skip("no limits on the size of files")
    code = full + CALL.replace("print", "import sys; print", 1)
    # what is printed goes through a pipe, which has no such limit
    printed, said = call(toy, code)
    assert printed[0] == "2.0 1.0"
    assert said.count("compiled code cannot be kept") == 1
    assert kept(toy) == [], "half a file stayed behind"


@pytest.mark.parametrize("damage", [b"", b"garbage", None], ids=["empty", "garbage", "truncated"])
def test_damaged_files_are_compiled_and_written_anew(toy, damage):
    call(toy)
    files = kept(toy)
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:-100] if damage is None else damage)
    assert call(toy)[0] == ["2.0 1.0", "1 compiled"]
    assert call(toy)[0] == ["2.0 1.0", "0 compiled"]


def test_folders_of_other_sources_do_not_pile_up(toy):
    for i in range(20):
        folder = toy / "__pycache__" / f"eegsep-compiled-{i}"
        folder.mkdir(parents=True)
        os.utime(folder, (i, i))
    call(toy)
    names = {folder.name for folder in toy.glob("__pycache__/eegsep-compiled-*")}
    assert len(names) == 8
    assert "eegsep-compiled-19" in names


def test_what_compiles_is_said_to_who_asked(toy):
    code = """
from toy._compiling import telling
from toy.outer import eighth, quarter
with telling(print):
    eighth(8.0), quarter(8.0)
"""
    said, _ = call(toy, code)
    assert [line.startswith("compiling for this processor") for line in said] == [True]
    assert call(toy, code)[0] == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_process_forked_while_a_thread_compiles_computes(toy):
    code = """
import os, signal, threading, time
from toy.outer import eighth, quarter
signal.alarm(60)
thread = threading.Thread(target=eighth, args=(8.0,))
thread.start()
time.sleep(0.05)
child = os.fork()
if child == 0:
    signal.alarm(30)
    os._exit(int(quarter(8.0)))
thread.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert call(toy, code)[0] == ["2"]


def test_after_prepare_fits_and_predictions_compile_and_load_nothing_more():
    code = """
import sys
import numpy as np
from eegsep import EEGNetClassifier, prepare
from eegsep._compiling import telling

prepare()
loaded, said = set(sys.modules), []
X, y = np.random.default_rng(0).normal(size=(12, 5, 200)), np.arange(12) % 2
with telling(said.append):
    for dtype in ("float32", "float64"):
        for early_stopping in (False, True):
            clf = EEGNetClassifier(max_epochs=2, sfreq=100, early_stopping=early_stopping)
            clf.fit(X.astype(dtype), y).predict_proba(X[:1].astype(dtype))
print(len(said), len(set(sys.modules) - loaded))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.split() == ["0", "0"], done.stderr
