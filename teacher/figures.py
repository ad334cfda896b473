"""All figures of the built book in one zip, for slides and handouts of others.

    python teacher/figures.py [BUILD]

reads the finished pages and writes _build/teacher/figures.zip: each figure as SVG and as PNG of
twice its size, and a page with their numbers, captions, descriptions and the licence. Of a figure
that moves it has a still. Drawings are turned into pixels by the tool that `make pdf` uses too; a
drawing that has not changed is not turned again.
"""

import hashlib
import html
import shutil
import subprocess
import sys
from multiprocessing.pool import ThreadPool

import archive
import yaml
from pages import ROOT, Book

TOOL, PACKAGE = "rsvg-convert", "librsvg2-bin"
PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: figures</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }}
section {{ margin-block: 3rem; }}
img {{ max-width: 100%; height: auto; background: white; }}
</style>
<h1>{title}: figures</h1>
<p>{licence}</p>
<p>Each figure is a drawing (folder svg) and a picture of twice its size (folder png). Formulas in
captions are written in TeX. The description says what a figure shows to whoever does not see it:
take it along as its alternative text.</p>
"""
ENTRY = """<section id="{name}">
<h2>{number} ({title})</h2>
<img src="png/{name}.png" alt="{alt}" width="{width}">
<p><b>Caption.</b> {caption}</p>
<p><b>Description.</b> {alt}</p>
<p><a href="svg/{name}.svg">svg/{name}.svg</a>, <a href="png/{name}.png">png/{name}.png</a></p>
</section>
"""


def licence():
    """Who made the figures, and on which condition they may be used."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    author, title = citation["authors"][0]["name"], citation["title"]
    return f"From {title}, by {author}, version {citation['version']}. Licence: CC BY 4.0."


def picture(figure, folder):
    """The figure as a PNG of twice its size."""
    svg = figure.svg.encode()
    kept = folder / f"{hashlib.sha256(svg).hexdigest()[:32]}.png"
    if not kept.exists():
        run = subprocess.run([TOOL, "--zoom=2"], input=svg, capture_output=True)
        if run.returncode:
            raise RuntimeError(f"{TOOL} cannot draw {figure.name}: {run.stderr.decode().strip()}")
        kept.write_bytes(run.stdout)
    return kept.read_bytes()


def order(figure):
    """By chapter and number; last those of pages that have no number of a chapter."""
    number = figure.number.removeprefix("Fig. ")
    return "." not in number, [int(part) for part in number.split(".")]


def build(built, folder):
    """Write figures.zip into a folder; return the figures in it."""
    if not shutil.which(TOOL):
        sys.exit(f"The figures need {TOOL}. On Debian: apt-get install {PACKAGE}")
    book = Book(built)
    figures = [figure for page in book.pages for figure in book.figures(page).values()]
    figures.sort(key=order)
    pictures = folder / ".pictures"  # kept, for the next time
    pictures.mkdir(parents=True, exist_ok=True)
    with ThreadPool() as pool:
        drawn = pool.map(lambda figure: picture(figure, pictures), figures)
    page = PAGE.format(title="Through Time", licence=html.escape(licence()))
    files = {}
    for figure, png in zip(figures, drawn, strict=True):
        files[f"svg/{figure.name}.svg"] = figure.svg.encode()
        files[f"png/{figure.name}.png"] = png
        words = {k: html.escape(v) for k, v in figure._asdict().items() if isinstance(v, str)}
        width = int.from_bytes(png[16:20], "big") // 2
        page += ENTRY.format(**words, title=html.escape(book.title(figure.page)), width=width)
    files["index.html"] = page.encode()
    archive.write(folder / "figures.zip", files)
    return figures


if __name__ == "__main__":
    target = ROOT / "_build" / "teacher"
    found = build(*sys.argv[1:2] or [ROOT / "_build" / "html"], folder=target)
    print(f"{target / 'figures.zip'}: {len(found)} figures")
