"""What docstrings call by the module that defines it is linked to where the reference has it.

The reference documents a name where users import it from, ``eegsep.EEGNet``; docstrings may say
``eegsep.network.eegnet.EEGNet``, or ``EEGNet`` alone.
"""

import sys
from functools import cache
from importlib import import_module

from sphinx.util.nodes import make_refnode


def resolve(app, env, node, contnode):
    """Find a reference of Python's domain that Sphinx has not (its event ``missing-reference``)."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    names, known = _names_of_objects(env), env.domains["py"].objects
    module = node.get("py:module") or ""
    for scope in (module, module.rpartition(".")[0], ""):
        value, rest = _find(f"{scope}.{target}".strip("."), scope)
        if value is None:
            continue
        for documented in names.get(id(value), ()):
            # an attribute that has no place of its own is described where its class is
            for full in (".".join([documented, *rest]), documented):
                if full in known:
                    entry = known[full]
                    return make_refnode(
                        app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, full
                    )
        if getattr(value, "__module__", "").startswith("eegsep.") and not rest:
            return contnode  # it exists, and the reference has it not
    return None


def _names_of_objects(env):
    """By object, the names under which the reference documents it."""
    names = {}
    for name, entry in env.domains["py"].objects.items():
        if entry.objtype in ("class", "function", "exception", "data") and "eegsep" in name:
            value, rest = _find(name, "")
            if value is not None and not rest:
                names.setdefault(id(value), []).append(name)
    return names


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


def leave_out(app, what, name, value, skip, options):
    """Leave out what scikit-learn makes and what tuples have (an event of autodoc)."""
    made = name.startswith("set_") and name.endswith("_request")
    return True if made or type(value).__name__ == "_tuplegetter" else None


def setup(app):
    """Register the search and the choice (Sphinx calls this)."""
    app.connect("autodoc-skip-member", leave_out)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
