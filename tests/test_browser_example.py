"""The page that decodes in a browser, in Chromium with onnxruntime-web, against Python."""

import functools
import os
import shutil
import subprocess
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlencode

import numpy as np
import onnxruntime
import pytest

from eegsep import EEGNetClassifier
from tests.conftest import REPOSITORY, make_epochs, make_trials

EXAMPLE = REPOSITORY / "docs" / "examples" / "browser"
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
HURTFUL = ["<script>top.location = 'hurt'</script>", "<img src=x onerror=alert(1)>"]

# Has the page send itself to the server once it has decoded a trial, or says why it does not.
_SENDING = """
<script>
  const watch = setInterval(() => {
    if (!document.querySelector("#time, #warning:not(:empty)")?.textContent) return;
    clearInterval(watch);
    fetch(location.search, { method: "POST", body: document.documentElement.outerHTML });
  }, 20);
</script>
"""


class Document(HTMLParser):
    """What the page says: texts by id, and the probabilities with their labels."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.values, self.labels, self.tags, self._id = {}, [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self._id = attrs.get("id", self._id)
        if tag == "data":
            self.values.append(float(attrs["value"]))

    def handle_data(self, data):
        if data.strip():
            self.texts[self._id] = self.texts.get(self._id, "") + data
            if self._id == "probabilities" and self.tags[-1] == "span":
                self.labels.append(data)


class Handler(SimpleHTTPRequestHandler):
    """Serve the folder, and gather what pages send."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.documents[unquote(self.path.partition("?")[2])] = Document(body)
        self.send_response(204)
        self.end_headers()
        if len(self.server.documents) == self.server.n_expected:
            self.server.complete.set()

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Copy the example, with the runtime beside it, where it can be had."""
    runtime = os.environ.get("EEGSEP_ORT_WEB")
    if runtime is None or not all((Path(runtime) / name).is_file() for name in RUNTIME):
        pytest.skip("no onnxruntime-web: set EEGSEP_ORT_WEB to the folder dist of npm's package")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install it to test the page in a browser")
    folder = tmp_path_factory.mktemp("example") / "page"
    shutil.copytree(EXAMPLE, folder)
    for name in RUNTIME:
        (folder / name).symlink_to(Path(runtime).resolve() / name)
    page = (folder / "index.html").read_text(encoding="utf-8")
    before, name, after = page.partition('<meta name="onnxruntime-web" content="')
    page = f"{before}{name}./{after[after.index(chr(34)) :]}".replace(
        "</body>", f"{_SENDING}</body>"
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def classifiers(folder):
    """Classifiers by the names of their files in the folder."""
    X, y = make_trials()
    epochs, _ = make_epochs()
    fits = {"epochs": (epochs, y), "hurtful": (X, np.array(HURTFUL)[np.arange(40) % 2])}
    classifiers = {}
    for name, trials in fits.items():
        clf = EEGNetClassifier(init="glorot", max_epochs=5, lr=0.01, random_state=0).fit(*trials)
        clf.to_onnx(folder / f"{name}.onnx")
        classifiers[name] = clf
    return classifiers


UNSEEN = {
    "float32": make_trials(seed=1)[0].astype(np.float32),
    "float64": make_trials(seed=1)[0],
    "single": make_trials(seed=1)[0][3],
    "few channels": np.zeros((2, 5, 64)),
    "nan": np.full((2, 6, 64), np.nan),
    "integers": np.zeros((2, 6, 64), dtype=int),
    "microvolts": make_trials(scale=10)[0],
}


@pytest.fixture(scope="module")
def documents(folder, classifiers, tmp_path_factory):
    """What the page says in the browser, by model and trials."""
    for name, X in UNSEEN.items():
        np.save(folder / f"{name}.npy", X)
    (folder / "none.onnx").write_bytes(b"no model")
    cases = [("epochs", name) for name in UNSEEN]
    cases += [("hurtful", "float32"), ("none", "float32"), ("nowhere", "float32")]
    queries = [urlencode({"model": f"{m}.onnx", "trials": f"{t}.npy"}) for m, t in cases]
    queries += ["demonstration"]
    frames = "".join(f'<iframe src="index.html?{query}"></iframe>' for query in queries)
    (folder / "all.html").write_text(frames, encoding="utf-8")
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    )
    server.documents, server.n_expected, server.complete = {}, len(queries), threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    options += [f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]
    command = [CHROMIUM, *options, f"http://127.0.0.1:{server.server_port}/all.html"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as browser:
        server.complete.wait(100)
        browser.terminate()
    server.shutdown()
    server.server_close()
    return dict(
        zip(
            [*cases, "demonstration"], map(server.documents.get, map(unquote, queries)), strict=True
        )
    )


@pytest.mark.parametrize("name", ["float32", "float64", "single"])
def test_the_page_gives_the_probabilities_of_python(documents, classifiers, name):
    X, document = UNSEEN[name].reshape(-1, 6, 64), documents["epochs", name]
    expected = classifiers["epochs"].predict_proba(X)[0]
    np.testing.assert_allclose(document.values, expected, rtol=0, atol=1e-5)
    assert document.labels == ["left hand", "right hand"]
    assert document.texts["trial"] == f"Trial 1 of {len(X)}"
    assert "warning" not in document.texts


def test_the_demonstration_is_decoded_as_in_python(documents):
    session = onnxruntime.InferenceSession(
        EXAMPLE / "demo.onnx", providers=["CPUExecutionProvider"]
    )
    expected = session.run(["probabilities"], {"X": np.load(EXAMPLE / "demo.npy")})[0]
    np.testing.assert_allclose(documents["demonstration"].values, expected[0], rtol=0, atol=1e-5)


def test_the_page_says_what_the_model_takes(documents):
    about = documents["epochs", "float32"].texts["about"]
    assert "2 classes, 6 channels (C3, C4, Cz, Pz, Fz, Oz), 0.5 s at 128 Hz" in about


def test_names_of_classes_are_text_and_nothing_else(documents):
    document = documents["hurtful", "float32"]
    assert document.labels == sorted(HURTFUL)
    assert "img" not in document.tags


@pytest.mark.parametrize(
    ("case", "text"),
    [
        (("epochs", "few channels"), "of shape (2, 5, 64)"),
        (("epochs", "nan"), "not finite"),
        (("epochs", "integers"), "must be float32 or float64"),
        (("epochs", "microvolts"), "another unit"),
        (("none", "float32"), "no ONNX file"),
        (("nowhere", "float32"), "cannot be loaded (404)"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_what_does_not_fit_is_told(documents, case, text):
    assert text in documents[case].texts["warning"]
