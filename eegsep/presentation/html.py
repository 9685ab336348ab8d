"""Pieces of a page: tables and notes, and how numbers, scores and intervals are written."""

from __future__ import annotations

import html
import textwrap

from .columns import write

METRICS = {"roc_auc": "ROC-AUC × 100", "accuracy": "accuracy × 100"}
ALONE = "recording"  # what an inspection of arrays or Epochs is of


def kind_of(run):
    """Return which study a run is of."""
    return run.get("study") or ("ablation" if "variants" in run else "benchmark")


def add_figure(page, figure, title, **where):
    """Add a picture in a resolution for screens of today."""
    dpi = figure.get_dpi()
    figure.set_dpi(150)
    page.add_figure(figure, title, **where)
    figure.set_dpi(dpi)


def make_table(headings, rows, strong=()):
    """Make a table of texts, the first column of names; ``strong`` has cells (row, column)."""
    kind = "table table-sm eegsep" + ("" if headings else " words")
    lines = [f'<div class="table-responsive"><table class="{kind}">']
    if headings:
        cells = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in headings)
        lines.append(f"<thead><tr>{cells}</tr></thead>")
    lines.append("<tbody>")
    for k, row in enumerate(rows):
        cells = [html.escape(text) for text in row]
        cells = [f"<b>{c}</b>" if (k, j) in strong else c for j, c in enumerate(cells)]
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "\n".join([*lines, "</tbody></table></div>"])


def table_of(columns, rows, strong=()):
    """Make a table of columns as :func:`eegsep.presentation.columns.write` takes them."""
    return make_table([heading for heading, *_ in columns], write(rows, columns), strong)


def make_note(text):
    """Make a paragraph that explains what is above it."""
    return f'<p class="eegsep-note">{html.escape(text)}</p>'


def title_of(title, dataset, table):
    """Name the dataset in a title, where there are several."""
    return title if table["dataset"].nunique() == 1 else f"{title}, {dataset}"


def say_metric(table):
    """Say what the scores of a table are."""
    metric = table["metric"].iloc[0]
    return METRICS.get(metric, metric)


def count_subjects(n):
    """Say how many subjects."""
    return f"{n} subject{'' if n == 1 else 's'}"


def say_number(value, form):
    """Write a number, or nothing where there is none."""
    return "" if value is None or value != value else format(value, form)


def say_score(value, form=".1f"):
    """Write a score, or a difference of two, × 100."""
    return say_number(100 * value, form)


def say_interval(interval, form=".1f"):
    """Write an interval of scores, or of differences, × 100."""
    return "" if interval[0] != interval[0] else " to ".join(say_score(x, form) for x in interval)


def say_above(subjects):
    """Tell for each pipeline how many subjects are above chance, where chance is known."""
    above = (subjects["score"] > subjects["chance_high"]).groupby(subjects["pipeline"])
    known = subjects["chance_high"].notna().any()
    return {name: f"{part.sum()} of {len(part)}" if known else "" for name, part in above}


def typical_chance(subjects):
    """Interval of chance of the subject with the median number of trials."""
    order = subjects.sort_values("n_trials")
    return tuple(order[["chance_low", "chance_high"]].iloc[len(order) // 2])


def say_span(values):
    """Write the lowest and the highest of numbers."""
    low, high = min(values), max(values)
    return f"{low:.0f}" if low == high else f"{low:.0f}–{high:.0f}"


def join(values):
    """Write values with commas between."""
    return ", ".join(map(str, values))


def wrap(code):
    """Break code into lines that fit a page."""
    return textwrap.fill(
        code, 96, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
