"""How the site is built: `make docs`. What Sphinx asks for by these names."""

import sys
import warnings
from pathlib import Path

import clvl_bench  # before Sphinx imports anything that looks for torchvision

sys.path.insert(0, str(Path(__file__).parent / "extensions"))
# Of libraries, when autodoc imports Avalanche; Sphinx's own warnings are others.
warnings.filterwarnings("ignore")

project = "clvl_bench"
author = "The clvl_bench developers"
project_copyright = author
version = release = clvl_bench.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "generated_pages"]
exclude_patterns = ["examples"]
myst_heading_anchors = 4
# The notebook is committed without outputs: it is run when the site is built, and must not fail.
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_output_stderr = "remove"  # warnings of libraries, with folders of the machine that built it
# Blocks without a language hold commands, output and trees of files.
highlight_language = "text"
# Docstrings are Markdown in spirit: what stands between single backticks is code.
default_role = "code"

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
nitpicky = True
# Types in signatures: of libraries, whose inventories would have to be fetched, and of rooms that
# are not public. All other references are held to.
nitpick_ignore_regex = [("py:(class|exc|obj|data)", r".*")]
smartquotes = False

# `make links`: of a page that holds code on GitHub, lines are no anchors; some sites are slow.
linkcheck_anchors_ignore = [r"L\d+"]
linkcheck_timeout = 20
linkcheck_retries = 2

html_theme = "pydata_sphinx_theme"
html_title = "clvl_bench"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
# Said, or the theme complains of it in the console.
html_context = {"default_mode": "auto"}
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "github_url": "https://github.com/clvl-bench/clvl_bench",
    "use_edit_page_button": False,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 5,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
