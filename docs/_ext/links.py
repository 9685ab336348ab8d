"""Checks the built site: each link to a page, an anchor or a picture of its own leads somewhere.

``python docs/_ext/links.py docs/_build/html`` writes those that do not, and ends with status 1.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The anchors of a page, and where its links lead."""

    def __init__(self):
        super().__init__()
        self.anchors, self.links = {""}, set()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors.update(value for key in ("id", "name") if (value := attrs.get(key)))
        self.links.update(value for key in ("href", "src") if (value := attrs.get(key)))


def broken(folder):
    """Give each link of pages of a folder that leads nowhere, as (page, link) pairs."""
    folder = folder.resolve()
    pages = {path: _Page() for path in folder.rglob("*.html") if "_static" not in path.parts}
    for path, page in pages.items():
        page.feed(path.read_text(encoding="utf-8"))
    missing = []
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.exists() or (target in pages and anchor not in pages[target].anchors):
                missing.append((str(path.relative_to(folder)), link))
    return missing


if __name__ == "__main__":
    missing = broken(Path(sys.argv[1]))
    for page, link in missing:
        print(f"{page}: {link} leads nowhere", file=sys.stderr)
    sys.exit(bool(missing))
