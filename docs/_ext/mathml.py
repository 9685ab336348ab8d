"""Formulas as MathML, which browsers draw by themselves: pages need no script and no network."""

from latex2mathml.converter import convert


def inline(translator, node):
    """Write a formula in a line (``visit`` of a math renderer of Sphinx)."""
    translator.body.append(f'<span class="formula">{convert(node.astext())}</span>')
    _skip(node)


def block(translator, node):
    """Write a formula on lines of its own, with its number where it has a label."""
    translator.body.append(f'<div class="formula"{_anchor(node)}>')
    translator.body.append(convert(node.astext(), display="block"))
    if node["number"]:
        translator.body.append(f'<span class="number">({node["number"]})</span>')
    translator.body.append("</div>")
    _skip(node)


def _anchor(node):
    return f' id="{node["ids"][0]}"' if node.get("ids") else ""


def _skip(node):
    from docutils.nodes import SkipNode

    raise SkipNode


def setup(app):
    """Register the renderer (Sphinx calls this)."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
