"""The page of commands has what each command says of itself, written by typer for each build."""

import re
import subprocess
import sys

TOO_MUCH = r"[{}]|(?<=\.\.\.[\]}])\.\.\.$"


def written():
    """Write a list of the commands, and each with its help, arguments and options (Markdown)."""
    command = [sys.executable, "-m", "typer", "eegsep.cli", "utils", "docs", "--name", "eegsep"]
    text = subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout
    # typer's own lists of commands are cut short; its usage has braces, and some dots twice
    text = re.sub(r"^\*\*Commands\*\*:\n\n(\* .*\n)+", "", text, flags=re.M)
    text = re.sub(r"^\$ .*", lambda usage: re.sub(TOO_MUCH, "", usage[0]), text, flags=re.M)
    sections = text[text.index("\n## ") :]
    names = re.findall(r"^##+ `(.+)`\n\n(.+)", sections, re.M)
    items = [f"- [`{name}`](#{name.replace(' ', '-')}): {what}" for name, what in names]
    return "\n".join(items) + "\n" + sections


def fill(app, name, content):
    """Put what is written after the page's own words (Sphinx's event ``source-read``)."""
    if name == "commands":
        content[0] += "\n" + written()


def setup(app):
    """Register the writing (Sphinx calls this)."""
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
