"""Figures with a slider, drawn when the book is built."""

import functools
import html
import io
import json
import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt

__all__ = ["explorable"]


def explorable(name, figure, label, values, frame, start=0):
    """Hand a figure with a slider to the page, where ``{glue:figure}`` puts it.

    Every frame is drawn now. The page holds the first one as SVG and, of the others, only the parts
    that differ, so it needs no network and no plotting library. Without MyST-NB, as in a chapter
    that was downloaded, the figure is displayed at once, and its slider does not move.

    Parameters
    ----------
    name : str
        What the page calls it.
    figure : matplotlib.figure.Figure
        The figure whose artists `frame` moves.
    label : str
        What the slider changes.
    values : sequence
        One for each place of the slider.
    frame : function
        Takes a value, changes the figure's artists, and returns a sentence that says what is to be
        seen. The sentence stands below the figure, and a screen reader reads it.
    start : int
        The place at which the slider stands first; what a reader without scripts sees.

    Raises
    ------
    ValueError
        If there are fewer than two values, `start` is not one of their places, or a sentence is
        empty.

    Notes
    -----
    Used in :ref:`ch-transients`.

    Examples
    --------
    >>> figure, ax = plt.subplots()
    >>> (line,) = ax.plot([0, 1], [0, 1])
    >>> explorable("slope", figure, "slope", [1, 2], lambda value: "")
    Traceback (most recent call last):
    ...
    ValueError: frame must return a sentence, got ''
    """
    if len(values) < 2 or not 0 <= start < len(values):
        raise ValueError(f"start must be a place among 2 or more values, got {start} of {values}")
    frame(values[start])
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the axes must not move with their contents
    says, trees = [], []
    for value in values:
        says.append(frame(value))
        if not isinstance(says[-1], str) or not says[-1]:
            raise ValueError(f"frame must return a sentence, got {says[-1]!r}")
        trees.append(_svg(figure, name))
    frame(values[start])
    still = io.BytesIO()
    figure.savefig(still, format="png", dpi=200)
    plt.close(figure)

    moving = _moving(trees)
    parts = []
    for say, tree in zip(says, trees, strict=True):
        moved = {g.get("id"): _inner(g) for g in tree.iter() if g.get("id") in moving}
        parts.append({"says": say, "parts": moved})
    trees[start].set("aria-label", says[start])
    data = json.dumps(parts, separators=(",", ":")).replace("</", "<\\/")
    page = (
        f'<div class="explorable">{ET.tostring(trees[start], encoding="unicode")}'
        f'<p class="explorable-control" hidden><label for="{name}-slider">{html.escape(label)}'
        f'</label> <input id="{name}-slider" type="range" min="0" max="{len(values) - 1}" '
        f'value="{start}" autocomplete="off"></p>'
        f'<p class="explorable-says">{html.escape(says[start])}</p>'
        f'<script type="application/json">{data}</script></div>'
    )
    try:
        from myst_nb import glue
    except ModuleNotFoundError:  # in a notebook there is no other place for it
        from IPython.display import display

        display(_Explorable(page, still.getvalue()))
    else:
        glue(name, _Explorable(page, still.getvalue()), display=False)


class _Explorable:
    """What a page shows where it names it: HTML with a slider, or a still where there is none."""

    def __init__(self, page, still):
        self.page, self.still = page, still

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self.page, "image/png": self.still}


def _svg(figure, name):
    """The figure as a tree whose ids carry the name, so that no two on a page are the same."""
    for prefix, uri in (
        ("", "http://www.w3.org/2000/svg"),
        ("xlink", "http://www.w3.org/1999/xlink"),
    ):
        ET.register_namespace(prefix, uri)
    drawn = io.StringIO()
    with plt.rc_context({"svg.hashsalt": name}):  # without it each drawing has ids of its own
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", drawn.getvalue())
    short = functools.partial(re.sub, r"(\.\d\d)\d+", r"\1")  # a hundredth of a point is enough
    text = re.sub(r'\bd="[^"]*"', lambda path: short(path[0]), text)
    tree = ET.fromstring(text)
    tree.remove(next(child for child in tree if child.tag.endswith("metadata")))
    width = tree.attrib.pop("width")
    tree.attrib.pop("height")
    tree.attrib |= {"role": "img", "style": f"max-width: {width}"}
    return tree


def _moving(trees):
    """The ids of the smallest elements that hold all that differs between the trees."""
    found = set()

    def inside(nodes):
        """Is all that differs inside children with ids?"""
        columns = [*zip(*nodes, strict=False)]
        if len({(len(n), tuple(n.attrib.items()), n.text) for n in nodes}) > 1:
            return False
        for column in columns:
            if len({ET.tostring(child) for child in column}) == 1:
                continue
            here = len({child.get("id") for child in column}) == 1 and column[0].get("id")
            if not here or len({tuple(child.attrib.items()) for child in column}) > 1:
                return False
            before = set(found)
            if not inside(column):
                found.clear()
                found.update(before | {here})
        return True

    if not inside(trees):
        raise ValueError("frame must not change the size of the figure")
    return found


def _inner(node):
    """What stands between the tags of an element."""
    text = "".join(ET.tostring(child, encoding="unicode") for child in node)
    return re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
