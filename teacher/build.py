"""`make teacher`: the problem sets for students, their solutions, what the grader says of typical
mistakes, and a sample of the exam.
"""

import re
import shutil
import sys
from pathlib import Path

import archive
import exam
import grade
import nbformat
from mistakes import MISTAKES
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "book" / "_ext"))
from layout import CELL  # noqa: E402 (of the book's pages, whose form these sources have)

SOLUTION = re.compile(r"^( *)# BEGIN SOLUTION\n.*?# END SOLUTION$", re.MULTILINE | re.DOTALL)
FIRST = """\
# The package of the book, if it is missing. {wheel} has to lie in the folder
# of this notebook, with grade.py and the folder sets.
from importlib.util import find_spec

if not find_spec("rnn_src"):
    %pip install -q ./{wheel}"""


def source(name):
    """The cells of a problem set: (is code, text), in their order, solutions included."""
    text = (HERE / f"sets/{name}.md").read_text(encoding="utf-8")
    found, place = [], 0
    for cell in CELL.finditer(text):
        found += [(False, text[place : cell.start()].strip()), (True, cell["code"].strip())]
        place = cell.end()
    found.append((False, text[place:].strip()))
    return [(code, piece) for code, piece in found if piece]


def codes(name, left_out=False):
    """The code of a problem set as the grader reads it, with the solutions or without."""
    found = [text for code, text in source(name) if code]
    return [*map(without, found)] if left_out else found


def without(code):
    """Code without its solutions."""
    return SOLUTION.sub(r"\1raise NotImplementedError", code)


def marks(code):
    """What nbgrader wants to know of a cell (schema 3): is it an answer, does it give points?"""
    about = {"schema_version": 3, "solution": False, "grade": False, "locked": False, "task": False}
    if "# BEGIN SOLUTION" in code:
        functions = re.findall(r"^def (\w+)", code, re.MULTILINE)
        return about | {"solution": True, "grade_id": functions[-1]}
    if asked := re.fullmatch(r'mark\("([\w ]+)", globals\(\)\)', code):
        identity = f"mark_{asked[1].replace(' ', '_')}"
        return about | {"grade": True, "locked": True, "points": 1, "grade_id": identity}
    return None


def notebook(name, wheel, left_out):
    """The notebook of a problem set."""
    cells = []
    for code, text in source(name):
        if not code:
            cells.append(new_markdown_cell(text))
            continue
        about = marks(text)
        cells.append(new_code_cell(without(text) if left_out else text))
        cells[-1]["metadata"] = {"nbgrader": about} if about else {}
    cells.insert(1, new_code_cell(FIRST.format(wheel=wheel)))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # they are random, and builds must be equal
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}, "through_time": name}
    return new_notebook(cells=cells, metadata=about)


def judged(mistake, seed=grade.PUBLIC):
    """The results of a solution with this mistake, by the names of the tasks."""
    student, _ = grade.execute([*mistake.spoil(codes(mistake.set))])
    results = [grade.run_task(task, student, seed) for task in grade.tasks(mistake.set)]
    return {named(mistake.set, result.name, seed): result for result in results}


def named(set_, task, seed):
    """The name of a task; of a patient, what it has."""
    return ward_of(seed)[task] if set_ == "sick" else task


def ward_of(seed):
    """What each patient of a seed has."""
    from sets.clinic import ward

    return {f"patient {patient.name}": sickness for patient, sickness in ward(seed)}


def table():
    """Each typical mistake, the task that found it, and what the grader said."""
    yield "# Typical mistakes, and what the grader says\n"
    yield "| set | mistake | task that fails | what is said |\n|---|---|---|---|"
    for mistake in MISTAKES:
        says = judged(mistake)[mistake.task].says.replace("|", r"\|")
        yield f"| {mistake.set} | {mistake.name} | {mistake.task} | {says} |"


def main(out, wheel):
    """Write everything into the folder `out`; what else is there stays."""
    out, wheel = Path(out), Path(wheel)
    for folder in ("students", "solutions", "exam"):
        shutil.rmtree(out / folder, ignore_errors=True)
        (out / folder).mkdir(parents=True)
    (out / "students/sets").mkdir()
    for name in grade.SETS:
        for folder, left_out in (("students", True), ("solutions", False)):
            target = out / folder / f"{name}.ipynb"
            nbformat.write(notebook(name, wheel.name, left_out), target)
    for path in (HERE / "grade.py", wheel):
        shutil.copy(path, out / "students")
    for path in (HERE / "sets").glob("*.py"):
        shutil.copy(path, out / "students/sets")
    (out / "mistakes.md").write_text("\n".join(table()) + "\n", encoding="utf-8")
    exam.write(out / "exam", exam.SAMPLE)
    folder = out / "students"
    files = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    archive.write(out / "students.zip", names)


if __name__ == "__main__":
    main(*sys.argv[1:])
