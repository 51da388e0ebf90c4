"""Sphinx configuration; built with warnings as errors by ``nox -s docs``."""

from __future__ import annotations

import sys
from pathlib import Path

import pondera

sys.path.insert(0, str(Path(__file__).parent))
from claims_table import write as write_claims

write_claims(Path(__file__).parent.parent / "benchmarks" / "claims" / "results", Path(__file__).parent / "claims.md")

project = "pondera"
author = "the pondera developers"
copyright = "2026, the pondera developers"
version = release = pondera.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery", "auto_examples/*.py", "auto_examples/*.md5"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autosummary_ignore_module_all = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = False
autodoc_typehints = "none"
default_role = "literal"  # single backticks are parameter and function names
suppress_warnings = ["config.cache"]

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 5,
    "abort_on_example_error": True,
}

html_theme = "pydata_sphinx_theme"
html_title = "pondera"
html_static_path = ["_static"]
html_theme_options = {"show_prev_next": False, "navbar_end": ["theme-switcher"], "footer_start": ["copyright"]}
html_context = {"default_mode": "auto"}
