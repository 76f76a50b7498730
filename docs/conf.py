"""The site: `sphinx-build -W docs build/site`."""

from napari_iafpn import __version__

project = "napari-iafpn"
author = "napari-iafpn contributors"
copyright = author  # noqa: A001, the name that Sphinx reads
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_design",
]
exclude_patterns = ["evaluation-default"]
html_extra_path = ["evaluation-default/report.html"]
html_theme = "pydata_sphinx_theme"
html_title = "napari-iafpn"
html_theme_options = {
    "navbar_align": "left",
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"index": [], "first_minute": []}

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
# A few pages stand in the repository's root or beside the recipes; there they link as files.
suppress_warnings = ["myst.header"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say more: shapes, units, frames
napoleon_google_docstring = False
