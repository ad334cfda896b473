"""Numbers that one page takes from another: kept in a file, and compared at every build.

A page must not run another's cells, and a number must not be typed twice. So the numbers that
chapters hand over by `quote`, and that the table of *Reproductions* restates, are kept in
tests/data/quoted.json. A build in which a chapter says something else stops. After a change that
is meant:

    make html    (it stops, but runs the chapters)
    make quoted

copies the numbers of that build. A new number needs its name in the file first, with null.
"""

import json
import math
from pathlib import Path

from sphinx.errors import ExtensionError

KEPT, BUILT = "tests/data/quoted.json", "_build/jupyter_execute"
# What another processor's rounding may change in a chaotic or a trained network.
CLOSE, TINY = 0.05, 1e-4


def said(folder, page):
    """The numbers that a page handed over when it was last built, by name; None if it never was."""
    path = Path(folder, "book", f"{page}.glue.json")
    if not path.exists():
        return None
    found = {}
    for name, value in json.loads(path.read_text(encoding="utf-8")).items():
        try:
            found[name] = float(value["data"]["text/plain"])
        except (KeyError, ValueError):  # a figure
            continue
    return found


def faults(kept, folder):
    """Yield a sentence for each number of a built page that is not what is kept of it."""
    for page, numbers in kept.items():
        found = said(folder, page)
        for name, value in numbers.items() if found is not None else ():
            if name not in found:
                yield f"{page} no longer quotes {name}"
            elif value is None or not math.isclose(found[name], value, rel_tol=CLOSE, abs_tol=TINY):
                yield f"{page} quotes {name} = {found[name]:.6g}, and {KEPT} has {value}"


def compare(app, env):
    """Stop a build in which a page and the file differ."""
    path = Path(app.srcdir) / KEPT
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if wrong := list(faults(kept, env.mystnb_config.output_folder)):
        raise ExtensionError("; ".join(wrong) + ". If that is meant: make quoted")


def setup(app):
    app.connect("env-check-consistency", compare)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    root = Path(__file__).parents[2]
    kept = json.loads((root / KEPT).read_text(encoding="utf-8"))
    for page, numbers in kept.items():
        found = said(root / BUILT, page) or {}
        numbers |= {name: found[name] for name in numbers if name in found}
    (root / KEPT).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(f"{KEPT} has the numbers of the last build")
