# Every command that a person needs. `make` alone prints them.
#
#   PYTHON      the interpreter that .venv is made from     make html PYTHON=python3.13
#   SPHINXOPTS  more options for Sphinx                     make html SPHINXOPTS=-v
#   PORT        where `make serve` and `make live` listen   make serve PORT=9000
#   GRIDS       which long experiments to run, not all      make experiments GRIDS="adding copying"
#   MUTANTS     which faults to plant             make mutants MUTANTS="--seed 7 --count 20 scan.py"
#   SCHEDULER   a dask cluster that runs them               make experiments SCHEDULER=tcp://host:8786
#   LIVE        a folder with the Python that runs in a page   make html LIVE=_build/live
#   WHEELS      compiled wheels for it, without its release    make live-runtime WHEELS=../shared/wasm
#   BOOK_URL    where the book is published: canonical links, preview cards, a site map
#   BOOK_REPOSITORY_URL  its repository: on every page a link to the source and one to report

PYTHON     ?= python3
SPHINXOPTS ?=
PORT       ?= 8000
GRIDS      ?=
MUTANTS    ?=
SCHEDULER  ?=
WHEELS     ?=
# What `make live-runtime` filled, if it did.
LIVE       ?= $(patsubst %/filled-by,%,$(wildcard _build/live/filled-by))

BIN    := .venv/bin/python
BENCH  := .venv-bench/bin/python
# In parallel; with -T a failing cell is shown with its error.
SPHINX := $(BIN) -m sphinx -j auto -T $(SPHINXOPTS)
# Everything read again, every unknown reference and every warning an error, all of them shown.
STRICT := -E -n -W --keep-going
CODE   := conf.py rnn_src experiments tests bench teacher book/_ext book/_kernel book/_live

# Any Chromium or Chrome will do. Debian's without a window comes first: pages open in half the time.
BROWSERS := chromium-headless-shell chromium chromium-browser google-chrome
CHROMIUM ?= $(firstword $(foreach name,$(BROWSERS),$(shell command -v $(name))))

.DEFAULT_GOAL := help
.PHONY: help html live live-runtime serve teacher pdf packages-of-pdf epub test lint pytest doctest format \
        strict browser roundings pytorch \
        bench mutants experiments linkcheck reproducible quoted readme-figure lock clean clean-cache again

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

# --- The environment -------------------------------------------------------------------------

# One sentence for each Python that cannot work, before anything is made. Every install starts
# from nothing, so what an interrupted one left behind is removed by the next.
# An environment whose Python is gone, or is another one that does not see the packages, counts as
# not made. (Its other programs name that Python by its full path: none is called here, so that a
# tree can be moved.)
lost = $(shell [ ! -e $(1)/ready ] || $(1)/bin/python -c \
  'import sys, importlib.util as u; sys.exit(u.find_spec("$(2)") is None)' 2>/dev/null || echo again)
again:

.venv/ready: requirements.txt $(call lost,.venv,sphinx)
	@command -v $(PYTHON) >/dev/null || { \
	  echo "This book needs Python 3.11 or newer: install it, or name one with PYTHON=."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "This book needs Python 3.11 or newer, and $(PYTHON) is older:" \
	       "install one, or name one with PYTHON=."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make environments: install its venv module" \
	       "(on Debian and Ubuntu the package python3-venv)."; exit 1; }
	@echo "Installing the locked packages into .venv, once."
	@rm -rf .venv && $(PYTHON) -m venv .venv && \
	  $(BIN) -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt || { \
	  rm -rf .venv; echo "The install failed; the reason is above."; exit 1; }
	@touch $@

# PyTorch is for comparison only: neither the book nor its tests need it.
.venv-bench/ready: bench/requirements.txt $(call lost,.venv-bench,torch)
	@echo "Installing PyTorch into .venv-bench, once."
	@rm -rf .venv-bench && $(PYTHON) -m venv .venv-bench && \
	  $(BENCH) -m pip install -q --disable-pip-version-check -r bench/requirements.txt || { \
	  rm -rf .venv-bench; echo "The install failed; the reason is above."; exit 1; }
	@touch $@

# --- Reading and writing ---------------------------------------------------------------------

html live strict doctest: export LIVE := $(LIVE)
html: .venv/ready  ## build the book; only what changed is built again
	@$(SPHINX) . _build/html
	@echo "Open $(CURDIR)/_build/html/index.html"

live: .venv/ready  ## build and serve the book, again at every save
	@$(BIN) -m sphinx_autobuild -j auto $(SPHINXOPTS) --port $(PORT) --watch rnn_src \
	  --ignore '$(CURDIR)/_build/*' --ignore '$(CURDIR)/.venv/*' . _build/html

# The pages run their boxes with it. It is fetched once, checked, and packed for them.
live-runtime: .venv/ready  ## fetch the Python that runs in a page into _build/live, or LIVE (needs Node)
	@$(BIN) book/_ext/live_runtime.py $(or $(LIVE),_build/live) $(if $(WHEELS),--from-wheels $(WHEELS))

serve: html  ## build the book and serve it on this computer
	@$(BIN) -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

# --- Teaching --------------------------------------------------------------------------------

# Slides take their figures, equations and cells from the pages as built, so they are read anew.
SLIDES := $(BIN) -m sphinx -q -E -W -b revealjs -d _build/teacher/.doctrees
teacher: html  ## make what teachers need, in _build/teacher: problem sets, exam, figures, slides
	@$(BIN) teacher/build.py _build/teacher _build/html/book/*.whl
	@$(BIN) teacher/figures.py
	@$(SLIDES) teacher/slides _build/teacher/slides
	@if [ -n "$(CHROMIUM)" ]; then CHROMIUM='$(CHROMIUM)' $(BIN) -m pytest -q tests/slides.py; else \
	  echo "The slides were not opened, for want of Chromium or Chrome."; fi
	@echo "Look into $(CURDIR)/_build/teacher; teacher/README.md says what is there."

# --- Paper -----------------------------------------------------------------------------------

# LaTeX sets the better page, above all of mathematics, and Debian keeps it. What is not numbered
# or not found in the finished book is an error. (The index in the contents is the one of the screen.)
TEX := latexmk texlive-xetex texlive-latex-extra texlive-fonts-recommended tex-gyre \
  fonts-freefont-otf librsvg2-bin
pdf: .venv/ready  ## typeset the book: _build/through-time.pdf (needs LaTeX)
	@for tool in latexmk xelatex rsvg-convert; do command -v $$tool >/dev/null || { \
	  echo "make pdf needs $$tool. On Debian: apt-get install $(TEX)"; exit 1; }; done
	@$(SPHINX) -q -W -b latex -D suppress_warnings=toc.not_readable . _build/latex
	@cd _build/latex && latexmk -xelatex -silent -interaction=nonstopmode through-time.tex \
	  >latexmk.out 2>&1 || { cat latexmk.out; exit 1; }
	@! grep -E "undefined|multiply defined|Missing character" _build/latex/through-time.log
	@cp _build/latex/through-time.pdf _build/through-time.pdf
	@echo "Open $(CURDIR)/_build/through-time.pdf"

packages-of-pdf:
	@echo $(TEX)

epub: .venv/ready  ## make the book for e-readers and check it: _build/through-time.epub (needs Java)
	@command -v java >/dev/null || { \
	  echo "make epub checks with epubcheck, which needs java. On Debian: apt-get install" \
	       "default-jre-headless"; exit 1; }
	@rm -rf _build/epub  # what an earlier build left would be packed too
	@$(SPHINX) -q -W -b epub -d _build/epub.doctrees -D html_math_renderer=mathml \
	  . _build/epub
	@$(BIN) -m epubcheck _build/epub/through-time.epub
	@cp _build/epub/through-time.epub _build/through-time.epub
	@echo "Open $(CURDIR)/_build/through-time.epub"

# --- Checks ----------------------------------------------------------------------------------

test: lint pytest doctest  ## run every check: lint, pytest, strict, doctest, browser
	@if [ -n "$(CHROMIUM)" ]; then $(OPEN_PAGES); else \
	  echo "$(NO_BROWSER) All other checks have passed."; fi
	@[ -n "$(LIVE)" ] || echo "The boxes to try were not run in their pages: make live-runtime" \
	  "fetches the Python for that."

lint: .venv/ready  ## check style and format with ruff, in the chapters too
	@$(BIN) -m ruff check $(CODE)
	@$(BIN) -m ruff format --check $(CODE)
	@$(BIN) book/_ext/layout.py --check

format: .venv/ready  ## format the code of the package and of the chapters
	@$(BIN) -m ruff format $(CODE)
	@$(BIN) book/_ext/layout.py

pytest: .venv/ready  ## run the tests, and the examples of the package
	@$(BIN) -m pytest -q -n auto

# As it would be published, with an address and a repository that nobody has.
strict doctest: export BOOK_URL = https://example.org/through-time/
strict doctest: export BOOK_REPOSITORY_URL = https://github.com/example/through-time
strict: .venv/ready  ## build the book with every warning an error
	@$(SPHINX) -q $(STRICT) . _build/strict

doctest: strict  ## run the examples that the pages show
	@$(SPHINX) -q -b doctest -d _build/strict/.doctrees . _build/doctest  # on what strict has read

NO_BROWSER := The pages were not opened, for want of Chromium or Chrome: install one \
  (on Debian the package chromium-headless-shell), or name it with CHROMIUM=.
OPEN_PAGES = export CHROMIUM='$(CHROMIUM)' && \
  $(BIN) -m pytest -q -n auto --dist loadgroup -m 'not alone' tests/browser.py && \
  $(BIN) -m pytest -q -s -m alone tests/browser.py
browser: strict  ## open every page in a real browser: faults, accessibility, weight, speed
	@[ -n "$(CHROMIUM)" ] || { echo "$(NO_BROWSER)"; exit 1; }
	@$(OPEN_PAGES)

# The claims must not hang on how a processor rounds: OpenBLAS knows several orders of a sum (one
# needs AVX-512), and with AVX-512 NumPy has another tanh.
ORDERS := Prescott Sandybridge $(shell grep -qs avx512f /proc/cpuinfo && echo SkylakeX)
roundings: .venv/ready  ## build the book with sums in other orders: no claim may depend on one
	@echo "NumPy without AVX-512"
	@NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR" $(SPHINX) -q -b dummy . \
	  _build/roundings/NumPy
	@for order in $(ORDERS); do echo "$$order"; \
	  OPENBLAS_CORETYPE=$$order $(SPHINX) -q -b dummy . _build/roundings/$$order || exit 1; done

pytorch: .venv-bench/ready  ## compare the cells with PyTorch itself
	@REQUIRE_PYTORCH=1 $(BENCH) -m pytest tests/test_pytorch.py

mutants: .venv/ready  ## plant faults in the package: the tests must find 95 of 100
	@$(BIN) tests/mutants.py $(MUTANTS)

# As both are installed, on one thread; with the matrix kernels that NumPy chooses for this
# processor, whatever the shell pins; and with memory that stays with the process, as without it
# some sizes of PyTorch lose up to a third of their time to fresh pages (glibc only).
QUIET := env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
  MKL_NUM_THREADS=1 MALLOC_MMAP_THRESHOLD_=4294967295 MALLOC_TRIM_THRESHOLD_=4294967295 \
  MALLOC_TOP_PAD_=268435456 PYTHONPATH=.
bench: .venv-bench/ready .venv/ready  ## time a training step against PyTorch, and the passes against T
	@$(QUIET) $(BENCH) bench/speed.py
	@$(QUIET) $(BENCH) bench/bptt_cost.py
	@$(QUIET) $(BIN) bench/instruments.py
	@$(QUIET) $(BIN) bench/scan_cost.py
	@$(QUIET) $(BIN) bench/showdown_cost.py

# The points fill the cores, so each has one thread; what is finished is not measured again.
experiments: .venv/ready  ## run the long experiments that the chapters load
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 SCHEDULER='$(SCHEDULER)' PYTHONPATH=. \
	  $(BIN) -m experiments $(GRIDS)

linkcheck: .venv/ready  ## ask every cited address whether it answers (needs the network)
	@$(SPHINX) -b linkcheck . _build/linkcheck

# Only the page of execution times reads the clock. Sphinx's own notes are no part of the book.
CLOCK := -x timings.html -x .doctrees
reproducible: .venv/ready  ## build twice from nothing and compare every byte
	@rm -rf _build/twice
	@for build in a b; do \
	  $(SPHINX) -q -D nb_execution_cache_path=$(CURDIR)/_build/twice/$$build/cache \
	    . _build/twice/$$build/html || exit 1; done
	@diff -rq $(CLOCK) _build/twice/a/html _build/twice/b/html
	@echo "Two cold builds are byte-equal."

# --- Upkeep ----------------------------------------------------------------------------------

quoted: .venv/ready  ## keep what chapters say for other pages, as in the last build
	@$(BIN) book/_ext/quoted.py

readme-figure: html  ## copy the README's figure from the book as just built
	@$(BIN) book/_ext/readme_figure.py

# uv makes one lock for every Python from 3.11 on; readers need only pip. Hashes pin the files,
# and no index is named, so pip asks whichever the reader has set.
lock:  ## compile requirements.in into requirements.txt
	@rm -rf _build/lock && $(PYTHON) -m venv _build/lock
	@_build/lock/bin/python -m pip install -q uv
	@_build/lock/bin/uv pip compile -q --upgrade --universal --python-version 3.11 \
	  --generate-hashes --only-binary :all: --no-emit-index-url \
	  --custom-compile-command "make lock" requirements.in -o requirements.txt
	@rm -rf _build/lock

clean:  ## remove what was built, but keep the results of executed cells and what was fetched
	@find _build -mindepth 1 -maxdepth 1 ! -name cache ! -name live -exec rm -rf {} + 2>/dev/null || true

clean-cache:  ## remove these too
	@rm -rf _build
