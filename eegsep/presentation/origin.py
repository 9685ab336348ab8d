"""Where a study's results come from: the command or call that gives them again, and versions."""

from __future__ import annotations

import html
import shlex

from eegsep.datasets.selection import OF_THE_PARADIGM, Recordings, command_options

from .html import join, kind_of, make_note, make_table, wrap

_VERBS = {"benchmark": "benchmark", "ablation": "ablate", "inspection": "inspect"}
# Options without a value, which are as they are here unless they are given.
_SWITCHES = {"controls": True, "separability": True, "trust": False}


def add_origin(page, run):
    """Add what gives the results again, seeds, versions, and what came up."""
    where = {"tags": "origin", "section": "Origin"}
    code, note = _say_how_again(run)
    language = "bash" if code.startswith("eegsep ") else "python"
    command = f'<pre><code class="language-{language}">{html.escape(code)}</code></pre>'
    page.add_html(command + make_note(note), "Command", **where)
    seeds = [("folds", f"{run['seed']}")]
    if kind_of(run) == "inspection":
        seeds = [("of the fits' seeds", f"{run['seed']}")]
        codes = {
            f"Pipeline {run['pipeline']}" if "pipeline" in run else "Estimator": run["estimator"]
        }
        codes = {title: wrap(code) for title, code in codes.items()}
    elif kind_of(run) == "ablation":
        seeds += [(name, join(run["seeds"])) for name in run["variants"]]
        codes = {"Variants": "\n".join(f"{k}: {v}" for k, v in run["variants"].items())}
    else:
        seeds += [(name, join(each["seeds"])) for name, each in run["pipelines"].items()]
        codes = {f"Pipeline {k}": wrap(each["steps"]) for k, each in run["pipelines"].items()}
    page.add_html(make_table(None, seeds), "Seeds", **where)
    for title, code in codes.items():
        page.add_code(code, title, **where)
    page.add_html(make_table(None, list(run["versions"].items())), "Versions", **where)
    rows = [("started", run["started"]), ("seconds", f"{run['seconds']:g}")]
    rows.append(("processes", f"{run['n_jobs'] or 1}"))
    if "evaluated" in run:
        found = f"{run['evaluated']} computed, {run['found_on_disk']} found on disk"
        rows.append(("evaluations", found))
    page.add_html(make_table(None, rows), "Run", **where)
    if run.get("warnings"):
        rows = [(f"{n} ×", text) for text, n in run["warnings"].items()]
        page.add_html(make_table(None, rows), "Warnings", **where)


def _say_how_again(run):
    """Return what gives a study's scores again, and what there is to be said of it."""
    if "datasets" not in run:
        options = {"cv": run["cv"], "n_seeds": run["n_seeds"], "controls": run["controls"]}
        options |= {"min_similarity": run["min_similarity"], "random_state": run["seed"]}
        options = {"groups": "groups"} | options if run["n_groups"] else options
        code = f"inspect(estimator, X, y, {', '.join(f'{k}={v}' for k, v in options.items())})"
        note = "Gives these scores again, with the same trials and the estimator below."
        return code, f"{note} From eegsep.studies.inspect."
    where = "Where recordings are on disk, {} says where."
    if not run.get("objects"):
        note = f"Gives these scores again. {where.format('--data-dir')}"
        files = [file for _, file in _sources(run) if file is not None]
        if files:
            note += f" What {', '.join(files)} said is below: it may have changed since."
        return study_command(run), note
    what = " and ".join(run["objects"])
    note = (
        f"No command gives these scores again: {what} came from Python, as objects. With the same "
        f"objects in their place this call does. {where.format('data_dir')}"
    )
    return study_call(run), note


def _sources(run):
    """List the pipelines of a benchmark or an inspection: name, and file if it is not shipped."""
    if "pipelines" in run:
        return [(name, each.get("file")) for name, each in run["pipelines"].items()]
    return [(run["pipeline"], run.get("pipeline_file"))] if "pipeline" in run else []


def _options(run):
    """Read a study's options off its run, but for those of its recordings."""
    kind, options = kind_of(run), {"evaluation": run["evaluation"]}
    if kind == "inspection":
        ((name, file),) = _sources(run)
        options |= {"pipeline": file or name, "cv": run["cv"], "controls": run["controls"]}
        options["min_similarity"] = run["min_similarity"]
        n_seeds = run["n_seeds"]
    elif kind == "ablation":
        options |= {"variants": list(run["variants"]), "lr": run["learning_rates"]}
        options |= {"learning_curve": run["learning_curve"], "separability": run["separability"]}
        n_seeds = len(run["seeds"])
    else:
        options["pipelines"] = [file or name for name, file in _sources(run)]
        options |= {name: run.get(name) for name in ("target_trials", "train_sizes", "cs_mode")}
        if run.get("search") == "optuna":
            options |= {name: run[name] for name in ("search", "search_trials")}
        n_seeds = max(len(pipeline["seeds"]) for pipeline in run["pipelines"].values())
        if run.get("permutations"):
            options["permutations"] = run["permutations"]
    if run.get("groups"):
        options["groups"] = run["groups"]
    options |= {"seed": run["seed"], "n_seeds": n_seeds, "max_epochs": run["max_epochs"]}
    return options | {"trust": run.get("trust", False)}


def study_command(run):
    """Write the command line that a study's results come from, of its ``run``.

    All was given by name or file there: with ``objects`` there is no such command, see
    :func:`study_call`. Folders and the number of processes, which change no score, are left out.
    """
    names = {"n_seeds": "seeds", "cv": "folds"}
    options = {
        names.get(name, name): value
        for name, value in _options(run).items()
        if name not in _SWITCHES or value != _SWITCHES[name]
    }
    words = shlex.join(command_options(options))
    return f"eegsep {_VERBS[kind_of(run)]} {Recordings.of_run(run).to_command()} {words}"


def study_call(run):
    """Write the call in Python that a study's results come from, of its ``run``.

    What was given as objects is a name without a value.
    """
    kind, objects = kind_of(run), run.get("objects", ())
    function = {"inspection": "inspect_dataset", "ablation": "ablate"}.get(kind, kind)
    recordings = Recordings.of_run(run)
    datasets = "datasets" if "datasets" in objects else repr(recordings.datasets)
    if kind == "inspection":
        datasets = "dataset" if "datasets" in objects else repr(recordings.datasets[0])
    options = recordings.options() | _options(run)
    if "paradigm" in objects:
        options = {name: value for name, value in options.items() if name not in OF_THE_PARADIGM}
    words = [
        f"{name}={name if name in objects else repr(value)}"
        for name, value in options.items()
        if value is not None or name == "resample"
    ]
    call = f"{function}({', '.join([datasets, 'output=folder', *words])})"
    module = "inspect" if kind == "inspection" else kind
    return f"from eegsep.studies.{module} import {function}\n\n{call}"
