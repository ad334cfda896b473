"""The strokes that all drawings of the book are made of: nodes, wires, forks, and a band.

A drawing is a graph. Its nodes stand at places on a sheet whose unit is half an inch, its wires
run from one node to another round corners, and a dot marks where wires of one node part. Names
are kept as the artists' labels, so that what was drawn can be read back.
"""

from typing import NamedTuple

import numpy as np
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path

from rnn_src.figures.style import COLORS

INK, PALE = "#404040", "#e8e8e8"
INCH = 0.5  # of one unit of a sheet


class Node(NamedTuple):
    """A place on the sheet, what is written there, and half of its width and height."""

    x: float
    y: float
    label: str
    kind: str
    half: tuple


def matrix(x, y, label, half=(0.62, 0.46)):
    """Multiplies by its matrices, and adds its bias: a grey box."""
    return Node(x, y, label, "matrix", half)


def function(x, y, label, half=(0.5, 0.33)):
    """A function of each number by itself: a rounded box."""
    return Node(x, y, label, "function", half)


def gate(x, y, label):
    """Multiplies or adds what arrives, number by number: a small circle."""
    return Node(x, y, label, "gate", (0.26, 0.26))


def state(x, y, label, radius=0.42):
    """What one unit, or a whole state, holds: a larger circle."""
    return Node(x, y, label, "state", (radius, radius))


def end(x, y, label, half=(0.4, 0.3)):
    """Where something comes in or goes out: its name alone."""
    return Node(x, y, label, "end", half)


def sheet(ax, width, height):
    """An empty sheet; all drawings have the same scale if the axes are `INCH` times as large."""
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.axis("off")


def write(ax, x, y, text, size=10, color=INK, **kw):
    """Text about a place, with the letters of the equations."""
    kw = {"ha": "center", "va": "center", "math_fontfamily": "cm"} | kw
    return ax.text(x, y, text, fontsize=size, color=color, linespacing=1.05, **kw)


def place(ax, name, node, size=10, color=INK, lw=1.1):
    """Draw a node; its text carries `name` as its label."""
    (a, b), style = node.half, {"fc": "white", "ec": color, "lw": lw, "zorder": 4}
    corner = (node.x - a, node.y - b)
    if node.kind == "matrix":
        ax.add_patch(Rectangle(corner, 2 * a, 2 * b, **style | {"fc": PALE}))
    elif node.kind == "function":
        ax.add_patch(FancyBboxPatch(corner, 2 * a, 2 * b, "round,pad=0,rounding_size=0.2", **style))
    elif node.kind in ("gate", "state"):
        ax.add_patch(Circle((node.x, node.y), a, **style))
    larger = {"matrix": 1, "function": 1, "gate": 1, "end": 2}  # letters of equations are small
    size += larger.get(node.kind, 0) if "$" in node.label or node.kind == "gate" else 0
    write(ax, node.x, node.y, node.label, size, zorder=5, label=name)


def border(node, x, y):
    """The point of a node's border that looks at (x, y): straight if it can be."""
    (a, b), dx, dy = node.half, x - node.x, y - node.y
    if abs(dx) <= a and abs(dy) > b:
        return x, node.y + np.copysign(b, dy)
    if abs(dy) <= b:
        return node.x + np.copysign(a, dx), y
    reach = (
        np.hypot(dx, dy) / a if node.kind in ("gate", "state") else max(abs(dx) / a, abs(dy) / b)
    )
    return node.x + dx / reach, node.y + dy / reach


def route(nodes, source, target, *corners):
    """The points of a wire from border to border."""
    first = corners[0] if corners else nodes[target][:2]
    last = corners[-1] if corners else nodes[source][:2]
    return [border(nodes[source], *first), *corners, border(nodes[target], *last)]


def wire(ax, points, name="", color=INK, lw=1.2, style="-", zorder=2):
    """A line along `points` with a head at its end; it passes over what it crosses."""
    ax.plot(*np.transpose(points), color="white", lw=lw + 3.5, zorder=2, solid_capstyle="butt")
    head = FancyArrowPatch(
        path=Path(points), arrowstyle="-|>,head_length=0.4,head_width=0.2", mutation_scale=9 + lw,
        color=color, lw=lw, ls=style, fill=True, joinstyle="miter", capstyle="butt", zorder=zorder,
        label=name,
    )  # fmt: skip
    ax.add_patch(head)


def fork(one, other):
    """Where two lines that start together part; None if one ends first."""
    one, other = ([np.array(p, float) for p in line] for line in (one, other))
    if not np.allclose(one[0], other[0]):
        return None
    here = one.pop(0)
    other.pop(0)
    while one and other:
        ways = [line[0] - here for line in (one, other)]
        lengths = [np.linalg.norm(way) for way in ways]
        if not np.allclose(ways[0] / lengths[0], ways[1] / lengths[1]):
            return tuple(here)
        here = here + ways[np.argmin(lengths)]
        for line in (one, other):
            if np.allclose(line[0], here):
                line.pop(0)
    return None


def band(ax, points, name=""):
    """The marking under a wire: the way of a state round the matrices."""
    ax.plot(
        *np.transpose(points), color=COLORS["direct"], lw=8, zorder=2.2, label=name,
        solid_capstyle="butt",
    )  # fmt: skip


def graph(ax, nodes, wires, direct=()):
    """Draw nodes, and wires (source, target, *corners); `direct` are nodes along the band."""
    marked = set(zip(direct, direct[1:]))
    routes = {tuple(w[:2]): route(nodes, *w) for w in wires}
    for (source, target), points in routes.items():
        name, on = f"{source} > {target}", (source, target) in marked
        wire(ax, points, name, zorder=2.4 if on else 2)
        if on:
            band(ax, points, name)
    for name, node in nodes.items():
        place(ax, name, node)
        out = [points for (source, _), points in routes.items() if source == name]
        forks = {fork(a, b) for a in out for b in out if a is not b} - {None}
        for x, y in forks:
            if not np.allclose((x, y), out[0][0]):
                ax.add_patch(Circle((x, y), 0.08, color=INK, zorder=3))
