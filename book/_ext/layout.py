"""Lay out the code of pages as ruff lays out the package: `make format`, `make lint`.

Ruff formats notebooks and the plain fences of Markdown, but not the cells of MyST. So each page is
handed to it as a notebook of its cells, and only their lines are put back. (Jupytext, which could
pipe the cells, refuses the heads of these pages and writes all else in a page anew.)
"""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

COLUMNS = 76
CELL = re.compile(
    r"(?P<head>^(?P<ticks>`{3,})\{code-cell\}[^\n]*\n(?:---\n.*?^---\n|(?::[\w-]+:[^\n]*\n)*)\n*)"
    r"(?P<code>.*?)(?P<end>^(?P=ticks)$)",
    re.MULTILINE | re.DOTALL,
)


def notebook(codes):
    cells = [
        dict(cell_type="code", execution_count=None, metadata={}, outputs=[], source=code)
        for code in codes
    ]
    language = {"language_info": {"name": "python"}}
    return json.dumps(dict(cells=cells, metadata=language, nbformat=4, nbformat_minor=4))


def ruff(codes, name):
    """The cells of a page as ruff formats them, each without the line break at its end."""
    command = [sys.executable, "-m", "ruff", "format", f"--line-length={COLUMNS}"]
    command += ["--stdin-filename", f"{name}.ipynb", "-"]
    run = subprocess.run(command, input=notebook(codes), capture_output=True, text=True)
    if run.returncode:
        raise ValueError(f"{name}: {run.stderr.strip()}")
    return ["".join(cell["source"]).rstrip("\n") for cell in json.loads(run.stdout)["cells"]]


def same(before, after):
    """Whether two cells do the same: their trees are equal, but for the place of each node."""
    return ast.dump(ast.parse(before)) == ast.dump(ast.parse(after))


def lay_out(text, name="page"):
    """The text of a page with its cells formatted; all that is no code is left as it is."""
    codes = [cell["code"] for cell in CELL.finditer(text)]
    formatted = iter(ruff(codes, name)) if codes else iter(())

    def put_back(cell):
        after = next(formatted)
        if not same(cell["code"], after):
            raise ValueError(f"{name}: the layout of a cell would change what it does:\n{after}")
        return f"{cell['head']}{after}\n{cell['end']}"

    return CELL.sub(put_back, text)


def main(arguments):
    check, changed = "--check" in arguments, []
    root = Path(__file__).parents[2]
    for page in sorted([*root.glob("book/*.md"), *root.glob("teacher/sets/*.md")]):
        text = page.read_text(encoding="utf-8")
        if (after := lay_out(text, page.name)) == text:
            continue
        changed.append(page.name)
        if not check:
            page.write_text(after, encoding="utf-8")
    if changed:
        print("Formatted:" if not check else "`make format` would format:", *changed)
    return int(check and bool(changed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
