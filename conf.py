"""Settings of the book. Each one that is not Sphinx's default says why it is here."""

import hashlib
import importlib.metadata
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent
sys.path[:0] = [str(ROOT), str(ROOT / "book" / "_ext")]

# --- The book --------------------------------------------------------------------------------

project = "Through Time"
author = "the Through Time authors"
copyright = "the Through Time authors, CC BY 4.0"  # no year: a build must not read the clock

# The root of the repository is the source directory, so that chapters can include the package's
# own lines; only book/ is read as pages, and environments are not walked through.
include_patterns = ["book/**"]
exclude_patterns = ["book/_*", ".*", "_build"]
root_doc = "book/index"

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_exercise",
    "sphinx_multitoc_numbering",
    "sphinx_togglebutton",
    "sphinxcontrib.bibtex",
    "house",  # book/_ext/house.py: the rules that no library holds
]

# --- Markdown, numbers, references -----------------------------------------------------------

myst_enable_extensions = ["amsmath", "attrs_block", "attrs_inline", "colon_fence", "deflist"]
myst_enable_extensions += ["dollarmath"]
myst_heading_anchors = 3  # a heading can be linked to by its text
numfig = True  # figures, tables and exercises carry the chapter's number
math_numfig = True  # and so do equations
math_eqref_format = "({number})"
bibtex_bibfiles = ["book/references.bib"]
bibtex_reference_style = "author_year"  # a reader recognises a name sooner than a number

doctest_test_doctest_blocks = ""  # pytest runs the docstrings, each inside its module

# --- Execution -------------------------------------------------------------------------------

# The cache compares cells, and cells alone: without this digest an edited package, data file or
# lock would leave the old numbers in the book.
KERNEL = ROOT / "book" / "_kernel"
inputs = [ROOT / "requirements.txt"]
results = ("bench/results/*.json", "experiments/results/*.jsonl")
for pattern in ("rnn_src/**/*.py", "experiments/*.py", *results, "tests/data/*", "book/_kernel/*"):
    inputs += sorted(ROOT.glob(pattern))
digest = hashlib.sha256(sys.version.encode())
for path in inputs:
    digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())

CACHE = ROOT / "_build" / "cache"  # outside the HTML, so that `make clean` keeps it
nb_execution_mode = "cache"  # a page runs again only when its cells or the digest change
nb_execution_cache_path = str(CACHE / digest.hexdigest()[:16])
nb_execution_raise_on_error = True  # else a failing cell passes the second time
nb_output_stderr = "error"  # else whatever a cell writes to stderr is printed in the book
nb_render_markdown_format = "myst"  # a cell may write a table; the default format has none
nb_execution_timeout = 120  # seconds for one cell; the default is 30
nb_ipywidgets_js = {}  # the default asks two other hosts

# Kernels read their profile from a copy, because IPython writes beside it.
profile = CACHE / "ipython" / "profile_default"
profile.mkdir(parents=True, exist_ok=True)
shutil.copy(KERNEL / "ipython_kernel_config.py", profile)
os.environ["IPYTHONDIR"] = str(profile.parent)
os.environ["MATPLOTLIBRC"] = str(KERNEL)
os.environ.pop("MPLBACKEND", None)  # a reader's own backend would leave the book without figures
os.environ["PYTHONPATH"] = str(ROOT)  # a kernel starts in its page's folder
for name in ("OMP", "OPENBLAS", "MKL"):  # kernels run side by side: one thread each
    os.environ[f"{name}_NUM_THREADS"] = "1"

# --- API pages -------------------------------------------------------------------------------

autodoc_member_order = "bysource"  # the order in which the author tells it
autodoc_typehints = "none"  # the docstring gives shapes, which say more than types
default_role = "code"  # a name in single backticks looks like code
numpydoc_show_class_members = False  # autodoc already lists them
# Links into other projects would need their indexes from the network.
nitpick_ignore_regex = [(r"py:.*", r"(numpy|matplotlib|collections|typing)\..*")]

# --- HTML ------------------------------------------------------------------------------------

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["book/_static"]
html_css_files = ["book.css"]
html_extra_path = ["book/_root"]  # an index.html that leads to the book's first page
html_theme_options = {
    "home_page_in_toc": True,
    "show_toc_level": 2,
    "navbar_persistent": [],  # the side bar already has the search button
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_context = {"default_mode": "auto"}  # light or dark as the reader's system says
if repository := os.environ.get("BOOK_REPOSITORY_URL"):  # whoever publishes the book names it
    html_theme_options |= {"repository_url": repository, "use_repository_button": True}

# MathJax as one file from the installed package. SVG output needs no font files, which some
# browsers refuse to a page opened from disk; the full bundle never fetches a TeX extension.
mathjax = importlib.metadata.distribution("sphinx-mathjax-offline")
html_static_path += [
    str(mathjax.locate_file("sphinx-mathjax-offline/static/mathjax/tex-svg-full.js"))
]
mathjax_path = "tex-svg-full.js"
mathjax3_config = {"tex": {"macros": {"dplus": r"\partial^{+}"}}}  # the immediate derivative
