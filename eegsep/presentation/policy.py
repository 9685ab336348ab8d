"""What a page may do in a browser: run the scripts that mne.Report brings along, and no other.

Names are escaped wherever they are written; should one be forgotten, the browser refuses it.
"""

from __future__ import annotations

import base64
import hashlib
import re

_POLICY = (
    "default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
    "font-src data:; base-uri 'none'; form-action 'none'"
)


def restrict(text):
    """Write a Content Security Policy into a page (https://www.w3.org/TR/CSP3).

    The page's own scripts come before its title, and all names from there on. No other script runs
    in what is returned, nothing is loaded, and no form is sent.
    """
    head, title, rest = text.partition("<title>")
    scripts = re.findall(r"<script\b[^>]*>(.*?)</script>", head, re.DOTALL)
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in dict.fromkeys(scripts))
    policy = _POLICY.format(hashes=hashes or "'none'")
    tag = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return re.sub(r"<meta charset=[^>]*>", rf"\g<0>\n  {tag}", head, count=1) + title + rest


def _digest(script):
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
