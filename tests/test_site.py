"""The site's own parts: links within it are checked, those to other sites are of known names."""

import re

import pytest
import typer
from sphinx.util.inventory import InventoryFile

from docs._ext.commands import written
from docs._ext.inventories import mapping
from docs._ext.links import broken
from eegsep.cli import app
from tests.conftest import REPOSITORY


@pytest.fixture
def pages(tmp_path):
    (tmp_path / "a.html").write_text('<h1 id="top">A</h1><a href="b.html#here">b</a>')
    (tmp_path / "b.html").write_text('<p id="here"><a href="a.html#top">a</a> <a href="#here">')
    return tmp_path


def test_a_site_whose_links_lead_somewhere_has_none_broken(pages):
    assert broken(pages) == []


@pytest.mark.parametrize("link", ["c.html", "b.html#there", "#there", "picture.png"])
def test_a_link_that_leads_nowhere_is_found(pages, link):
    (pages / "d.html").write_text(f'<a href="{link}">d</a>')
    assert broken(pages) == [("d.html", link)]


def test_links_to_other_sites_are_not_followed(pages):
    (pages / "d.html").write_text('<a href="https://mne.tools/none">d</a>')
    assert broken(pages) == []


def test_sphinx_reads_the_inventories_that_are_kept_here(tmp_path):
    lists = REPOSITORY / "docs" / "inventories"
    made = mapping(lists, tmp_path)
    assert set(made) == {path.stem for path in lists.glob("*.txt")}
    site, file = made["mne"]
    content = (tmp_path / "mne.inv").read_bytes()
    names = InventoryFile.loads(content, uri=site.rstrip("/")).data
    assert file == str(tmp_path / "mne.inv")
    epochs = names["py:class"]["mne.Epochs"]
    assert epochs.uri == "https://mne.tools/stable/generated/mne.Epochs.html#mne.Epochs"


def commands_of(group, name):
    for key, command in group.commands.items():
        yield f"{name} {key}", command
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{name} {key}")


def test_the_page_of_commands_has_every_command_with_its_options():
    _, *sections = re.split(r"^##+ `(.+)`$", written(), flags=re.M)
    written_of = dict(zip(sections[::2], sections[1::2], strict=True))
    there = dict(commands_of(typer.main.get_command(app), "eegsep"))
    assert list(written_of) == list(there)
    for name, command in there.items():
        options = {option for each in command.params for option in each.opts if option[0] == "-"}
        assert set(re.findall(r"^\* `(--[\w-]+)", written_of[name], re.M)) - {"--help"} == options
