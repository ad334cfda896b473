"""The built book in a real browser: `make browser`.

The pages are served on loopback and opened in Chromium, which Playwright drives. The name of this
file keeps it out of `make pytest`, which needs neither a browser nor a built book. Tests that read
a clock are marked `alone` and run after the others, which share the cores.
"""

import base64
import gzip
import json
import os
import re
import tomllib
from pathlib import Path
from urllib.parse import quote, urldefrag, urljoin

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from boxes import BOXES, kernel
from chrome import WCAG, formulas_drawn, launched, served, watched
from playwright.sync_api import expect

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build" / "strict"  # what `make strict` built, as it would be published
BUDGET = tomllib.loads((ROOT / "tests/browser.toml").read_text(encoding="utf-8"))
PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.glob("book/**/*.html"))
PAGES += ["genindex.html", "search.html"]
TEXT = [name for name in PAGES if name.startswith("book/") and "/api/" not in name]
CHAPTERS = [f"book/{name}.html" for name in ("memory", "bptt", "jacobians", "lstm", "gru")]
NOTEBOOKS = [name for name in TEXT if (HTML / "_sources" / name).with_suffix(".ipynb").exists()]
FOLDED = [name for name in TEXT if '<details class="solution' in (HTML / name).read_text("utf-8")]

# Rules of axe that a page may break, each with the upstream reason.
WAIVED = {}


@pytest.fixture(scope="session")
def site():
    """The address at which the built book is served, on this machine only, and what was asked."""
    with served(HTML) as address:
        yield address


@pytest.fixture(scope="session")
def chromium():
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def visits(chromium, site):
    """A function that opens a page, waits for its formulas and notes what goes wrong."""
    contexts = []

    def close():
        while contexts:
            contexts.pop().close()

    def visit(name, slow=1, watch="", formulas=True, **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site)

        def expected(url):
            """Whether it should come: without formulas, their script is kept away."""
            return formulas or "tex-svg-full.js" not in url

        page = watched(context.new_page(), site, expected)
        if not formulas:
            page.route("**/tex-svg-full.js*", lambda route: route.abort())
        page.add_init_script(watch)
        session = context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": slow})
        if slow > 1:  # until all text is there and painted; formulas, which come later, do not come
            held = []
            page.route("**/tex-svg-full.js*", lambda script: held.append(script))
            page.goto(site + name, wait_until="commit")
            page.wait_for_function("window.seen.lcp > 0 && document.readyState !== 'loading'")
            session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
            for script in held:
                script.abort()
            page.wait_for_load_state()
        else:
            page.goto(site + name, wait_until="load")
            formulas_drawn(page)
        return page

    visit.close = close
    yield visit
    close()


@pytest.fixture
def visit(visits):
    """For tests that do things to a page: it is closed after them."""
    yield visits
    visits.close()


def together(name):
    """A page whose tests one worker runs one after the other, so that it is opened once."""
    return pytest.param(name, marks=pytest.mark.xdist_group(name))


@pytest.fixture(scope="session")
def looks():
    """The looks of text whose contrast this worker has measured, by scheme."""
    return {"light": set(), "dark": set()}


@pytest.fixture(scope="session", params=map(together, PAGES))
def page(request, visits):
    """Every page, opened once for all tests that only look at it."""
    page = visits(request.param, watch=SHIFTS, viewport={"width": 1400, "height": 900})
    page.name = request.param
    page.evaluate(SCROLL)
    page.shift = page.evaluate("window.seen.cls")
    yield page
    visits.close()


schemes = pytest.mark.parametrize("scheme", ["light", "dark"])


# --- Every page ------------------------------------------------------------------------------

SHIFTS = """
window.seen = {cls: 0, lcp: 0};
new PerformanceObserver((list) => list.getEntries().forEach((e) => {
  if (!e.hadRecentInput) window.seen.cls += e.value;
})).observe({type: 'layout-shift', buffered: true});
new PerformanceObserver((list) => list.getEntries().forEach((e) => {
  window.seen.lcp = e.startTime;
})).observe({type: 'largest-contentful-paint', buffered: true});
"""
SCROLL = """async () => {
  for (let y = 0; y < document.body.scrollHeight; y += 700) {
    window.scrollTo(0, y);
    await new Promise(requestAnimationFrame);
  }
}"""

# The colour of each formula, and what lies behind it, down to the first opaque ground.
FORMULAS = """() => [...document.querySelectorAll('.bd-article .math')].map((math) => {
  const svg = math.querySelector('mjx-container svg');
  const grounds = [];
  for (let e = math; e; e = e.parentElement) grounds.push(getComputedStyle(e).backgroundColor);
  return {
    drawn: !!svg && !svg.querySelector('[data-mml-node=merror]'),
    spoken: !!math.querySelector('mjx-assistive-mml math'),
    source: math.textContent.slice(0, 60), grounds,
    indices: [...math.querySelectorAll(':is([data-mml-node=msub], [data-mml-node=msup]) > g')].map(
      (index) => +(index.getAttribute('transform')?.match(/scale\\((.*?)\\)/)?.[1] ?? 0)),
    colour: svg && getComputedStyle(svg).color,
  };
})"""


# Formulas have their own test, and words of code of one kind in one kind of box look alike: without
# them axe is many times as fast.
TAKE_OUT = """() => {
  const seen = new Set();
  document.querySelectorAll('.highlight pre span[class]').forEach((word) => {
    const kind = word.className + ' in ' + word.closest('[class*=highlight-]')?.className;
    if (seen.has(kind)) word.replaceWith(...word.childNodes);
    seen.add(kind);
  });
  window.formulas = [...document.querySelectorAll('mjx-container')].map(
    (f) => [f, f.parentNode, f.nextSibling]);
  window.formulas.forEach(([f]) => f.remove());
}"""
# Contrast, the slow rule, is measured on three texts of each look: letters of one colour and size
# on the same grounds, as far out as the page. The others are hidden for as long, and so is a look
# that is known: a worker has measured it on an earlier page. What is new is returned.
ALIKE = """(known) => {
  const looks = new Map(), numbers = new Map(), counts = new Map(), alike = new Map();
  const passed = new Set(known), found = [];
  const all = [...document.querySelectorAll('body *')];
  all.forEach((e) => {
    const s = getComputedStyle(e);
    const place = s.position === 'static' ? '' : `${s.position} ${e.className}`;
    const look = [looks.get(e.parentElement), place, s.color, s.fontSize, s.fontWeight, s.opacity,
      s.textShadow, s.backgroundColor, s.backgroundImage, s.visibility].join(' ');
    if (!numbers.has(look)) {  // a number that is the same on every page
      let number = 0n;
      for (const c of look) {
        number = BigInt.asUintN(64, number * 1099511628211n + BigInt(c.charCodeAt(0)));
      }
      numbers.set(look, String(number));
    }
    looks.set(e, numbers.get(look));
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const count = counts.get(looks.get(e)) ?? 0;
    if (text) counts.set(looks.get(e), count + 1);
    alike.set(e, !text || count >= 3 || passed.has(looks.get(e)));
    if (!alike.get(e) && !count) found.push(looks.get(e));
  });
  all.reverse().forEach((e) => {
    if ([...e.children].some((child) => !alike.get(child))) alike.set(e, false);
    e.toggleAttribute('data-alike', alike.get(e));
  });
  const style = document.createElement('style');
  style.id = 'alike';
  style.textContent = '[data-alike] { display: none !important; }';
  document.head.append(style);
  return found;
}"""

# Levels of the headings, and everything that a reader who does not see the page would miss.
OUTLINE = """() => ({
  language: document.documentElement.lang,
  title: document.title,
  skip: document.querySelector('a[href="#main-content"]')?.textContent.trim(),
  levels: [...document.querySelectorAll('main :is(h1,h2,h3,h4,h5,h6):not(.onlyprint *)')].map(
    (h) => +h.tagName[1]),
  unnamed: [...document.querySelectorAll('main img')].filter(
    (i) => !i.alt.trim() || /\\.(svg|png)$/.test(i.alt)).map((i) => i.src),
  headless: [...document.querySelectorAll('main table:not(.genindextable)')].filter(
    (t) => !t.querySelector('th')).map((t) => t.textContent.slice(0, 80)),
})"""


def luminance(rgb):
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(colour, grounds):
    """The contrast of WCAG between a CSS colour and a stack of grounds, the nearest first."""
    parsed = [[float(v) for v in re.findall(r"[\d.]+", c)] for c in (colour, *grounds)]
    behind = [1.0, 1.0, 1.0]
    for red, green, blue, *alpha in reversed(parsed[1:]):
        a = alpha[0] if alpha else 1.0
        behind = [a * v / 255 + (1 - a) * b for v, b in zip((red, green, blue), behind)]
    light, dark = sorted((luminance([v / 255 for v in parsed[0][:3]]), luminance(behind)))[::-1]
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_guidelines():
    assert contrast("rgb(0, 0, 0)", ["rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"]) == 21
    assert contrast("rgb(119, 119, 119)", ["rgb(255, 255, 255)"]) == pytest.approx(4.48, abs=0.01)
    assert contrast("rgb(10, 10, 10)", ["rgba(0, 0, 0, 0.5)", "rgb(0, 0, 0)"]) < 1.1


def test_page_stands_still_on_a_desk(page):
    assert page.shift <= BUDGET["cls"]


def test_page_has_an_outline(page):
    outline = page.evaluate(OUTLINE)
    assert outline["language"] == "en" and outline["skip"] == "Skip to main content"
    assert len(outline["title"]) > 5
    levels = outline["levels"]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:])), levels
    assert not outline["unnamed"] and not outline["headless"]


def switch(page, scheme):
    """Let the reader's system be light or dark; the page follows."""
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")


@schemes
def test_page_is_whole_and_legible(page, scheme):
    switch(page, scheme)
    assert not page.faults
    formulas = page.evaluate(FORMULAS)
    source = (HTML / page.name).read_text(encoding="utf-8")
    assert len(formulas) == len(re.findall(r'<(?:span|div) class="math', source))
    assert len(formulas) > 20 or page.name not in CHAPTERS
    for math in formulas:
        assert math["drawn"] and math["spoken"], math["source"]
        assert contrast(math["colour"], math["grounds"]) >= 4.5, math
        assert all(scale < 0.9 for scale in math["indices"]), math  # smaller than their base
    # The theme lays a light card under figures, which are drawn in dark ink.
    for ground in page.eval_on_selector_all(
        ".bd-article .cell_output img, .bd-article .explorable svg",
        "figures => figures.map((f) => getComputedStyle(f).backgroundColor)",
    ):
        lit = contrast("rgb(0, 0, 0)", [ground, "rgb(18, 18, 18)"])
        assert scheme == "light" or lit > 15
    broken = page.eval_on_selector_all(
        "img", "all => all.filter((i) => i.complete && !i.naturalWidth).map((i) => i.src)"
    )
    assert not broken


CONTRAST = {"type": "rule", "values": ["color-contrast"]}


def axe(page, only, **options):
    """What axe finds on a page by some of its rules."""
    options |= {"runOnly": only, "preload": False, "resultTypes": ["violations"]}
    return Axe().run(page, options=options).response


def test_a_faint_text_among_its_like_is_seen(visit):
    page = visit(CHAPTERS[0], formulas=False)
    page.locator(".bd-article p").last.evaluate("text => (text.style.color = '#bbb')")
    page.evaluate(ALIKE)
    hidden = "document.querySelectorAll('.bd-article [data-alike]').length"
    (rule,) = axe(page, CONTRAST)["violations"]
    colours = {check["data"]["fgColor"] for node in rule["nodes"] for check in node["any"]}
    assert page.evaluate(hidden) > 500 and colours == {"#bbbbbb"}
    page.evaluate("document.getElementById('alike').remove()")
    known = page.evaluate(ALIKE)
    assert known and not page.evaluate(ALIKE, known)  # the same numbers, so nothing to measure
    page.evaluate("document.querySelector('.bd-article p').style.color = '#bbc'")
    assert page.evaluate(ALIKE, known)


@schemes
def test_page_keeps_the_accessibility_guidelines(page, looks, scheme):
    switch(page, scheme)
    page.eval_on_selector_all("details", "all => all.forEach((d) => (d.open = true))")
    # What unfolds fades in; half seen, it has half its contrast.
    page.evaluate("document.getAnimations().forEach((fade) => fade.finish())")
    page.evaluate(TAKE_OUT)
    results = []
    if scheme == "light":  # what differs in the dark is contrast
        results.append(axe(page, WCAG, rules={"color-contrast": {"enabled": False}}))
    if new := page.evaluate(ALIKE, [*looks[scheme]]):
        results.append(axe(page, CONTRAST))
        assert len(results[-1]["passes"]) == 1
    page.evaluate("document.getElementById('alike').remove()")
    page.evaluate("window.formulas.reverse().forEach(([f, p, next]) => p.insertBefore(f, next))")
    found = {
        f"{rule['id']}: {node['target'][0]} {node['failureSummary']}"
        for result in results
        for rule in result["violations"]
        for node in rule["nodes"]
        if rule["id"] not in WAIVED
    }
    assert not found
    looks[scheme].update(new)
    assert scheme == "dark" or len(results[0]["passes"]) > 10


def kilobytes(path):
    """The weight of a file as a server sends it."""
    data = path.read_bytes()
    packed = path.suffix in {".html", ".svg", ".js", ".mjs", ".json", ".py", ".wasm"}
    return len(gzip.compress(data) if packed else data) / 1000


@pytest.fixture(scope="session")
def table():
    """What every page weighs and how long it takes, printed and kept when all are measured."""
    rows = {name: {} for name in PAGES}
    yield rows
    heads = ["html_kb", "figures_kb", "lcp_ms"]
    lines = [",".join(["page", *heads])]
    for name, row in rows.items():
        lines.append(",".join([name, *(f"{row.get(head, float('nan')):.4g}" for head in heads)]))
    (ROOT / "_build/browser.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n" + "\n".join(lines))


@pytest.mark.alone
@pytest.mark.parametrize("name", PAGES)
def test_page_is_light_and_fast(visit, table, name):
    html = (HTML / name).read_text(encoding="utf-8")
    figures = {urljoin(name, src) for src in re.findall(r'src="([^"]*_images/[^"]+)"', html)}
    weights = [kilobytes(HTML / name), sum(kilobytes(HTML / figure) for figure in figures)]
    painted = []  # a neighbour on the machine can only slow it down: the best of three counts
    while not painted or (min(painted) > BUDGET["lcp_ms"] and len(painted) < 3):
        page = visit(name, slow=4, watch=SHIFTS, viewport={"width": 400, "height": 850})
        painted.append(page.evaluate("window.seen.lcp"))
    table[name] |= dict(html_kb=weights[0], figures_kb=weights[1], lcp_ms=min(painted))
    assert weights[0] <= BUDGET["html_kb"] and weights[1] <= BUDGET["figures_kb"]
    assert 0 < min(painted) <= BUDGET["lcp_ms"]


# The element that has the focus, and whether the page draws something around it.
FOCUS = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const style = getComputedStyle(e);
  return {
    what: e.outerHTML.slice(0, 200),
    ringed: e.matches(':focus-visible') && style.outlineStyle === 'solid' &&
      parseFloat(style.outlineWidth) >= 2,
  };
}"""

# --- What is wide ----------------------------------------------------------------------------

# Pre-formatted text of cells, all folds open, and formulas: what scrolls, and how it is set.
WIDTHS = """() => {
  document.querySelectorAll('.bd-article details').forEach((d) => (d.open = true));
  const all = (s) => [...document.querySelectorAll('.bd-article ' + s)];
  const wide = (e) => e.scrollWidth > e.clientWidth + 1;
  const cut = (e) => {
    const [left, right] = ['left', 'right'].map((side) => e.getBoundingClientRect()[side]);
    for (let a = e.parentElement; a && !a.matches('.bd-article'); a = a.parentElement) {
      const box = a.getBoundingClientRect();
      const hides = getComputedStyle(a).overflowX !== 'visible';
      if (hides && (left < box.left - 1 || right > box.right + 1)) return true;
    }
    return left < 0 || right > innerWidth;
  };
  const formulas = all('div.math').filter((m) => m.querySelector('svg'));
  return {
    page: document.documentElement.scrollWidth,
    code: all('.highlight pre').filter(wide).map((e) => e.innerText.slice(0, 80)),
    outputs: all('.cell_output pre').filter(wide).map((e) => e.innerText.slice(0, 80)),
    cut: all(':is(.cell_output pre, div.math)').filter(cut).map((e) => e.innerText.slice(0, 80)),
    wrapped: all('.cell_output pre').filter((e) => {
      const style = getComputedStyle(e);
      const inner = e.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
      const lines = e.textContent.trimEnd().split('\\n').length;
      return inner > (lines + 0.5) * parseFloat(style.lineHeight);
    }).map((e) => e.textContent),
    letters: all('.cell_output pre').map((e) => parseFloat(getComputedStyle(e).fontSize)),
    printed: all('.cell_output pre').map((e) => e.textContent),
    formulas: formulas.length,
    scrolls: formulas.filter((m) => wide(m) || wide(m.querySelector('mjx-container'))).map(
      (m) => m.id || m.querySelector('mjx-assistive-mml').textContent.slice(0, 60)),
  };
}"""
ROW = re.compile(r"\S {2,}\S.* {2,}\S")  # of a table: words with two gaps
ON_A_PHONE = 63  # columns of the smallest letters that are still legible


def torn(text):
    """The rows of a printed table that a phone would break; a lone long line is no table."""
    lines = text.splitlines()
    rows = [len(line) > ON_A_PHONE and bool(ROW.search(line)) for line in lines]
    return [line for line, *two in zip(lines, rows, rows[1:]) if all(two)]


def test_a_table_that_a_phone_would_tear_is_seen():
    row = f"gain{'1.00':>30}{'2.00':>40}\n"
    assert torn(row * 2) and not torn(row + "A sentence.\n") and not torn(f"{'a word ' * 20}\n" * 2)
    assert not torn(f"gain{'1.00':>20}{'2.00':>20}\n" * 2)


# How wide a figure was drawn: with letters of 14 px, of which 8 are left on a phone if it is 650.
DRAWN = "images => images.map((image) => image.naturalWidth)"
BREADTHS = "figures => figures.map((figure) => figure.getBoundingClientRect().width)"


def said_of(name):
    """Where the visit of a page notes its formulas, for the test of all pages together."""
    return ROOT / "_build/wide" / f"{Path(name).with_suffix('')}.json".replace("/", "-")


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_phone_and_a_desk(visit, name):
    page = visit(name, watch=SHIFTS, viewport={"width": 390, "height": 850})
    page.evaluate(SCROLL)
    assert page.evaluate("window.seen.cls") <= BUDGET["cls"]
    phone = page.evaluate(WIDTHS)
    figures = page.eval_on_selector_all(".bd-article figure:has(img)", BREADTHS)
    assert all(breadth >= 380 for breadth in figures if breadth)  # that of a folded one is 0
    assert all(width <= 650 for width in page.eval_on_selector_all(".bd-article figure img", DRAWN))
    said_of(name).parent.mkdir(exist_ok=True)
    said_of(name).write_text(json.dumps({key: phone[key] for key in ("formulas", "scrolls")}))
    for width in (360, 768, 1400):
        page.set_viewport_size({"width": width, "height": 850})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} px wide on a screen of {width}"
    if name in NOTEBOOKS:
        assert not phone["outputs"] and not phone["cut"]
        assert min(phone["letters"], default=10) >= 10
        assert all(max(map(len, t.splitlines())) > ON_A_PHONE for t in phone["wrapped"])
        page.set_viewport_size({"width": 1200, "height": 850})
        desk = page.evaluate(WIDTHS)
        assert not desk["code"] and not desk["outputs"] and not desk["scrolls"] and not desk["cut"]
        lines = [line for text in desk["printed"] for line in text.splitlines()]
        assert not [line for line in lines if len(line) > 76]
        assert not [row for text in desk["printed"] for row in torn(text)]


@pytest.mark.alone
def test_few_equations_scroll_on_a_phone():
    formulas, scrolls = 0, []
    for name in TEXT:
        assert said_of(name).stat().st_mtime > (HTML / name).stat().st_mtime, name
        found = json.loads(said_of(name).read_text())
        formulas, scrolls = formulas + found["formulas"], scrolls + found["scrolls"]
    assert formulas > 90 and len(scrolls) <= formulas / 10, scrolls


PROSE = """() => {
  const page = document.querySelector('.bd-article').cloneNode(true);
  page.querySelectorAll('pre, code, .math, script, style, svg').forEach((e) => e.remove());
  return page.textContent;
}"""
PYTHONIC = re.compile(r"\d(?:\.\d+)?e[+-]?\d+|(?<![^\s(\[])-\d[\d.]*")


def test_a_number_of_python_is_seen():
    text = "It is 7e-09, 0e+00 or (-0.12), not −0.12, 2-3, chapters 4-5 or lstm-2."
    assert PYTHONIC.findall(text) == ["7e-09", "0e+00", "-0.12"]


def test_numbers_in_prose_look_as_they_do_on_paper(page):
    prose = page.evaluate(PROSE) if page.name in TEXT else ""
    assert len(prose) > 200 or page.name not in TEXT
    assert not PYTHONIC.findall(prose)


# --- What a reader does ----------------------------------------------------------------------


def test_search_finds_a_term_and_lands_on_it(visit):
    page = visit("search.html?q=checkpointing")
    page.wait_for_selector("#search-results li a")
    page.click("#search-results li a")
    page.wait_for_load_state()
    assert "/book/" in page.url
    assert page.locator("span.highlighted").first.text_content().lower() == "checkpointing"
    page = visit("book/index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("carousel")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    assert not page.faults


def test_next_and_previous_walk_through_the_book(visit, site):
    page, walked = visit("book/index.html", formulas=False), []
    while True:
        walked.append(page.url.removeprefix(site))
        following = page.locator("a.right-next")
        if not following.count():
            break
        following.click()
        page.wait_for_load_state()
        assert urljoin(page.url, page.get_attribute("a.left-prev", "href")) == site + walked[-1]
    assert sorted(walked) == sorted(set(PAGES) - {"search.html", "genindex.html"})


def test_notebook_can_be_downloaded(page):
    if page.name not in NOTEBOOKS:
        assert not page.locator("a[href$='.ipynb']").count()
        return
    page.click(".dropdown-download-buttons button[data-bs-toggle=dropdown]")
    with page.expect_download() as download:
        page.click(".dropdown-download-buttons a[href$='.ipynb']")
    notebook = nbformat.read(download.value.path(), as_version=4)
    nbformat.validate(notebook)
    assert any(cell.cell_type == "code" and cell.outputs for cell in notebook.cells)


def test_copy_button_copies(visit):
    page = visit("book/memory.html")
    cell = page.locator("div.highlight:visible", has=page.locator("button.copybtn")).first
    cell.hover()
    cell.locator("button.copybtn").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert len(copied) > 20 and copied.split() == cell.locator("pre").inner_text().split()


FIRST_WORDS = """(p) => [...p.childNodes]
  .find((n) => n.nodeType === 3 && n.data.trim().split(' ').length > 4)
  ?.data.trim().split(/\\s+/).slice(0, 5).join(' ')"""


@pytest.mark.parametrize("name", FOLDED)
def test_solutions_open_by_keyboard_and_by_searching_the_page(visit, site, name):
    page = visit(name, formulas=False)
    for solution in page.locator("details.solution").all():
        assert solution.get_attribute("open") is None
        solution.locator("> summary").focus()
        page.keyboard.press("Enter")
        assert solution.get_attribute("open") is not None
    # A browser goes to a text fragment as it goes to a hit of its own search: it unfolds.
    words = page.locator("details.solution p").last.evaluate(FIRST_WORDS)
    exercise = page.locator("details.solution section").first.get_attribute("id")
    for fragment in ([f":~:text={quote(words, safe='')}"] if words else []) + [exercise]:
        page.goto("about:blank")
        page.goto(f"{site}{name}#{fragment}")
        page.wait_for_selector("details.solution[open]")


def test_focus_is_seen_wherever_the_keyboard_goes(visit):
    page, seen = visit("book/memory.html", viewport={"width": 1400, "height": 900}), 0
    while True:
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus is None:
            break
        seen += 1
        assert focus["ringed"], focus["what"]
    assert seen > 60


def test_the_figure_of_the_front_page_moves_by_keyboard_and_its_table_fits_a_phone(visit):
    page = visit("book/index.html", viewport={"width": 390, "height": 850})
    says, slider = page.locator(".explorable-says"), page.locator(".explorable input")
    slider.focus()
    seen = [says.inner_text()]
    for _ in range(int(slider.get_attribute("max")) - int(slider.input_value())):
        page.keyboard.press("ArrowRight")
        seen.append(says.inner_text())
    assert len(set(seen)) == len(seen) >= 8 and seen[-1] == slider.get_attribute("aria-valuetext")
    assert "1/" in seen[0] and "times the gradient" in seen[-1]
    tables = "tables => tables.map((t) => [t, t.parentElement].map((e) => e.scrollWidth))"
    widths = page.eval_on_selector_all(".bd-article table", tables)
    assert widths and all(table <= room <= 390 for table, room in widths)


def test_the_front_page_says_it_without_scripts(visit):
    page = visit("book/index.html", formulas=False, java_script_enabled=False)
    assert page.locator("#fig-front .explorable svg").is_visible()
    assert '"clouds" gets 1/' in page.locator(".explorable-says").inner_text()
    assert not page.locator(".explorable input").is_visible()


def test_theme_can_be_switched(visit):
    page = visit("book/memory.html", color_scheme="light")
    seen = []
    for mode in ("dark", "light"):
        page.click("button.theme-switch-button:visible")
        page.click(f"button.theme-change-button[data-mode={mode}]:visible")
        seen.append(page.evaluate("document.documentElement.dataset.theme"))
    assert seen == ["dark", "light"]


def test_the_book_is_built():
    """Without this, a test of every page of nothing would pass."""
    assert len(PAGES) > 30 and len(NOTEBOOKS) >= 15 and len(FOLDED) >= 14


# --- Boxes to try ----------------------------------------------------------------------------

DRAWS = re.compile(r'<section class="try-it"(?:(?!</section>).)*<figure', re.DOTALL)
LIVE = HTML / "_static/live/live.json"
BOXED = [name for name in TEXT if '<section class="try-it"' in (HTML / name).read_text("utf-8")]
# A page whose box prints and draws.
TRIED = next((name for name in BOXED if DRAWS.search((HTML / name).read_text("utf-8"))), None)


def draws_first(name):
    """Whether the first box of a page draws."""
    first = (HTML / name).read_text("utf-8").partition('<section class="try-it"')[2]
    return "<figure" in first.partition("</section>")[0]


needs_runtime = pytest.mark.skipif(
    not LIVE.exists(), reason="no Python for pages: make live-runtime fetches it"
)


def runs(path):
    """Whether a file belongs to the Python for pages."""
    return path.startswith("_static/live/") or path.endswith(".whl")


BOXES_OF = """() => [...document.querySelectorAll('section.try-it')].map((section) => ({
  code: section.querySelector('.cell_input pre').innerText,
  check: section.querySelector('template.try-it-check')?.content.textContent,
}))"""
START = """async () => {
  const { live } = document.querySelector('script[data-live]').dataset;
  const base = new URL(live, document.baseURI);
  const { folder } = await (await fetch(new URL('live.json', base))).json();
  const worker = new Worker(new URL(`${folder}/worker.js`, base), { type: 'module' });
  window.run = (message) => new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message));
    let printed = '';
    worker.onmessage = ({ data }) => {
      if (data.kind === 'prints') printed += data.text;
      if (data.kind === 'fails') reject(new Error(data.text));
      if (data.kind === 'ends') resolve({ printed, ...data });
    };
    worker.postMessage({ id: 0, strict: true, fresh: true, dump: true, ...message });
  });
}"""


@pytest.fixture(scope="session")
def python(chromium, site):
    """The Python of a page, started once for the boxes of all pages; each box has it to itself."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(site + TRIED)
    page.evaluate(START)
    yield lambda box: page.evaluate("box => window.run(box)", box)
    context.close()


def apart(ours, theirs):
    """How far two arrays are apart, relative to the larger of them; rounding alone is nothing."""
    finite = np.isfinite(ours)
    if not np.array_equal(finite, np.isfinite(theirs)):
        return np.inf
    differ = np.linalg.norm(ours[finite] - theirs[finite])
    return 0.0 if differ < 1e-13 else differ / np.linalg.norm(ours[finite])


def test_runs_that_differ_are_seen():
    one = np.array([1.0, np.inf, 1e-12])
    assert apart(one, one) == 0 and apart(one, one + np.array([2e-9, 0, 0])) > 1e-9
    assert apart(one, np.array([1.0, 2.0, 1e-12])) == np.inf
    assert apart(np.array([1e-16]), np.array([-3e-16])) == 0


def test_the_boxes_are_run_where_they_must_be():
    """A machine that tests every change has the Python for pages."""
    assert BOXED and {Path(name).stem for name in BOXED} == {box.page for box in BOXES}
    assert LIVE.exists() or not os.environ.get("CI")


@needs_runtime
@pytest.mark.parametrize("name", [*map(together, BOXED)])
def test_every_box_does_in_a_page_what_it_does_at_build(visit, python, name):
    page = visit(name, formulas=False)
    asked = page.evaluate(BOXES_OF)
    boxes = [box for box in BOXES if box.page == Path(name).stem]
    assert [one["code"].split() for one in asked] == [box.code.split() for box in boxes]
    for box, one in zip(boxes, asked):
        # A neighbour on the machine can only slow a box down: the best of six counts.
        for _ in range(6):
            ended = python(one)
            if ended["seconds"] <= BUDGET["box_s"]:
                break
        assert ended["error"] is None, f"box {box.number}: {ended['error']['text']}"
        variables, here = {}, []
        with plt.rc_context():
            drawn = kernel.run(box.code, variables, here.append, strict=True)["figures"]
        assert len(drawn) == len(ended["figures"])
        assert bool(here) is bool(ended["printed"])
        ours = kernel.numbers(variables)
        assert {*ours} == {*ended["numbers"]}
        for path, (kind, data) in ended["numbers"].items():
            theirs = np.frombuffer(base64.b64decode(data), kind).reshape(ours[path].shape)
            limit = 1e-9 if theirs.dtype.itemsize >= 8 else 1e-4  # of 32 bits half are lost
            assert apart(ours[path], theirs) <= limit, f"box {box.number}: {path}"
        assert ended["seconds"] <= BUDGET["box_s"], f"box {box.number}"
    assert not page.faults


class Tried:
    """The first box of a page that draws, as a reader meets it."""

    def __init__(self, page):
        self.page = page
        self.box = page.locator("section.try-it", has=page.locator("figure")).first
        self.editor = self.box.get_by_role("textbox")
        self.output = self.box.get_by_role("log")
        self.status = self.box.get_by_role("status")

    def button(self, name):
        return self.box.get_by_role("button", name=name, exact=True)

    def ends(self, words="Done in", seconds=60):
        """Wait until the box says so."""
        expect(self.status).to_contain_text(words, timeout=1000 * seconds)


@pytest.fixture
def tried(visit, site):
    site.asked.clear()
    return Tried(visit(TRIED, formulas=False, viewport={"width": 1200, "height": 900}))


@needs_runtime
def test_a_box_runs_by_button_and_by_keyboard_and_shows_what_is_new(tried, site):
    seen, page, built = [], tried.page, tried.box.locator(".cell_output:not([role])")
    words = built.locator("img").get_attribute("alt")
    caption = built.locator(".caption-text").inner_text()
    assert not any("/live" in path for path in site.asked)  # nothing before the first press
    tried.button("Run").click()
    tried.ends()
    assert any(path.endswith("pyodide.asm.wasm") for path in site.asked)
    assert len(page.workers) == 1 and not page.faults
    # The same code: the author's words. Another code: words of its own, and no old caption.
    expect(tried.output.locator("img")).to_have_attribute("alt", words)
    assert tried.output.locator(".caption-text").inner_text() == caption
    assert not built.is_visible() and tried.output.locator("pre").count() <= 1
    tried.editor.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nprint('typed by', 'hand', 6 / 2)\nax.set_xlabel('new words')")
    page.keyboard.press("Shift+Enter")
    expect(tried.output).to_contain_text("typed by hand 3.0", timeout=30_000)
    tried.ends()
    shown = tried.output.locator("img")
    assert "new words" in shown.get_attribute("alt") != words
    assert shown.evaluate("i => i.decode().then(() => i.naturalWidth)") > 100
    assert caption not in tried.output.inner_text()
    assert len(page.workers) == 1 and not page.faults
    # Tab goes on: to the button that copies, then to Run; and back.
    for key in ("Tab", "Tab", "Shift+Tab", "Shift+Tab"):
        page.keyboard.press(key)
        assert page.evaluate(FOCUS)["ringed"]
        seen.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert seen[1] == "Run" and seen[-1] == tried.editor.inner_text().strip()
    assert "\t" not in seen[-1]


@needs_runtime
def test_an_edit_is_kept_until_it_is_reset(tried):
    page, before = tried.page, tried.editor.inner_text()
    tried.editor.fill("print('kept')")
    expect(tried.button("Reset")).to_be_visible()
    page.reload()
    assert tried.editor.inner_text() == "print('kept')"
    assert "kept" in tried.status.inner_text()
    tried.button("Run").click()
    tried.ends()
    assert tried.output.inner_text().strip() == "kept"
    tried.button("Reset").click()
    assert tried.editor.inner_text() == before and not tried.button("Reset").is_visible()
    assert tried.editor.evaluate("e => e === document.activeElement")
    assert tried.box.locator(".cell_output:not([role])").is_visible()
    page.reload()
    assert tried.editor.inner_text() == before and not page.faults


@needs_runtime
def test_a_box_fails_in_the_readers_line_and_can_be_stopped(tried):
    tried.editor.fill("a = 1\n\nprint(a / 0)")
    tried.button("Run").click()
    tried.ends("It failed in line 3")
    assert "Line 3:\nprint(a / 0)\nZeroDivisionError" in tried.output.inner_text()
    tried.editor.fill("print('for ever')\nwhile True:\n    pass")
    assert not tried.button("Stop").is_visible()
    tried.button("Run").click()
    expect(tried.output).to_contain_text("for ever", timeout=30_000)
    tried.button("Stop").focus()
    tried.page.keyboard.press("Enter")
    assert "its variables are gone" in tried.status.inner_text()
    assert tried.button("Run").evaluate("e => e === document.activeElement")
    tried.editor.fill("n = 0\nwhile True:\n    n += 1\n    print(n)")
    tried.button("Run").click()
    expect(tried.output).to_contain_text("lines are not shown", timeout=30_000)
    tried.button("Stop").click()
    assert "Stopped" in tried.status.inner_text()
    assert 300 < len(tried.output.inner_text().splitlines()) < 1000
    tried.editor.fill("print('a' in globals())")
    tried.button("Run").click()
    tried.ends()
    assert "False" in tried.output.inner_text() and not tried.page.faults


@needs_runtime
@schemes
def test_a_box_that_was_run_is_accessible_and_fits_a_phone(visit, scheme):
    tried = Tried(visit(TRIED, viewport={"width": 400, "height": 850}, color_scheme=scheme))
    tried.editor.press("Control+End")
    tried.page.keyboard.type("\n1 / 0")
    tried.button("Run").click()
    tried.ends("It failed")
    found = Axe().run(tried.page, "section.try-it", options={"runOnly": WCAG}).response
    assert not found["violations"] and len(found["passes"]) > 8
    assert tried.page.evaluate(WIDTHS)["page"] <= 400
    tried.editor.press("Control+a")
    tried.page.keyboard.insert_text("x = '" + 300 * "-" + "'\nprint(x)")
    tried.button("Run").click()
    tried.ends()
    assert tried.page.evaluate("document.documentElement.scrollWidth") <= 400
    for button in ("Run", "Reset"):
        box = tried.button(button).bounding_box()
        assert box["height"] >= 24 and box["width"] >= 24


@needs_runtime
def test_a_page_from_a_folder_says_how_to_serve_it(chromium):
    page = chromium.new_page()
    page.goto((HTML / TRIED).as_uri())
    box = page.locator("section.try-it").first
    assert "make serve" in box.inner_text() and not box.get_by_role("button", name="Run").count()
    assert not page.locator("[contenteditable]").count()
    page.close()


@needs_runtime
def test_a_reader_without_scripts_loses_nothing(visit):
    page = visit(TRIED, formulas=False, java_script_enabled=False)
    box = page.locator("section.try-it", has=page.locator("figure")).first
    assert box.locator("figure img").is_visible() and not box.get_by_role("button").count()


# Presses Run and gives the milliseconds until the box, with its output, has been painted.
PRESS_RUN = """box => new Promise((done) => {
  const status = box.querySelector("[role=status]");
  const painted = () => setTimeout(() => done(performance.now() - start));
  const ended = () => !box.ariaBusy && requestAnimationFrame(painted);
  new MutationObserver(ended).observe(status, { childList: true, subtree: true });
  const start = performance.now();
  [...box.querySelectorAll("button")].find((one) => one.textContent === "Run").click();
})"""


@needs_runtime
@pytest.mark.alone
def test_a_first_result_comes_soon_and_on_a_second_page_sooner(chromium, site, tmp_path):
    """From the press to the end of the run, in a browser with a profile, as a reader's has one:
    with a figure when nothing is there, then on a next page, then with the figure again."""
    second = next((name for name in BOXED if name != TRIED and not draws_first(name)), TRIED)
    limits = {"first_s": TRIED, "second_s": second, "figure_s": TRIED}
    best = dict.fromkeys(limits, np.inf)
    for k in range(3):
        if all(best[key] <= BUDGET[key] for key in limits):
            break
        site.asked.clear()
        context = chromium.browser_type.launch_persistent_context(
            tmp_path / str(k), executable_path=os.environ["CHROMIUM"], args=["--no-sandbox"]
        )
        for key, name in limits.items():
            page = context.new_page()
            page.goto(site + name)
            boxes = page.locator("section.try-it")
            box = boxes.filter(has=page.locator("figure")).first if name == TRIED else boxes.first
            # By the clock of the page: who asks from outside hears of it up to a second later.
            best[key] = min(best[key], box.evaluate(PRESS_RUN) / 1000)
            expect(box.get_by_role("status")).to_contain_text("Done in")
            page.close()
        context.close()
    sent = {path.partition("?")[0].lstrip("/") for path in site.asked}
    megabytes = sum(kilobytes(HTML / path) for path in sent if runs(path)) / 1000
    print(f"\nfirst result {best['first_s']:.1f} s and {megabytes:.1f} MB,", end=" ")
    print(f"on a next page {best['second_s']:.1f} s, with a figure {best['figure_s']:.1f} s")
    assert 5 < megabytes <= BUDGET["first_mb"]
    assert all(best[key] <= BUDGET[key] for key in limits), best


# --- Found, cited, mended ---------------------------------------------------------------------

SITE, REPOSITORY = "https://example.org/through-time/", "https://github.com/example/through-time"


@pytest.mark.parametrize("name", TEXT)
def test_page_can_be_found_and_a_mistake_reported(name):
    text = (HTML / name).read_text(encoding="utf-8")
    meta = dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)"', text))
    assert f'<link rel="canonical" href="{SITE}{name}"' in text
    assert meta["og:url"] == SITE + name and meta["og:title"]
    assert len(meta["description"]) > 20 and meta["description"] == meta["og:description"]
    assert (HTML / meta["og:image"].removeprefix(SITE)).stat().st_size > 5000
    assert f"<loc>{SITE}{name}</loc>" in (HTML / "sitemap.xml").read_text(encoding="utf-8")
    source = f"book/{Path(name).stem}.md"
    assert (ROOT / source).exists() and f'href="{REPOSITORY}/blob/main/{source}' in text
    assert f'href="{REPOSITORY}/issues/new?title=' in text


def test_chapter_says_how_to_cite_it(page):
    assert page.locator("details.cite").count() == (page.name in NOTEBOOKS)
    if page.name not in NOTEBOOKS:
        return
    page.locator("details.cite").evaluate("cite => (cite.open = false)")
    page.locator("details.cite summary").focus()
    page.keyboard.press("Enter")
    entry = page.locator("details.cite pre").inner_text()
    words = "h => [...h.childNodes].find((n) => n.nodeType === 3).textContent"
    title = page.locator("h1:not(.onlyprint *)").evaluate(words)
    assert title.strip() in entry and f"url       = {{{SITE}{page.name}}}" in entry
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert f"{{Version {citation['version']}}}" in entry
    assert f"{{{citation['date-released'].year}}}" in entry


def test_unknown_address_leads_back_to_the_book(visit, site, chromium):
    """As a host serves it: at any depth, under the address of the book."""
    page = chromium.new_page()
    book = re.compile(re.escape(SITE) + ".*")

    def answer(route):
        path = HTML / route.request.url.removeprefix(SITE).partition("?")[0]
        known = path.is_file()
        route.fulfill(path=path if known else HTML / "404.html", status=200 if known else 404)

    page.route(book, answer)
    assert page.goto(f"{SITE}book/none/such.html").status == 404
    assert page.locator("h1:not(.onlyprint *)").text_content() == "No page lives at this address"
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily") != "Times"
    page.locator("article a").click()
    page.wait_for_load_state()
    assert page.url == f"{SITE}book/index.html"
    page.close()


def test_index_holds_the_glossary_and_where_its_words_are_used():
    text = (HTML / "genindex.html").read_text(encoding="utf-8")
    terms = set(re.findall(r'href="book/glossary.html#term-[^"]+"><strong>([^<]+)<', text))
    assert len(terms) > 50
    assert len(re.findall(r'href="book/(?!glossary)[a-z-]+\.html#', text)) > 40


def test_every_link_inside_the_book_has_a_target():
    ids, links = {}, []
    for name in PAGES:
        text = (HTML / name).read_text(encoding="utf-8")
        ids[name] = re.findall(r'\bid="([^"]+)"', text)
        links += [(name, href) for href in re.findall(r'<a\b[^>]*\bhref="([^"]+)"', text)]
    assert not {name for name in ids if len(ids[name]) != len(set(ids[name]))}
    for name, href in links:
        target, anchor = urldefrag(urljoin(name, href))
        if ":" not in href and target in ids and anchor:
            assert anchor in ids[target], f"{name} links to {href}"
        elif ":" not in href:
            assert (HTML / (target or "index.html")).exists(), f"{name} links to {href}"


def test_equations_figures_and_exercises_keep_their_addresses():
    """A name that the author gave, never one that counts."""
    counted = re.compile(r"(id|equation-?|exercise-?|solution-?|fig-?)\d+")
    for name in NOTEBOOKS:
        text = (HTML / name).read_text(encoding="utf-8")
        things = re.findall(r'<(?:figure|table|div|details) class="([^"]*)" id="([^"]+)"', text)
        kinds = {"math", "align-default", "align-center", "exercise", "solution"}
        named = [anchor for classes, anchor in things if kinds & set(classes.split())]
        assert len(named) >= 3 or name == "book/timings.html", name
        assert not [anchor for anchor in named if counted.fullmatch(anchor)], name
        for anchor in named:
            assert anchor.endswith("-solution") or f'href="#{anchor}"' in text, (name, anchor)
