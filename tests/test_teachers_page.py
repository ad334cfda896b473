"""The page for teachers, the figures to take along, and the sources of the slides.

What needs the built book is in tests/slides.py.
"""

import io
import re
import sys
from zipfile import ZipFile

import pytest
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import docutils_namespace
from test_book import CHAPTERS, FRONT, PAGES, ROOT, reading_order

sys.path += [str(ROOT / "book" / "_ext"), str(ROOT / "teacher")]
import figures as figures_zip  # noqa: E402 (of teacher/)
import pages  # noqa: E402 (of teacher/)
import teaching  # noqa: E402 (of book/_ext/)

PAGE = ROOT / "book/teachers.md"
TEXT = PAGE.read_text(encoding="utf-8")
FOUND = teaching.chapters(ROOT / "book")
LECTURES = re.findall(r"^## (Lecture \d+\. .+?)(?=^## |\Z)", TEXT, re.M | re.S)
each_lecture = pytest.mark.parametrize("lecture", LECTURES, ids=lambda text: text.split(".")[0])


def of_directive(kind, text):
    return [
        name for line in re.findall(rf"^```\{{{kind}\}} (.+)$", text, re.M) for name in line.split()
    ]


# --- The plans -------------------------------------------------------------------------------


def test_there_are_ten_lectures_and_few_words():
    numbers = [int(re.match(r"Lecture (\d+)", lecture)[1]) for lecture in LECTURES]
    assert numbers == [*range(1, 11)]
    assert len(TEXT.split()) <= 3000


@each_lecture
def test_a_lecture_has_its_parts_and_fills_ninety_minutes(lecture):
    for part in ("**Aim.** ", "**Pages.** ", "**On the wall.** ", "Demonstration: "):
        assert lecture.count(part) == 1
    assert len(re.findall(r'Ask: "[^"]+\?".* Expected: .{40,}', lecture)) == 1
    assert sum(map(int, re.findall(r"^- \*\*(\d+) min\.\*\* ", lecture, re.M))) == 90
    assert len(set(re.findall(r"\{numref\}`(fig-[\w-]+)`", lecture))) >= 4


@each_lecture
def test_what_a_lecture_names_stands_on_its_pages(lecture):
    by_label = {c.label: c for c in FOUND.values()}
    given = re.search(r"^\*\*Pages\.\*\* (.+)$", lecture, re.M)[1]
    given = [by_label[label] for label in re.findall(r"\{ref\}`(ch-[\w-]+)`", given)]
    assert given and set(of_directive("objectives", lecture)) <= {c.name for c in given}
    sources = "".join(c.source for c in given)
    for figure in re.findall(r"\{numref\}`(fig-[\w-]+)`", lecture):
        assert re.search(rf"^(?: *|:)name: {figure}$", sources, re.M), figure
    labels = {label for c in given for _, _, label in c.exercises}
    assert set(re.findall(r"\{exercise\}`([\w-]+)`", lecture)) <= labels
    tried = "".join(re.findall(r"^\*\*Try it\.\*\* .+$", sources, re.M))
    boxes = re.findall(r'Box: "([^"]+)"', lecture)
    assert len(boxes) == 1 and boxes[0] in tried
    for word in re.findall(r"`(\w+)`", re.sub(r"\{\w+\}`[^`]+`", "", lecture)):
        assert re.search(rf"\b{word}\b", sources), word  # a cell to run


def test_every_chapter_is_in_one_lecture_with_what_it_teaches_and_asks():
    assert list(FOUND) == reading_order()
    plans = "".join(LECTURES)
    assert not [c.label for c in FOUND.values() if f"{{ref}}`{c.label}`" not in plans]
    for kind, has in (
        ("objectives", lambda c: c.objectives),
        ("exercises", lambda c: [*c.exercises]),
    ):
        wanted = [name for name, chapter in FOUND.items() if has(chapter)]
        assert sorted(of_directive(kind, plans)) == sorted(wanted)


# --- What is read from the chapters ----------------------------------------------------------


def test_objectives_and_exercises_are_all_that_the_chapters_have():
    for page in CHAPTERS:
        text, chapter = page.read_text(encoding="utf-8"), FOUND[page.stem]
        assert len(chapter.objectives) == 3 * ("After this " in text and " you can:\n" in text)
        found = [(title, label) for _, title, label in chapter.exercises]
        assert len(found) == text.count("```{exercise-start}")
        for title, label in found:
            assert f"```{{exercise-start}} {title}\n:label: {label}\n" in text
    kinds = {kind for c in FOUND.values() for kind, *_ in c.exercises}
    assert kinds == {*teaching.KINDS.values(), teaching.OTHERS}


def chapter(name, needs="", **more):
    source = f"(ch-{name})=\n\nYou need: {needs}\n\n" + more.pop("text", "")
    return teaching.Chapter(name, f"ch-{name}", "1", 0, source)


def test_the_first_words_say_where_an_exercise_is_done():
    exercise = (
        "```{exercise-start} Title\n:label: ex-a\n```\n%s, find it.\n```{exercise-end}\n```\n"
    )
    for words, kind in {**teaching.KINDS, "Find": teaching.OTHERS}.items():
        ((found, *rest),) = chapter("one", text=exercise % words).exercises
        assert (found, rest) == (kind, ["Title", "ex-a"])


def test_only_what_no_other_need_implies_is_an_arrow():
    found = {
        "one": chapter("one"),
        "two": chapter("two", "{ref}`ch-one`, and patience."),
        "three": chapter("three", "{numref}`ch-two`, {ref}`the first <ch-one>`, {ref}`ch-three`."),
    }
    assert teaching.needed(found) == {"one": set(), "two": {"one"}, "three": {"two"}}


def test_the_map_is_told_in_words():
    words = {"a": "1 one\nstep", "b": "2 two", "c": "3 three", "d": "4 four"}
    edges = [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c")]
    said = ["1 one step leads to 2 two, 3 three and 4 four.", "2 two leads to 3 three."]
    assert [*teaching.told(words, edges)] == said


@pytest.mark.parametrize(
    ("places", "fault"),
    [
        ({"a": (0, 0), "b": (0, 1), "c": (0, 2.5)}, "the line from a to c runs through b"),
        ({"a": (0, 2), "b": (2, 1), "c": (0, 1)}, "c needs a, which must stand above it"),
        ({"a": (0, 0), "b": (0.5, 0.2), "c": (0, 2)}, "a lies on b"),
        ({"a": (0, 0), "b": (2, 1), "c": (0, 2)}, ""),
    ],
)
def test_a_map_that_cannot_be_read_is_seen(places, fault):
    assert fault in "; ".join(teaching.faults(places, [("a", "c")]))
    assert bool(fault) == bool([*teaching.faults(places, [("a", "c")])])


def test_words_that_overflow_their_box_are_seen_and_a_drawing_is_the_same_twice(tmp_path):
    places, parts = {"a": (0, 0), "b": (0, 1)}, {"a": 0, "b": 1}
    drawn = [tmp_path / "1.svg", tmp_path / "2.svg"]
    for file in drawn:
        assert teaching.draw(places, {"a": "a", "b": "b"}, parts, [("a", "b")], file) == []
    assert drawn[0].read_bytes() == drawn[1].read_bytes()
    words = {"a": "a", "b": "far too many words for one"}
    (fault,) = teaching.draw(places, words, parts, [("a", "b")], drawn[0])
    assert fault == "the words of b are wider than their box"


# --- Pieces of a built book ------------------------------------------------------------------

DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" {}viewBox="0 0 72 36"><path d="M0 0L72 36"/></svg>'
)
LINK = '<a class="headerlink" href="#">#</a>'
NUMBER, WORDS = '<span class="caption-number">{}</span>', '<span class="caption-text">{}</span>'
CAPTION = f"<figcaption>\n<p>{NUMBER}{WORDS}{LINK}</p>\n</figcaption>"
HIGHLIGHT = '<div class="highlight"><pre><span></span>{}\n</pre></div>\n</div>'
SITE = f"""
<h1>Title of a PDF</h1>
<h1><span class="section-number">6. </span>Transients{LINK}</h1>
<figure class="align-default" id="fig-line">
<img alt="A line &lt; falls." src="../_images/line.svg" width="96" height="48" />
{CAPTION.format("Fig. 6.1 ", 'It falls as <span class="math">DECAY</span>.')}
</figure>
<figure class="align-default" id="fig-jacobians-explore">
<div class="output text_html"><div class="explorable">DRAWN<p><label>x</label></p>
<script type="application/json">[]</script></div></div>
{CAPTION.format("Fig. 6.2 ", "It moves.")}
</figure>
<div class="math notranslate nohighlight" id="equation-eq-a">
<span class="eqno">(6.1){LINK}</span>\\[a &lt; b\\]</div>
<div class="cell docutils container">
<div class="cell_input docutils container">
<div class="highlight-ipython3 notranslate">{HIGHLIGHT.format("n <span>=</span> 1")}
</div>
<div class="cell_output docutils container">
<div class="output stream highlight-myst-ansi notranslate">{HIGHLIGHT.format("one")}
</div>
</div>
<section id="ask-yourself">
<details class="solution admonition"><summary class="admonition-title">Why?</summary>
<p>Because.</p>
</details>
</section>
<div class="exercise admonition" id="ex-a">
<p class="admonition-title"><span class="caption-number">Exercise 6.1 </span> (A)</p></div>
"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "html/book").mkdir(parents=True)
    (tmp_path / "html/_images").mkdir()
    (tmp_path / "html/_images/line.svg").write_text(DRAWING.format('width="72pt" height="36pt" '))
    page = SITE.replace("DRAWN", DRAWING.format('role="img" ')).replace("DECAY", r"\(e^{-x}\)")
    (tmp_path / "html/book/transients.html").write_text(page)
    (tmp_path / "jupyter_execute/book").mkdir(parents=True)
    glued = '{"n": {"data": {"text/plain": "2.5"}}, "fig": {"data": {}}}'
    (tmp_path / "jupyter_execute/book/transients.glue.json").write_text(glued)
    return tmp_path / "html"


def test_pieces_of_the_book_are_found(site):
    book = pages.Book(site)
    line, moving = book.figures("transients").values()
    assert book.title("transients") == "6. Transients"
    assert line[:5] == (
        "fig-line",
        "transients",
        "Fig. 6.1",
        "It falls as $e^{-x}$.",
        "A line < falls.",
    )
    assert moving.number == "Fig. 6.2" and moving.alt.startswith("With the coupling at 5")
    assert moving.svg.startswith("<?xml") and '<svg width="72pt" height="36pt" ' in moving.svg
    assert book.equation("transients", "eq-a") == ("(6.1)", "\\[a < b\\]")
    code, printed = book.cell("transients", "n = 1")
    assert pages.text_of(code) == "n = 1" and pages.text_of(printed) == "one"
    assert [*map(pages.text_of, book.question("transients", "Why"))] == ["Why?", "Because."]
    assert book.exercise("ex-a") == "6.1" and book.said("transients", "n") == 2.5


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda book: book.figure("transients", "fig-b"), "transients has no figure fig-b"),
        (lambda book: book.figure("gru", "fig-line"), "the book has no page gru"),
        (
            lambda book: book.equation("transients", "eq-b"),
            "transients has 0 times the equation eq-b",
        ),
        (lambda book: book.cell("transients", "m = 1"), "transients has 0 cells with 'm = 1'"),
        (lambda book: book.question("transients", "How"), "transients has 0 questions with 'How'"),
        (lambda book: book.exercise("ex-b"), "the book has 0 exercises ex-b"),
        (lambda book: book.said("transients", "fig"), "transients quotes no number fig"),
        (lambda book: pages.Book(book.built / "book"), "there is no book in "),
    ],
)
def test_what_the_book_does_not_have_is_named(ask, sentence, site):
    with pytest.raises(LookupError, match=re.escape(sentence)):
        ask(pages.Book(site))


def test_the_zip_holds_each_figure_twice_with_its_words(site, tmp_path, monkeypatch):
    if not figures_zip.shutil.which(figures_zip.TOOL):
        pytest.skip(f"there is no {figures_zip.TOOL}")
    zips = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        found = figures_zip.build(site, folder)
        zips.append(folder / "figures.zip")
    assert [f.name for f in found] == ["fig-line", "fig-jacobians-explore"]
    assert zips[0].read_bytes() == zips[1].read_bytes()
    with ZipFile(zips[0]) as archive:
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}
        files = {name: archive.read(name) for name in archive.namelist()}
    pairs = {f"{kind}/{f.name}.{kind}" for f in found for kind in ("svg", "png")}
    assert set(files) == {*pairs, "index.html"}
    for name in pairs:
        if name.endswith("png"):  # 72 points are 96 pixels, and twice that
            assert [int.from_bytes(files[name][k : k + 4], "big") for k in (16, 20)] == [192, 96]
    page = files["index.html"].decode()
    for words in ("It falls as $e^{-x}$.", "A line &lt; falls.", "Fig. 6.2", "CC BY 4.0"):
        assert words in page
    monkeypatch.setattr(figures_zip, "TOOL", "no-such-tool")
    with pytest.raises(SystemExit, match="need no-such-tool. On Debian: apt-get install"):
        figures_zip.build(site, tmp_path / "three")


# --- The sources of the slides ---------------------------------------------------------------

DECKS = sorted((ROOT / "teacher/slides").glob("*.md"))
SOURCES = {page.stem: page.read_text(encoding="utf-8") for page in PAGES}


def test_there_are_slides_for_three_lectures():
    assert {deck.stem for deck in DECKS} == {"index", "memory", "products", "gates"}
    with_slides = [lecture for lecture in LECTURES if "There are slides." in lecture]
    told = {re.match(r"Lecture \d+", lecture)[0] for lecture in with_slides}
    assert told == {
        re.search(r"^Lecture \d+", d.read_text(), re.M)[0] for d in DECKS if d.stem != "index"
    }


@pytest.mark.parametrize("deck", DECKS, ids=lambda path: path.stem)
def test_what_a_slide_names_is_in_the_book(deck):
    text = deck.read_text(encoding="utf-8")
    for page, name in re.findall(r"\{book-figure\} (\S+) (\S+)", text):
        assert re.search(rf"^(?: *|:)name: {name}$", SOURCES[page], re.M), name
    for page, label in re.findall(r"\{book-equation\} (\S+) (\S+)", text):
        assert f"\n:label: {label}\n" in SOURCES[page], label
    for page, phrase in re.findall(r"\{book-cell\} (\S+) (.+)", text):
        assert phrase in SOURCES[page], phrase
    for page, phrase in re.findall(r"\{book-question\} (\S+) (.+)", text):
        asked = re.findall(r"^:::\{dropdown\} (.+)$", SOURCES[page], re.M)
        assert sum(phrase in question for question in asked) == 1, phrase
    labels = {label for c in FOUND.values() for _, _, label in c.exercises}
    assert set(re.findall(r"\{exercise\}`([\w-]+)`", text)) <= labels
    for page, name in re.findall(r"\{said\}`(\S+) (\S+) ", text):
        assert re.search(rf"\b{name}=", SOURCES[page]), name
    assert not re.search(r"https?://|\d\.\d+%|`{3}\{code-cell|!\[", text)  # nothing is copied


def test_the_front_page_leads_to_the_page_for_teachers():
    text = FRONT.read_text(encoding="utf-8")
    assert "\nteachers\n```" in text and "{doc}`teachers`" in text


# --- The directives in a book of two chapters ------------------------------------------------

CONTENTS = "# Book\n\n```{toctree}\n:numbered:\n\none\ntwo\n```\n\n```{toctree}\nteachers\n```\n"
ONE = """\
(ch-one)=
# The first

After this chapter you can:

- count;
- and {ref}`go on <ch-two>`.

```{exercise-start} Add
:label: ex-one
```
By hand. Add one and one.
```{exercise-end}
```
"""
TWO = "(ch-two)=\n# The second\n\nYou need: {ref}`ch-one`.\n"
PLAN = """\
# Teachers

See {exercise}`ex-one`.

```{objectives} one
```

```{exercises} one
```

```{concept-map}
:name: fig-map
:caption: What needs *what*.
one 0 0 an / idea
two 0 1 the next
```
"""


# What sphinx-exercise calls is to go with Sphinx 11.
library_is_behind = pytest.mark.filterwarnings(
    "ignore::sphinx.deprecation.RemovedInSphinx11Warning"
)


def small_book(root, plan, builder="html"):
    """Build two chapters and a page for teachers; return that page, and what was warned of."""
    (root / "book").mkdir(parents=True)
    pages_of_it = {"index": CONTENTS, "one": ONE, "two": TWO, "teachers": plan}
    for name, text in pages_of_it.items():
        (root / f"book/{name}.md").write_text(text)
    warnings = io.StringIO()
    settings = {
        "extensions": ["myst_parser", "sphinx_exercise", "teaching"],
        "root_doc": "book/index",
        "numfig": True,
    }
    folders = (root, None, root / "out", root / "trees", builder)
    with docutils_namespace():
        app = Sphinx(*folders, settings, status=None, warning=warnings)
        app.build()
    found = [*(root / "out").glob("book/teachers.*"), *(root / "out").glob("*.tex")]
    return found[0].read_text(encoding="utf-8"), warnings.getvalue(), root / "out"


@library_is_behind
def test_a_page_takes_objectives_exercises_and_a_map_from_its_chapters(tmp_path):
    text, warned, out = small_book(tmp_path / "html", PLAN)
    assert warned == ""
    assert 'See <a class="reference internal" href="one.html#ex-one">1.1</a>.' in text
    assert "<p>count</p>" in text and ">go on</span></a></p>" in text
    assert "<em>Blackboard</em>: " in text and "(Add)." in text
    assert 'alt="1 an idea leads to 2 the next."' in text and "What needs <em>what</em>." in text
    assert (out / "_images/concept-map.svg").exists() and 'id="fig-map"' in text
    text, _, _ = small_book(tmp_path / "paper", PLAN, "latex")
    assert "See 1.1." in text


@library_is_behind
@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("{exercise}`ex-one`", "{exercise}`ex-two`", "there is no exercise ex-two"),
        ("{objectives} one", "{objectives} one three", "no chapter three"),
        ("two 0 1 the next\n", "", "the map: no place for two"),
        ("two 0 1", "two 0 0.5", "the map: one lies on two; two needs one, which must stand above"),
        ("the next", "the next of all ideas", "the words of two are wider than their box"),
    ],
)
def test_a_plan_that_names_what_is_not_there_stops_the_build(old, new, sentence, tmp_path):
    with pytest.raises(ExtensionError, match=sentence):
        small_book(tmp_path / "book", PLAN.replace(old, new, 1))
