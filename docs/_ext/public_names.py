"""What docstrings call by the module that defines it is linked to where the reference has it.

The reference documents a name where users import it from, ``eegsep.EEGNet``; docstrings may say
``eegsep.network.eegnet.EEGNet``, or ``EEGNet`` alone.
"""

import sys
from functools import cache
from importlib import import_module

from docutils import nodes
from sphinx.util.nodes import make_refnode


def resolve(app, env, node, contnode):
    """Find a reference of Python's domain that Sphinx has not (its event ``missing-reference``)."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    scopes = [node.get("py:module") or "", ""]
    names = _names_of_objects(env)
    for scope in scopes:
        found, rest = _find(f"{scope}.{target.lstrip('.')}".strip("."), scope)
        for documented in names.get(_key(found), ()):
            full = ".".join([documented, *rest])
            entry = env.domains["py"].objects.get(full)
            if entry:
                title = contnode if isinstance(contnode, nodes.Node) else nodes.literal(text=target)
                return make_refnode(
                    app.builder, node["refdoc"], entry.docname, entry.node_id, [title], full
                )
    return None


def _names_of_objects(env):
    """By object, the names under which the reference documents it."""
    names = {}
    for name, entry in env.domains["py"].objects.items():
        if entry.objtype in ("class", "function", "exception", "data") and "eegsep" in name:
            value, rest = _find(name, "")
            if value is not None and not rest:
                names.setdefault(_key(value), []).append(name)
    return names


def _key(value):
    return None if value is None else id(value)


@cache
def _find(name, scope):
    """Give the class or function that a dotted name leads to, and the names after it.

    Where a scope, the module of a page, does not have it, the modules that its names come from may.
    """
    parts = name.split(".")
    for n in range(len(parts) - 1, 0, -1):
        try:
            value = import_module(".".join(parts[:n]))
        except ImportError:
            continue
        for i, part in enumerate(parts[n:], n):
            value = getattr(value, part, None)
            if value is None:
                break
            if isinstance(value, type) or callable(value):
                return value, parts[i + 1 :]
        break
    if scope and hasattr(sys.modules.get(scope), "_HOMES"):
        for home in dict.fromkeys(sys.modules[scope]._HOMES.values()):
            value, rest = _find(f"{home}{name.removeprefix(scope)}", "")
            if value is not None:
                return value, rest
    return None, []


def setup(app):
    """Register the search (Sphinx calls this)."""
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
