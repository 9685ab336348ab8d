"""Other sites' names and where they are documented, from lists kept here for builds offline.

Lines of ``inventories/*.txt`` are those of the site's own ``objects.inv``, of names in use and no
more; the first says whose they are. To take up a new name, write its line with anything
for a place, and ask the sites for all places anew: ``python docs/_ext/inventories.py``.
"""

import sys
import zlib
from pathlib import Path
from urllib.request import urlopen

HEADER = "# Sphinx inventory version 2\n# Project: {}\n# Version: \n"
HEADER += "# The remainder of this file is compressed using zlib.\n"


def mapping(lists, built):
    """Write an ``objects.inv`` for each list, and give Sphinx's ``intersphinx_mapping`` of them."""
    built.mkdir(parents=True, exist_ok=True)
    made = {}
    for path in sorted(lists.glob("*.txt")):
        site, lines = _read(path)
        inventory = built / f"{path.stem}.inv"
        content = "".join(f"{line}\n" for line in lines)
        inventory.write_bytes(
            HEADER.format(path.stem).encode() + zlib.compress(content.encode(), 9)
        )
        made[path.stem] = site, str(inventory)
    return made


def refresh(lists):
    """Ask each site where its names are now, and say which it no longer has."""
    for path in sorted(lists.glob("*.txt")):
        site, lines = _read(path)
        with urlopen(f"{site}objects.inv") as answer:
            *_, compressed = answer.read().split(b"\n", 4)
        theirs = {}
        for line in zlib.decompress(compressed).decode().splitlines():
            theirs[tuple(line.split()[:2])] = line
        names = [tuple(line.split()[:2]) for line in lines]
        for name in names:
            if name not in theirs:
                print(f"{site} has no {' '.join(name)}", file=sys.stderr)
        kept = [theirs.get(name, line) for name, line in zip(names, lines, strict=True)]
        path.write_text("".join(f"{line}\n" for line in [site, *sorted(kept)]))


def _read(path):
    site, *lines = path.read_text().splitlines()
    return site, [line for line in lines if line.strip()]


if __name__ == "__main__":
    refresh(Path(__file__).parents[1] / "inventories")
