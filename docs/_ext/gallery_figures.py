"""Takes the figures that the gallery's scripts make, which are not pyplot's, into their pages."""

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst


def pictures(block, block_vars, gallery_conf):
    """Save what a block leaves under the name ``figure`` (an image scraper of sphinx-gallery)."""
    figure = block_vars["example_globals"].pop("figure", None)
    if not isinstance(figure, Figure):
        return ""
    path = next(block_vars["image_path_iterator"])
    from eegsep.presentation.figures import settings

    with settings():
        figure.savefig(path, dpi=160, bbox_inches="tight", pad_inches=0.15)
    return figure_rst([path], gallery_conf["src_dir"])


def _get_sg_image_scraper():
    """Give the scraper to sphinx-gallery, which asks the module that it is told of."""
    return pictures
