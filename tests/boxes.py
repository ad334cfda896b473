"""The boxes to try, as they stand in the sources of the pages."""

import ast
import re
import symtable
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "book" / "_ext"), str(ROOT / "book" / "_live")]
import kernel  # noqa: E402, F401 (of the book, as the three below; tests import them from here)
import live_runtime  # noqa: E402, F401
from folds import prompt  # noqa: E402
from layout import CELL  # noqa: E402


class Box(NamedTuple):
    page: str
    number: int
    opening: str
    code: str
    check: str


def tagged(cell, tag):
    """Whether a cell of a page's source has a tag."""
    tags = re.search(r"^:?tags: *\[([^\]]*)\]", cell["head"], re.MULTILINE)
    return tags is not None and tag in re.split(r", *", tags[1])


def boxes_of(text, page="page"):
    """The boxes of a page, with the paragraph before each and the check directly after it."""
    cells, found = [*CELL.finditer(text)], []
    for cell, after in zip(cells, [*cells[1:], None]):
        if tagged(cell, "try-it"):
            check, opening = "", text[: cell.start()].strip().rpartition("\n\n")[2]
            if after and not text[cell.end() : after.start()].strip():
                if tagged(after, "hide-input") and prompt(after["code"], {}) == "Check":
                    check = after["code"]
            found.append(Box(page, len(found) + 1, opening, cell["code"], check))
    return found


PAGES = sorted((ROOT / "book").glob("*.md"))
BOXES = [box for page in PAGES for box in boxes_of(page.read_text("utf-8"), page.stem)]


def bound(tree):
    """What the names of a module are bound to at its top: an import, or just something."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            origin = getattr(node, "module", "")
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = f"{origin} {alias.name}"
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = None
        else:
            stores = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            found |= {n.id: None for n in stores if isinstance(n.ctx, ast.Store)}
    return found


def reads(table):
    """The names that a piece of code takes from outside, in whatever scope."""
    for symbol in table.get_symbols():
        if symbol.is_referenced() and symbol.is_global():
            yield symbol.get_name()
    for inner in table.get_children():
        yield from reads(inner)


def leaks(text):
    """Names that a box of a page binds and that a later cell reads from it: (box, name)."""
    cells, before, taken, number = [*CELL.finditer(text)], {}, {}, 0
    for place, cell in enumerate(cells):
        now = bound(ast.parse(cell["code"]))
        if tagged(cell, "try-it"):
            number += 1
            taken |= {n: number for n, what in now.items() if not what or before.get(n) != what}
            continue
        if not (place and tagged(cells[place - 1], "try-it")):  # the check of a box may read it
            asked = {*reads(symtable.symtable(cell["code"], "cell", "exec"))} - {*now}
            yield from ((taken[n], n) for n in sorted(asked & {*taken}))
        before |= now
        taken = {n: box for n, box in taken.items() if n not in now}
