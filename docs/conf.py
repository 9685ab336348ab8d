"""How the site is made: Sphinx with the pydata theme, numpydoc, MyST and a gallery, all offline."""

import os
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import inventories  # noqa: E402 - lies in _ext

import eegsep  # noqa: E402

project = "eegsep"
author = "The eegsep developers"
copyright = "the eegsep developers, BSD-3-Clause"
version = release = eegsep.__version__

extensions = [
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
    "commands",
    "mathml",
    "public_names",
    "notebooks",
]
exclude_patterns = ["_build", "gallery", "inventories", "auto_gallery/*.ipynb"]
templates_path = ["_templates"]
nitpicky = True
default_role = "code"
smartquotes_action = "qe"  # options of commands keep their two dashes
toc_object_entries_show_parents = "hide"

# Markdown pages and notebooks. What runs, runs in the tests: see tests/test_documentation.py.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_inline", "substitution"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_output_stderr = "remove"

# The reference.
autosummary_ignore_module_all = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Links to other packages' sites, from lists kept here.
intersphinx_mapping = inventories.mapping(HERE / "inventories", HERE / "_build" / "inventories")
intersphinx_disabled_reftypes = ["std:*"]

bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"

os.environ.setdefault("MNE_LOGGING_LEVEL", "WARNING")
warnings.filterwarnings("ignore", category=UserWarning, message="Matplotlib is currently using agg")
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": r"gallery/",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "image_scrapers": ("gallery_figures",),
    "ignore_repr_types": r"matplotlib\.figure",
    "min_reported_time": 1000,
    "thumbnail_size": (560, 392),
    "reference_url": {"eegsep": None},
    "backreferences_dir": None,
}

html_theme = "pydata_sphinx_theme"
html_title = "eegsep"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_last_updated_fmt = None
html_sidebars = {
    page: [] for page in ("index", "cite", "whats_new", "glossary", "lesson", "commands")
}
html_theme_options = {
    "logo": {"text": "eegsep", "image_light": "_static/logo.svg", "image_dark": "_static/logo.svg"},
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "show_prev_next": True,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "article_header_start": ["breadcrumbs"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}
html_favicon = "_static/logo.svg"
