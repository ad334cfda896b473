"""Settings of the book. Each one that is not Sphinx's default says why it is here."""

import importlib.metadata
import logging
import os
import sys
import uuid
from pathlib import Path

import yaml

ROOT = Path(__file__).parent
sys.path[:0] = [str(ROOT), str(ROOT / "book" / "_ext")]

import kernels  # noqa: E402 (of this book: book/_ext/kernels.py)

# --- The book --------------------------------------------------------------------------------

# What the page footers, the PDF and "How to cite" say comes from here.
citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
project, _, subtitle = citation["title"].partition(": ")
author = citation["authors"][0]["name"]
copyright = f"{author}, CC BY 4.0"  # no year: a build must not read the clock
version = release = citation["version"]
today = f"{citation['date-released']:%d %B %Y}"  # of the release, again not the clock's

# Where the book is published, and its repository, are known to these two settings only. Without
# them a build is for its own machine: no canonical links, no preview cards, no link to report.
site = os.environ.get("BOOK_URL") or os.environ.get("READTHEDOCS_CANONICAL_URL") or ""
site = site and site.rstrip("/") + "/"
repository = os.environ.get("BOOK_REPOSITORY_URL", "").rstrip("/")

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
    "sphinx_multitoc_numbering",
    "sphinxcontrib.bibtex",
    "exercises",  # book/_ext/exercises.py: sphinx-exercise, with solutions that a browser folds
    "folds",  # book/_ext/folds.py: folded cells say what they hold
    "house",  # book/_ext/house.py: the rules that no library holds
    "notebooks",  # book/_ext/notebooks.py: the chapters to download, and the wheel they install
    "quoted",  # book/_ext/quoted.py: what a page takes from another one is what that one says
    "teaching",  # book/_ext/teaching.py: what the page for teachers takes from the chapters
    "paper",  # book/_ext/paper.py: parts, appendices and solutions of the PDF
    "tryit",  # book/_ext/tryit.py: cells that a reader edits and runs in the page
    "typeset",  # book/_ext/typeset.py: computed numbers look as they do on paper
    "upkeep",  # book/_ext/upkeep.py: what a failing build says last, what a good one clears away
    "sphinxcontrib.rsvgconverter",  # figures of the PDF; the tool is Debian's librsvg2-bin
]

# --- Markdown, numbers, references -----------------------------------------------------------

myst_enable_extensions = ["amsmath", "attrs_block", "attrs_inline", "colon_fence", "deflist"]
myst_enable_extensions += ["dollarmath"]
myst_heading_anchors = 3  # a heading can be linked to by its text
numfig = True  # figures, tables and exercises carry the chapter's number
numfig_format = {"section": "Chapter %s"}  # by `numref`; `ref` gives its title
math_numfig = True  # and so do equations
math_eqref_format = "({number})"
bibtex_bibfiles = ["book/references.bib"]
bibtex_reference_style = "author_year"  # a reader recognises a name sooner than a number

doctest_test_doctest_blocks = ""  # pytest runs the docstrings, each inside its module

# --- Execution -------------------------------------------------------------------------------

nb_execution_mode = "cache"  # a page runs again only when its cells or the digest change
nb_execution_cache_path = str(kernels.prepare(ROOT))  # changes with all that a cell may read
nb_execution_raise_on_error = True  # else a failing cell passes the second time
nb_output_stderr, nb_merge_streams = "error", True  # no warning in the book; one box an output
nb_render_markdown_format = "myst"  # a cell may write a table; the default format has none
nb_execution_timeout = 120  # seconds for one cell; the default is 30
nb_ipywidgets_js = {}  # the default asks two other hosts

# --- API pages -------------------------------------------------------------------------------

autodoc_member_order = "bysource"  # the order in which the author tells it
autodoc_preserve_defaults = True  # a default as it is written, not as Python prints it
autodoc_typehints = "none"  # the docstring gives shapes, which say more than types
default_role = "code"  # a name in single backticks looks like code
numpydoc_show_class_members = autosummary_generate = False  # autodoc already lists all
# Links into other projects would need their indexes from the network.
nitpick_ignore_regex = [(r"py:.*", r"(numpy|matplotlib|collections|typing)\..*")]

# The folder with the Python that runs in a page, if there is one: `make live-runtime` fills it.
tryit_runtime = os.environ.get("LIVE", "")

# --- HTML ------------------------------------------------------------------------------------

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["book/_static"]
html_css_files = ["book.css"]
html_favicon = "book/_static/mark.svg"  # mark.png is the same picture, for preview cards
html_extra_path = ["book/_root"]  # an index.html that leads to the book's first page
html_theme_options = {
    "home_page_in_toc": True,
    "show_toc_level": 2,
    "max_navbar_depth": 1,  # the folds that deeper levels need have no name for a screen reader
    "article_footer_items": ["cite.html"],
    "navbar_persistent": [],  # the side bar already has the search button
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
# Light or dark as the reader's system says; what the templates fill in.
html_context = {"default_mode": "auto", "book": citation, "site": site}
templates_path = ["book/_templates"]
if repository:  # on every page a link to its source, and one to report a mistake
    html_theme_options |= {"repository_url": repository, "repository_branch": "main"}
    html_theme_options |= {"use_source_button": True, "use_issues_button": True}
if site:  # a copy for one's own use need not be found, and starts faster without these
    html_baseurl = site  # Sphinx writes the canonical links
    html_additional_pages = {"404": "404.html"}
    extensions += ["sphinx_sitemap", "sphinxext.opengraph"]
    sitemap_url_scheme = "{link}"  # the default has a language and a version
    sitemap_excludes = ["404.html", "search.html"]
    ogp_site_url = site
    ogp_type = "book"
    # Cards are drawn with the extension's own font, whose missing bold face is no news on every
    # page; without a picture they show another project's.
    ogp_social_cards = {"image_mini": "book/_static/mark.png", "line_color": "#0072B2"}
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

# MathJax as one file from the installed package. SVG output needs no font files, which some
# browsers refuse to a page opened from disk; the full bundle never fetches a TeX extension.
mathjax = importlib.metadata.distribution("sphinx-mathjax-offline")
html_static_path += [
    str(mathjax.locate_file("sphinx-mathjax-offline/static/mathjax/tex-svg-full.js"))
]
mathjax_path, html_math_renderer = "tex-svg-full.js", "mathjax"  # the EPUB has MathML
mathjax3_config = {"tex": {"macros": {"dplus": r"\partial^{+}"}}}  # the immediate derivative

# --- PDF and EPUB ----------------------------------------------------------------------------

# Greek letters and arrows stand in the text and in the code; makeindex comes with every LaTeX.
latex_engine, latex_use_xindy = "xelatex", False
pygments_style = "a11y-high-contrast-light"  # as on the screen
latex_documents = [(root_doc, "through-time.tex", f"{project}: {subtitle}", author, "manual", True)]
latex_show_urls, latex_show_pagerefs = "footnote", True  # paper has no links
latex_elements = {"extraclassoptions": "openany,oneside", "figure_align": "!htb"}
latex_elements["preamble"] = (ROOT / "book/_ext/preamble.tex").read_text(encoding="utf-8")

epub_cover = ("_static/cover.png", "epub-cover.html")  # drawn by paper.py; the page is Sphinx's
epub_basename, epub_tocscope = "through-time", "includehidden"  # the default finds no first page
epub_description = citation["abstract"]
epub_identifier = uuid.uuid5(uuid.NAMESPACE_URL, f"{citation['title']} {release}").urn
epub_exclude_files = ["index.html"]
epub_exclude_files += [f"_static/{name}.js" for name in ("explorable", "found", "tryit")]

# Vector graphics for LaTeX; stills of the figures that move for the EPUB.
nb_mime_priority_overrides = [("latex", "image/svg+xml", 15), ("epub", "text/html", None)]
