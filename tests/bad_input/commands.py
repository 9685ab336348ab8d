"""Command lines: options, folders and files that cannot be. A line, status 2, and no traceback."""

from typer.testing import CliRunner

from eegsep.cli import app

from .table import Area, Refusal


def command(words):
    """Run a command as it runs in a terminal."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code == 2:
        assert result.stdout == "", result.stdout
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        if lines[0].startswith("Usage:"):
            # typer's own words, in a frame
            raise Refusal(" ".join(lines[3:-1]).replace("│", "").strip())
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("eegsep: "), result.stderr
        raise Refusal(lines[0])
    assert result.exit_code in (0, 3), result.output
    return result.stdout


def with_output(*words):
    """Words of a command that would write into a folder that is not there."""
    return lambda folder: [*words, "--output", folder / "output"]


QUICK = {
    "benchmark": ("benchmark", "--subjects", "1", "--pipelines", "CSP+LDA", "--n-jobs", "1"),
    "inspect": ("inspect", "--subjects", "1", "--max-epochs", "1", "--seeds", "1", "--n-jobs", "1"),
    "ablate": (
        "ablate",
        "--subjects",
        "1",
        "--variants",
        "joint",
        "--max-epochs",
        "1",
        "--n-jobs",
        "1",
    ),
}
OF_EACH_STUDY = [
    (["--tmin", "100"], "has nothing of the trials"),
    (["--tmin", "2", "--tmax", "1"], "tmax must be greater than tmin"),
    (["--tmin", "1", "--tmax", "1"], "tmax must be greater than tmin"),
    (["--tmin", "nan"], "tmin must be a finite number"),
    (["--tmin", "soon"], "Invalid value for '--tmin'"),
    (["--tmax", "inf"], "tmax must be a finite number"),
    (["--tmax", "1e9"], "is longer than 3600 s"),
    (["--tmin", "0", "--tmax", "0.001"], "less than two samples"),
    (["--resample", "nan"], "resample must be a finite number"),
    (["--resample", "inf"], "resample must be a finite number"),
    (["--resample", "-1"], "cannot resample to -1 Hz"),
    (["--resample", "1e9"], r"cannot resample to 1e\+09 Hz"),
    (["--resample", ""], "Invalid value for '--resample'"),
    (["--fmin", "-3"], "fmin must not be negative"),
    (["--fmin", "nan"], "fmin must be a finite number"),
    (["--fmin", "30", "--fmax", "10"], r"fmin \(30 Hz\) must be below fmax \(10 Hz\)"),
    (["--fmin", "40"], r"fmin \(40 Hz\) must be below fmax \(32 Hz\)"),
    (["--fmax", "0"], r"must be below fmax \(0 Hz\)"),
    (["--fmax", "64"], "below half of the sampling rate"),
    (["--channels", "C3,C3"], "channel C3, C3 is named more than once|channel C3 is named"),
    (["--channels", "C3,c3"], "channel C3, c3 is named more than once"),
    (["--channels", ","], "cannot read the channels"),
    (["--channels", ""], "cannot read the channels"),
    (["--missing-channels", "drop"], "missing channels: error, common, interpolate"),
    (["--eeg-reference", "C3,C3"], "reference C3 is named more than once"),
    (["--eeg-reference", ""], "cannot read the reference"),
    (["--subjects", "1-99999999999"], "cannot read the subjects"),
    (["--subjects", "1-999999999"], "cannot read the subjects"),
    (["--subjects", "9" * 5000], "cannot read the subjects"),
    (["--subjects", "1_0"], "cannot read the subjects"),
    (["--subjects", "-1"], "cannot read the subjects"),
    (["--subjects", "²"], "cannot read the subjects"),
    (["--subjects", ""], "cannot read the subjects"),
    (["--subjects", "3-1"], "cannot read the subjects"),
    (["--subjects", "99"], "unknown subject: 99"),
    (["--paradigm", "Wrong"], "unknown paradigm"),
    (["--paradigm", ""], "unknown paradigm"),
    (["--evaluation", "Wrong"], "evaluation"),
    (["--data-dir", "/no/such/folder"], "is not a folder"),
    (["--seeds", "1000000000"], "seeds must be 1 or more"),
    (["--seeds", "0"], "Invalid value for '--seeds'"),
    (["--seeds", "one"], "Invalid value for '--seeds'"),
    (["--seed", "-1"], "the seed must be 0 or more"),
    (["--seed", "4294967296"], "the seed must be 0 or more"),
    (["--n-jobs", "0"], "jobs must be 1 or more"),
    (["--n-jobs", "1000000000"], "jobs must be 1 or more"),
    (["--shard", "3/2"], "shard"),
    (["--shard", "0/2"], "shard"),
    (["--shard", "half"], "cannot read the shard"),
    (["--wrong-option"], "No such option"),
    (["--tmin"], "requires an argument|Invalid value"),
]
for name, words in QUICK.items():
    area = Area(f"`eegsep {name}`", lambda folder: folder, command)
    for options, text in OF_EACH_STUDY:
        shown = " ".join(options)
        area.refused(
            shown if len(shown) < 40 else f"{shown[:30]}… ({len(shown)} characters)",
            with_output(*words, *options),
            Refusal,
            text,
        )
    if name != "inspect":  # which takes a dataset as its one argument
        area.refused(
            "a dataset that there is not",
            with_output(name, "PhysioMI", *words[1:]),
            Refusal,
            "unknown dataset 'PhysioMI'. Did you mean",
        )
    area.refused(
        "a folder that is not there for a dataset",
        with_output(name, "./nowhere", *words[1:]),
        Refusal,
        "no folder and no file",
    )
    area.refused(
        "a file that is no study for a dataset",
        lambda folder, name=name, words=words: (
            (folder / "x.txt").write_text("no study"),
            [name, folder / "x.txt", *words[1:], "--output", folder / "output"],
        )[1],
        Refusal,
        "x.txt",
    )
    area.refused(
        "an empty folder for a dataset",
        lambda folder, name=name, words=words: [
            name,
            folder,
            *words[1:],
            "--output",
            folder / "output",
        ],
        Refusal,
        "study init",
    )
    area.refused(
        "a module that is not trusted",
        with_output(name, "module.py:Class", *words[1:]),
        Refusal,
        "module.py",
    )
    area.refused(
        "a file for the output folder",
        lambda folder, words=words: (
            (folder / "output").write_text(""),
            [*words, "--output", folder / "output"],
        )[1],
        Refusal,
        "the output folder",
    )
    area.refused(
        "an output folder below a file",
        lambda folder, words=words: (
            (folder / "a").write_text(""),
            [*words, "--output", folder / "a" / "b"],
        )[1],
        Refusal,
        "the output folder",
    )
    area.refused(
        "an output folder with a zero in its name",
        lambda folder, words=words: [*words, "--output", "a\0b"],
        Refusal,
        "output|null",
    )
    area.refused(
        "an output folder with too long a name",
        lambda folder, words=words: [*words, "--output", folder / ("x" * 300)],
        Refusal,
        "File name too long",
    )
    area.refused(
        "an output folder of another program's files",
        lambda folder, words=words: (
            (folder / "output").mkdir(),
            (folder / "output" / "computed.sqlite").write_text("mine"),
            [*words, "--output", folder / "output"],
        )[2],
        Refusal,
        "computed.sqlite",
    )

PIPELINE = "name: x\nparadigms: [LeftRightImagery]\npipeline:\n"
MORE = Area("`eegsep benchmark`: options of its own", lambda folder: folder, command)
for options, text in [
    (["--pipelines", ""], "unknown pipeline ''"),
    (["--pipelines", "EGNet"], "Did you mean EEGNet"),
    (["--pipelines", "none.yml"], "there is no such file"),
    (["--pipelines", "CSP+LDA,,"], "unknown pipeline ''"),
    (["--paradigm", "P300"], "does not go with the paradigm P300"),
    (["--evaluation", "Transfer", "--target-trials", "-1"], "target"),
    (["--evaluation", "Transfer", "--target-trials", "many"], "Invalid value for"),
    (["--evaluation", "LearningCurve", "--train-sizes", "a,b"], "train sizes|cannot read"),
    (["--evaluation", "LearningCurve", "--train-sizes", "0"], "train"),
    (["--evaluation", "LearningCurve", "--train-sizes", "nan"], "train"),
    (["--evaluation", "CrossSubject", "--cs-mode", "wrong"], "mode"),
    (["--train-sizes", "10"], "LearningCurve"),
    (["--target-trials", "5"], "Transfer"),
    (["--cs-mode", "train"], "CrossSubject"),
    (["--groups", "day"], "run"),
    (["--permutations", "-1"], "Invalid value for"),
    (["--permutations", "many"], "Invalid value for"),
    (["--max-epochs", "0"], "Invalid value for"),
    (["--search", "random"], "grid"),
    (["--search-trials", "0"], "Invalid value for"),
    (["--scheduler", "nowhere"], "scheduler|Dask"),
    (["--scheduler", "local:0"], "scheduler|local|workers"),
]:
    MORE.refused(" ".join(options), with_output(*QUICK["benchmark"], *options), Refusal, text)
for text, content in {
    "empty": "",
    "a word": "word",
    "a list of nothing": "[]",
    "no YAML": "a: [",
    "no pipeline": "name: x\n",
    "a step that there is not": PIPELINE + "  - name: Nowhere\n    from: sklearn.nowhere\n",
    "a step of a package that is not known": PIPELINE + "  - name: system\n    from: os\n",
    "an object of Python": "!!python/object/apply:os.system [false]\n",
    "a parameter that there is not": PIPELINE
    + "  - name: EEGNetClassifier\n    from: eegsep\n    parameters: {filters: 3}\n",
}.items():
    MORE.refused(
        f"a pipeline's file: {text}",
        lambda folder, content=content: (
            (folder / "x.yml").write_text(content),
            [
                *QUICK["benchmark"][:3],
                "--pipelines",
                folder / "x.yml",
                "--output",
                folder / "output",
            ],
        )[1],
        Refusal,
        "x.yml|pipeline|step|sklearn|os|filters",
    )
MORE.refused(
    "a folder of pipelines without any",
    lambda folder: (
        (folder / "p").mkdir(),
        [*QUICK["benchmark"][:3], "--pipelines", folder / "p", "--output", folder / "output"],
    )[1],
    Refusal,
    "pipeline",
)
for options, text in [
    (["--min-similarity", "nan"], "min_similarity must be between 0 and 1"),
    (["--min-similarity", "2"], "min_similarity must be between 0 and 1"),
    (["--min-similarity", "most"], "Invalid value for"),
    (["--pipeline", "CSP+LDA"], "does not end in an EEGNetClassifier"),
    (["--pipeline", "Wrong"], "unknown pipeline"),
    (["--folds", "1"], "Invalid value for"),
    (["--evaluation", "CrossSubject"], "WithinSession|CrossSession"),
    (["--max-epochs", "0"], "Invalid value for"),
]:
    MORE.refused(
        "eegsep inspect " + " ".join(options),
        with_output(*QUICK["inspect"], *options),
        Refusal,
        text,
    )
for options, text in [
    (["--lr", "nan"], "learning rates must be above 0"),
    (["--lr", "inf"], "learning rates must be above 0"),
    (["--lr", "fast"], "cannot read"),
    (["--learning-curve", "nan"], "between 0 and 1"),
    (["--learning-curve", "2"], "between 0 and 1"),
    (["--learning-curve", "half"], "cannot read"),
    (["--variants", ""], "variant"),
    (["--variants", "wrong"], "variant|wrong"),
]:
    MORE.refused(
        "eegsep ablate " + " ".join(options), with_output(*QUICK["ablate"], *options), Refusal, text
    )

COST = Area("`eegsep cost`", lambda folder: folder, command)
for options, text in [
    (["--n-times", "1" + "0" * 30], "would have more than"),
    (["--n-chans", "10000000", "--F1", "1", "--D", "1"], "does not suffice"),
    (["--n-chans", "0"], "n_chans must be at least 1"),
    (["--n-chans", "-5"], "n_chans must be at least 1"),
    (["--n-chans", "many"], "Invalid value for"),
    (["--n-outputs", "0"], "n_outputs must be at least 1"),
    (["--F1", "0"], "F1 must be at least 1"),
    (["--F1", "eight"], "F1 must be an integer"),
    (["--F1", "²"], "F1 must be an integer"),
    (["--F1", "9" * 5000], "F1|digits|smaller"),
    (["--D", "0"], "D must be at least 1"),
    (["--F2", "0"], "F2 must be at least 1"),
    (["--kernel-length", "0"], "kernel_length must be at least 1"),
    (["--spatial", "wrong"], "wrong"),
    (["--spatial", "grouped:3"], "grouped:3|divide"),
    (["--separable", "inception:0"], "inception:0|inception"),
    (["--batch-size", "0"], "Invalid value for"),
    (["--threads", "0"], "Invalid value for"),
    (["--threads", "100000"], "Invalid value for"),
    (["--example-outputs", "0"], "Invalid value for"),
    (["--output", "/dev/null"], "the output folder"),
    (["--output", "/dev/null/x"], "the output folder"),
    (["extra"], "unexpected extra argument"),
]:
    shown = " ".join(options)
    COST.refused(
        shown if len(shown) < 40 else f"{shown[:30]}… ({len(shown)} characters)",
        lambda folder, options=options: ["cost", "--no-time", *options],
        Refusal,
        text,
    )

LIST = Area("`eegsep list`, and commands that there are not", lambda folder: folder, command)
for words, text in [
    (["list", "everything"], "'everything' is not one of"),
    (["list", "datasets", "--paradigm", "Wrong"], "unknown paradigm"),
    (["list", "--wrong"], "No such option"),
    (["lists"], "No such command"),
    (["study", "wrong"], "No such command"),
    (["--wrong"], "No such option"),
    (["report"], "Missing argument"),
    (["merge"], "Missing argument"),
    (["study", "check"], "Missing argument"),
    (["study", "init"], "Missing argument"),
]:
    LIST.refused(" ".join(words), lambda folder, words=words: words, Refusal, text)
