"""Pieces of a page: tables and notes, and how numbers, scores and intervals are written."""

from __future__ import annotations

import html
import textwrap

import pandas as pd

from eegsep._utils.columns import headings, write

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
    cells = [[html.escape(text) for text in row] for row in rows]
    for row, column in strong:
        cells[row][column] = f"<b>{cells[row][column]}</b>"
    columns = [html.escape(text) for text in headings] if headings else None
    kind = "table table-sm eegsep" + ("" if headings else " words")
    look = {"index": False, "header": bool(headings), "border": 0, "classes": kind}
    with pd.option_context("display.max_colwidth", None):
        table = pd.DataFrame(cells, columns=columns).to_html(escape=False, **look)
    return f'<div class="table-responsive">{table}</div>'


def table_of(columns, rows, strong=()):
    """Make a table of columns as :func:`eegsep._utils.columns.write` takes them."""
    return make_table(headings(columns), write(rows, columns), strong)


def show(table):
    """Make a :class:`.tables.Table`, and its note."""
    rows = [k for k, row in enumerate(table.cells) if row[0] == table.strong]
    strong = [(k, j) for k in rows for j, cell in enumerate(table.cells[k]) if cell]
    note = make_note(table.note) if table.note else ""
    return make_table(table.headings, table.cells, strong) + note


def make_note(text):
    """Make a paragraph that explains what is above it."""
    return f'<p class="eegsep-note">{html.escape(text)}</p>'


def title_of(title, dataset, table):
    """Name the dataset in a title, where there are several."""
    return title if table["dataset"].nunique() == 1 else f"{title}, {dataset}"


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
