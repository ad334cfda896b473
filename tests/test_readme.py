"""The README's steps to a new cell, taken in a copy of the repository, with the cell of toy.py."""

import re
import shutil
import subprocess
import sys

from test_book import ROOT

COPIED = (
    "rnn_src",
    "tests",
    "book",
    "bench",
    "experiments",
    "teacher",
    "README.md",
    "conf.py",
    "pyproject.toml",
)
REFERENCE = """\
def toy_step(p, x, h):
    a_f, a_n = anp.split(anp.dot(x, p["U"].T) + p["b"], 2, axis=1)
    q_f, q_n = anp.split(anp.dot(h, p["W"].T), 2, axis=1)
    f = sigmoid(a_f + q_f)
    return f * h + (1 - f) * anp.tanh(a_n + f * (q_n + p["b_n"]))


"""
# What names the cell, and what reads the list of all cells or all public names.
CHOSEN = "toy or unknown_cells or public_name or imports or api_page or registry or lists_its_names"


def steps():
    """The numbered steps of the README's section, as text."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## How to add a cell\n")[2].partition("\n## ")[0]
    return re.split(r"^\d\. ", section, flags=re.MULTILINE)[1:]


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name} has another form than this test knows"
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_steps_to_a_new_cell_are_enough(tmp_path):
    write, register, again, run = steps()
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    assert "`rnn_src/cells/NAME.py`" in write and "`NamedTuple`" in write
    shutil.copy(ROOT / "tests/toy.py", tmp_path / "rnn_src/cells/toy.py")
    assert "`rnn_src/cells/__init__.py`" in register
    registry = tmp_path / "rnn_src/cells/__init__.py"
    edit(registry, "\n\n__all__", "\nfrom rnn_src.cells.toy import TOY\n\n__all__")
    edit(registry, "LSTM)}\n", "LSTM, TOY)}\n")
    assert "`tests/reference.py`" in again
    reference = tmp_path / "tests/reference.py"
    edit(reference, "STEPS = {\n", REFERENCE + 'STEPS = {\n    "toy": toy_step,\n')
    assert "`make pytest`" in run
    command = [sys.executable, "-m", "pytest", "-q", "-k", CHOSEN]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 100
