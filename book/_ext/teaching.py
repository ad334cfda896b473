"""What the page for teachers takes from the chapters, so that nothing of it is written twice.

What a chapter's reader can do afterwards is its own list. What it needs are the references of its
paragraph "You need". Whether an exercise suits a blackboard it says in its first words. Who needs
whom is drawn as a map; only the places of the map's boxes are given by hand, and checked.
"""

import os
import re
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective, SphinxRole

# --- Read from the sources of the chapters ---------------------------------------------------

EXERCISE = r"^```\{exercise-start\} ([^\n]+)\n:label: (\S+)\n```\n(.*?)\n```\{exercise-end\}"
# The first words of an exercise, and where it is done. What gives none is done at the machine.
KINDS = {"By hand": "Blackboard", "Predict": "Laptop, after a guess", "Open": "At home, open"}
OTHERS = "Laptop"


class Chapter(NamedTuple):
    """A chapter or a page of the workbench, as far as its source tells."""

    name: str  # of the file
    label: str
    number: str  # empty if it has none
    part: int  # the place of its part in the contents
    source: str

    @property
    def objectives(self):
        """The items of its list of what a reader can do, without their marks."""
        found = re.search(
            r"^After this (?:chapter|page) you can:\n\n((?:- .+\n)+)", self.source, re.M
        )
        return (
            [item.rstrip(";.") for item in re.findall(r"^- (.+)$", found[1], re.M)] if found else []
        )

    @property
    def needs(self):
        """The labels to which its paragraph "You need" refers."""
        found = re.search(r"^You need:? (?!not )(.+?)^$", self.source, re.M | re.S)
        return re.findall(r"\{(?:num)?ref\}`(?:[^`<]*<)?([\w-]+)>?`", found[1]) if found else []

    @property
    def exercises(self):
        """(kind, title, label) of each exercise, in their order."""
        for title, label, text in re.findall(EXERCISE, self.source, re.M | re.S):
            kinds = [kind for words, kind in KINDS.items() if text.startswith(words)]
            yield (kinds or [OTHERS])[0], title, label


def chapters(book):
    """The pages of a folder that have a label of a chapter, in the order of the contents."""
    found, number = {}, 0
    contents = (book / "index.md").read_text(encoding="utf-8")
    for part, block in enumerate(re.findall(r"^```\{toctree\}\n(.*?)^```", contents, re.S | re.M)):
        for name in re.findall(r"^[\w-]+$", block, re.M):
            source = (book / f"{name}.md").read_text(encoding="utf-8")
            if label := re.search(r"^\((ch-[\w-]+)\)=", source, re.M):
                number += ":numbered:" in block
                counts = str(number) if ":numbered:" in block else ""
                found[name] = Chapter(name, label[1], counts, part, source)
    return found


def needed(found):
    """Which chapter needs which: name -> names, without those that another one needs already."""
    home = {
        label: name
        for name, chapter in found.items()
        for label in re.findall(r"^\(([\w-]+)\)=", chapter.source, re.M)
    }
    direct = {
        name: {home[label] for label in chapter.needs} - {name} for name, chapter in found.items()
    }

    def before(name):
        return direct[name].union(*map(before, direct[name]))

    return {name: direct[name] - set().union(*map(before, direct[name])) for name in direct}


# --- The map ---------------------------------------------------------------------------------

WIDE, HIGH, ROW, COLUMN = 0.47, 0.23, 0.8, 1.04  # halves of a box; from box to box
HEAD = 0.07  # of an arrow
FILLS = ("#cfe3f1", "#fbe3b5", "#cdeadf", "#f3d3c4", "#ececec")  # a part of the book each


def path(start, end, steps=60):
    """The points of a line from the foot of one box to the head of another, upright at both."""
    (x0, y0), (x1, y1) = (start[0], start[1] + HIGH), (end[0], end[1] - HIGH)
    for k in range(steps):
        s = k / (steps - 1)
        yield x0 + (x1 - x0) * s * s * (3 - 2 * s), y0 + (y1 - HEAD - y0) * s
    yield x1, y1  # the head of the arrow


def faults(places, edges):
    """Yield a sentence for whatever makes a map unreadable."""
    for one, two in combinations(places, 2):
        (x0, y0), (x1, y1) = places[one], places[two]
        if abs(x0 - x1) < 2 * WIDE and abs(y0 - y1) < 2 * HIGH:
            yield f"{one} lies on {two}"
    for start, end in edges:
        if places[start][1] + 2 * HIGH >= places[end][1]:
            yield f"{end} needs {start}, which must stand above it"
        for other in set(places) - {start, end}:
            x, y = places[other]
            if any(
                abs(px - x) < WIDE and abs(py - y) < HIGH
                for px, py in path(places[start], places[end])
            ):
                yield f"the line from {start} to {end} runs through {other}"


def told(words, edges):
    """The map in words, for whoever does not see it."""
    flat = {name: text.replace("\n", " ") for name, text in words.items()}
    for start in words:
        ends = [flat[end] for name, end in edges if name == start]
        if ends:
            *others, last = ends
            yield f"{flat[start]} leads to {' and '.join(filter(None, [', '.join(others), last]))}."


def draw(places, words, parts, edges, target):
    """Draw the boxes at their places, in the colours of their parts, and a line for each need."""
    from matplotlib import rc_context  # here, as other builds start faster without it
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

    across, down = ([place[k] for place in places.values()] for k in (0, 1))
    size = max(across) - min(across) + 2 * WIDE + 0.1, max(down) - min(down) + 2 * HIGH + 0.1
    with rc_context({"svg.hashsalt": "map", "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(size[0], size[1]), facecolor="white")
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(min(across) - WIDE - 0.05, max(across) + WIDE + 0.05))
        ax.set(ylim=(max(down) + HIGH + 0.05, min(down) - HIGH - 0.05))
        ax.axis("off")
        for start, end in edges:
            xs, ys = zip(*path(places[start], places[end]), strict=True)
            ax.plot(xs[:-1], ys[:-1], color="#555555", lw=1, zorder=1)
            sides = (xs[-1] - HEAD / 2, xs[-1] + HEAD / 2, xs[-1]), (*ys[-2:-1] * 2, ys[-1])
            ax.fill(*sides, color="#555555", lw=0, zorder=1)
        texts = {}
        for name, (x, y) in places.items():
            corner, round_ = (x - WIDE + 0.05, y - HIGH + 0.05), "round,pad=0.05"
            box = FancyBboxPatch(corner, 2 * WIDE - 0.1, 2 * HIGH - 0.1, boxstyle=round_)
            box.set(fc=FILLS[parts[name] % len(FILLS)], ec="#555555", lw=0.8)
            ax.add_patch(box)
            texts[name] = ax.text(x, y, words[name], ha="center", va="center", fontsize=8)
        wide = {n: text.get_window_extent().width / figure.dpi for n, text in texts.items()}
        figure.savefig(target, metadata={"Date": None})
    return [
        f"the words of {name} are wider than their box" for name in wide if wide[name] > 2 * WIDE
    ]


# --- On the page -----------------------------------------------------------------------------


class FromChapters(SphinxDirective):
    """A directive that reads the chapters, and has its page read again when one changes."""

    def chapters(self):
        book = Path(self.env.doc2path(self.env.docname)).parent
        found = chapters(book)
        for name in ["index", *found]:
            self.env.note_dependency(str(book / f"{name}.md"))
        return found

    def chosen(self):
        found, wanted = self.chapters(), self.arguments[0].split()
        if unknown := set(wanted) - set(found):
            raise ExtensionError(f"{self.env.docname}: no chapter {', '.join(sorted(unknown))}")
        return [found[name] for name in wanted]

    def parsed(self, lines):
        holder = nodes.Element()
        self.state.nested_parse(StringList(lines, self.env.docname), self.content_offset, holder)
        return holder.children


class Objectives(FromChapters):
    """What the readers of the named chapters can do afterwards, as the chapters say it."""

    required_arguments, final_argument_whitespace = 1, True

    def run(self):
        lines = ["**Afterwards students can**", ""]
        for chapter in self.chosen():
            if chapter.objectives:
                lines += [f"- {{ref}}`{chapter.label}`"]
                lines += [f"  - {item}" for item in chapter.objectives]
        return self.parsed(lines)


class Exercises(FromChapters):
    """The exercises of the named chapters, by where they are done."""

    required_arguments, final_argument_whitespace = 1, True

    def run(self):
        kinds = {kind: [] for kind in ("Blackboard", *KINDS.values(), OTHERS)}
        for chapter in self.chosen():
            for kind, title, label in chapter.exercises:
                kinds[kind].append(f"{{exercise}}`{label}` ({title})")
        lines = [f"- *{kind}*: {', '.join(found)}." for kind, found in kinds.items() if found]
        return self.parsed(["**Exercises**", "", *lines])


class ConceptMap(FromChapters):
    """A figure of what needs what. Each line: the file of a chapter, its place, and its idea."""

    has_content = True
    option_spec = dict.fromkeys(("name", "caption"), directives.unchanged_required)

    def run(self):
        found, places, words = self.chapters(), {}, {}
        for name, x, y, idea in (line.split(maxsplit=3) for line in self.content if line.strip()):
            places[name] = (float(x) * COLUMN, float(y) * ROW)
            number = found[name].number if name in found else ""
            words[name] = f"{number} {idea}".strip().replace(" / ", "\n")
        needs = needed(found)
        edges = [(start, end) for end in needs for start in sorted(needs[end])]
        drawn = {name for edge in edges for name in edge}
        wrong = [f"no place for {name}" for name in sorted(drawn - set(places))]
        wrong += [f"{name} needs nothing and is not needed" for name in sorted(set(places) - drawn)]
        if not wrong:
            target = Path(self.env.doctreedir) / "concept-map.svg"
            target.parent.mkdir(parents=True, exist_ok=True)
            parts = {name: found[name].part for name in places}
            wrong += faults(places, edges)
            wrong += draw(places, words, parts, edges, target)
        if wrong:
            raise ExtensionError(f"{self.env.docname}: the map: {'; '.join(wrong)}")
        uri = Path(os.path.relpath(target, self.env.srcdir)).as_posix()
        image = nodes.image(uri=f"/{uri}", alt=" ".join(told(words, edges)))
        caption = self.parsed([self.options["caption"]])[0]
        figure = nodes.figure("", image, nodes.caption("", "", *caption.children))
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure]


class exercise_number(nodes.Inline, nodes.TextElement):
    """The number of an exercise of another page."""


class ExerciseRole(SphinxRole):
    """The number of an exercise by its label: a link on a screen, on paper the bare number."""

    def run(self):
        return [exercise_number(self.rawtext, "", label=self.text)], []


class ExerciseNumbers(SphinxPostTransform):
    """Put in the numbers, when all are known."""

    default_priority = 8  # before references are resolved

    def run(self):
        for node in list(self.document.findall(exercise_number)):
            exercise = getattr(self.env, "sphinx_exercise_registry", {}).get(node["label"])
            if exercise is None:
                raise ExtensionError(f"{self.env.docname}: there is no exercise {node['label']}")
            page = exercise["docname"]
            numbers = self.env.toc_fignumbers[page]["exercise"][node["label"]]
            number = nodes.Text(".".join(map(str, numbers)))
            if self.app.builder.name == "html":
                uri = self.app.builder.get_relative_uri(self.env.docname, page)
                number = nodes.reference(
                    "", "", number, refuri=f"{uri}#{node['label']}", internal=True
                )
            node.replace_self(number)


def setup(app):
    app.add_directive("objectives", Objectives)
    app.add_directive("exercises", Exercises)
    app.add_directive("concept-map", ConceptMap)
    app.add_role("exercise", ExerciseRole())
    app.add_node(exercise_number)
    app.add_post_transform(ExerciseNumbers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
