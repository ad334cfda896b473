"""What `make teacher` wrote: the slides in a real browser, and the zip beside the book.

    CHROMIUM=chromium python -m pytest -q tests/slides.py

The name of this file keeps it out of `make pytest`, which needs neither a browser nor a built book.
"""

import html
import os
import re
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from axe_playwright_python.sync_playwright import Axe
from chrome import WCAG, formulas_drawn, launched, served, watched

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "teacher"))
from pages import Book, text_of  # noqa: E402 (of teacher/)

SLIDES, ZIP = (ROOT / "_build/teacher" / name for name in ("slides", "figures.zip"))
BUILT = Path(os.environ.get("BOOK", ROOT / "_build/html"))
DECKS = sorted(path.name for path in SLIDES.glob("*.html") if "search" not in path.name)


@pytest.fixture(scope="module")
def site():
    with served(SLIDES) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module", params=DECKS)
def deck(request, chromium, site):
    """A deck, opened once, with what went wrong."""
    page = watched(chromium.new_page(viewport={"width": 1280, "height": 720}), site)
    page.name = request.param
    page.goto(site + page.name, wait_until="load")
    formulas_drawn(page)
    page.wait_for_function("Reveal.isReady()")
    yield page
    page.close()


# What does not fit on a slide, what is no formula yet, and what has no words.
LOOK = """() => Reveal.getSlides().map((slide, k) => {
  const { h, v } = Reveal.getIndices(slide);
  Reveal.slide(h, v);
  const scale = Reveal.getScale(), room = document.querySelector('.slides').clientHeight;
  const below = [...slide.children].filter(e => e.matches(':not(aside)')).map(
    e => e.getBoundingClientRect().bottom / scale);
  const top = document.querySelector('.slides').getBoundingClientRect().top / scale;
  return {
    title: slide.querySelector('h1, h2')?.textContent ?? '',
    high: Math.max(...below) - top, room,
    wide: Math.max(...[...slide.querySelectorAll('pre, .math, img, svg')].map(
      e => e.scrollWidth - e.clientWidth), 0),
    formulas: [...slide.querySelectorAll('.math')].map(
      e => !!e.querySelector('mjx-container svg') && !e.querySelector('[data-mml-node=merror]')),
    unnamed: [...slide.querySelectorAll('img')].filter(e => !e.alt.trim()).length,
    notes: slide.querySelectorAll('aside.notes').length,
  };
})"""


def test_a_deck_asks_no_other_host_and_every_slide_fits(deck):
    slides = deck.evaluate(LOOK)
    assert deck.faults == []
    assert len(slides) >= (14 if deck.name != "index.html" else 1)
    for slide in slides:
        assert slide["title"] and slide["high"] <= slide["room"] + 1, slide
        assert slide["wide"] <= 1 and all(slide["formulas"]) and not slide["unnamed"], slide
    assert sum(slide["notes"] > 0 for slide in slides) >= 0.7 * len(slides)


def test_a_deck_is_driven_by_the_keyboard_and_has_numbers(deck):
    deck.evaluate("Reveal.slide(0, 0)")
    deck.keyboard.press("ArrowRight")
    if deck.name != "index.html":
        assert deck.evaluate("Reveal.getSlidePastCount()") == 1
        number = deck.locator(".slide-number").inner_text()
        assert re.sub(r"\s", "", number) == f"2/{deck.evaluate('Reveal.getTotalSlides()')}"
    for slider in deck.locator(".explorable-control input").all():
        deck.evaluate(
            "e => { const {h, v} = Reveal.getIndices(e.closest('section')); Reveal.slide(h, v); }",
            slider.element_handle(),
        )
        says = slider.locator("xpath=ancestor::div[1]").locator(".explorable-says")
        before, place = says.inner_text(), deck.evaluate("Reveal.getSlidePastCount()")
        slider.focus()
        deck.keyboard.press("ArrowRight")
        assert says.inner_text() != before  # the figure moves, and the deck does not
        assert deck.evaluate("Reveal.getSlidePastCount()") == place


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_deck_keeps_to_wcag(deck, scheme):
    deck.emulate_media(color_scheme=scheme)
    deck.evaluate("Reveal.slide(0, 0)")
    options = {"runOnly": {"type": "tag", "values": WCAG}}
    found = Axe().run(deck, options=options).response["violations"]
    assert [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found] == []


def test_the_zip_has_every_figure_of_the_book_with_its_words():
    book = Book(BUILT)
    figures = [figure for page in book.pages for figure in book.figures(page).values()]
    with ZipFile(ZIP) as archive:
        names, index = archive.namelist(), archive.read("index.html").decode()
    wanted = {f"{kind}/{figure.name}.{kind}" for figure in figures for kind in ("svg", "png")}
    assert set(names) == {*wanted, "index.html"} and len(figures) > 100
    for figure in figures:
        assert figure.alt and figure.caption and figure.number
        assert html.escape(figure.alt) in index and html.escape(figure.caption) in index
    assert "CC BY 4.0" in text_of(index)
