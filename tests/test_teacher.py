"""The problem sets, their grader and the exam.

A solution passes, the stub fails, and each typical mistake fails in its task and for its reason.
The answers of the exam are computed a second time, in another way.
"""

import ast
import filecmp
import importlib
import itertools
import json
import math
import os
import re
import subprocess
import sys
from fractions import Fraction

import nbformat
import numpy as np
import pytest
from test_book import ROOT, anchor, reading_order

from rnn_src import backward, forward
from rnn_src.cells import RNNParams
from rnn_src.readout import softmax_cross_entropy

sys.path.insert(0, str(ROOT / "teacher"))
import build  # noqa: E402 (of the teacher: teacher/build.py)
import exam  # noqa: E402
import grade  # noqa: E402
from mistakes import MISTAKES  # noqa: E402

every_set = pytest.mark.parametrize("name", grade.SETS)


def results(name, codes, seed=grade.PUBLIC):
    """The results of some code, by task, and the note on the first cell that stops."""
    student, note = grade.execute(codes)
    found = [grade.run_task(task, student, seed) for task in grade.tasks(name)]
    return {result.name: result for result in found}, note


# --- Solution, stub, mistakes ----------------------------------------------------------------


@every_set
@pytest.mark.parametrize("seed", [grade.PUBLIC, "a teacher's", "another teacher's"])
def test_the_solution_passes(name, seed):
    found, note = results(name, build.codes(name), seed)
    assert not note and not [result for result in found.values() if not result.passed]


OTHERWISE = {
    "lists": (
        "forward",
        """
def run(params, x, h0):
    states = [h0]
    for x_t in x.tolist():
        a = np.einsum("ij,bj->bi", params.W, states[-1]) + np.array(x_t) @ params.U.T
        states += [np.tanh(a + params.b)]
    return [state.tolist() for state in states]
""",
    ),
    "the package": (
        "forward",
        """
from rnn_src import forward
from rnn_src.readout import softmax_cross_entropy
def run_padded(params, x, lengths):
    return forward("rnn", params, x, lengths=lengths)[0]
def loss(o, targets, lengths):
    return softmax_cross_entropy(o, targets, np.arange(len(o))[:, None] < lengths)[0]
def gru_step(params, h, x):
    return forward("gru", params, x[None], h)[0][1]
""",
    ),
    "complex step": (
        "bptt",
        """
def slope(loss, params, arrow):
    moved = RNNParams(*(p.astype(complex) + 1e-30j * v for p, v in zip(params, arrow)))
    return float(loss(moved).imag / 1e-30)
""",
    ),
    "one random direction": (
        "bptt",
        """
def gradient_check(loss, params, claim):
    rng = np.random.default_rng()
    for _ in range(8):
        arrow = RNNParams(*(rng.normal(size=p.shape) for p in params))
        measured = slope(loss, params, arrow)
        said = sum(np.sum(c * v) for c, v in zip(claim, arrow))
        if not abs(measured - said) < 1e-6 * abs(measured):
            raise AssertionError
""",
    ),
    "exponents of one vector": (
        "sick",
        """
from rnn_src.gradient_flow import lyapunov_exponents
from rnn_src.scan import jacobians
by_checkup = diagnose
def diagnose(p):
    J = jacobians(p.cell, p.params, p.x, lengths=p.lengths)
    found = np.median(lyapunov_exponents(J, 1)[:, 0] * len(p.x) / p.lengths)
    sickness, number = by_checkup(p)
    return [sickness, found if sickness == "explodes" else number]
""",
    ),
    "the package's check": (
        "bptt",
        """
from rnn_src.gradcheck import check_gradients
def gradient_check(loss, params, claim):
    assert all(np.isfinite(c).all() for c in claim)
    check_gradients(loss, params, claim, np.random.default_rng(1))
""",
    ),
}


@pytest.mark.parametrize("way", OTHERWISE)
def test_another_right_answer_passes(way):
    name, code = OTHERWISE[way]
    found, note = results(name, [*build.codes(name), code])
    assert not note and not [result for result in found.values() if not result.passed]


@every_set
def test_the_stub_fails_in_every_task_and_says_so(name):
    stub = build.codes(name, left_out=True)
    found, note = results(name, stub)
    assert not note and not any(result.passed for result in found.values())
    assert all("is not written yet" in result.says for result in found.values())
    assert not re.search(r"SOLUTION|Traceback", "".join(stub) + str(found))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_a_mistake_fails_in_its_task_and_for_its_reason(mistake):
    found = build.judged(mistake)
    assert not found[mistake.task].passed and mistake.words in found[mistake.task].says
    failed = {name for name, result in found.items() if not result.passed}
    assert failed == {mistake.task, *mistake.also}


@pytest.mark.parametrize("mistake", MISTAKES[::4], ids=lambda m: m.name)
def test_a_mistake_is_named_with_other_numbers_too(mistake):
    assert mistake.words in build.judged(mistake, "other numbers")[mistake.task].says


@every_set
def test_every_task_has_a_mistake_that_fails_it(name):
    ours = [mistake for mistake in MISTAKES if mistake.set == name]
    tasks = {mistake.task for mistake in ours} | {t for m in ours for t in m.also}
    if name == "sick":  # whoever calls this one ill fails another
        assert tasks | {"transposed"} == set(build.ward_of(grade.PUBLIC).values())
    else:
        assert tasks == {task.name for task in grade.tasks(name)}
    readme = (ROOT / "teacher/README.md").read_text(encoding="utf-8")
    assert len(ours) >= 5 and f"{len(MISTAKES)} typical mistakes" in readme


@every_set
def test_answers_that_were_copied_fail_with_another_seed(name):
    """Every function gives what the right one gave with the public numbers, call by call."""
    right, _ = grade.execute(build.codes(name))
    told, again = {}, {}
    for function in re.findall(
        r"^def (\w+)\(.*\n.*\n +# BEGIN", "\n".join(build.codes(name)), re.M
    ):
        told[function] = []

        def record(*given, function=function, works=right._namespace[function]):
            told[function].append(works(*given))
            return told[function][-1]

        again[function] = lambda *given, function=function: told[function].pop(0)
        right._namespace[function] = record
    for task in grade.tasks(name):
        assert grade.run_task(task, right, grade.PUBLIC).passed
    kept = json.dumps({f: len(v) for f, v in told.items()})
    found = [grade.run_task(t, grade.Student(again), "hidden") for t in grade.tasks(name)]
    passed = {result.name for result in found if result.passed}
    assert passed <= ({"gradient_check"} if name == "bptt" else set()), kept


@pytest.mark.parametrize("seed", range(3))
def test_a_patient_is_ill_as_the_ward_says_and_in_no_other_way(seed):
    from sets import clinic, sick

    kinds = set()
    for patient, sickness in clinic.ward(seed):
        numbers, found = sick.measured(patient)
        lives = numbers["closed gates"]
        ill = {
            "transposed": numbers["transposed"] > 1e-3,
            "padding": numbers["padding"] > 0,
            "diluted": abs(numbers["diluted"] - 1) > 0.01,
            "explodes": numbers["explodes"] > 0.1,
            "closed gates": lives is not None and lives < 3,
        }
        vanishes = numbers["forgets"] is not None
        assert vanishes == (sickness in {"forgets", "closed gates"})
        assert {k for k, v in ill.items() if v} == {sickness} - {"forgets", "healthy"}
        assert abs(numbers["explodes"] - 0.05) > 0.04
        kinds.add(sickness)
    assert kinds == set(clinic.SICKNESSES)


# --- Notebooks that cannot be graded, or not to the end --------------------------------------


def notebook(path, *codes, **about):
    cells = [{"cell_type": "code", "source": code} for code in codes]
    path.write_text(json.dumps({"cells": cells, "metadata": about}))
    return path


BROKEN = {
    "nothing there": (None, "cannot be read: is there such a file?"),
    "text": ("def step(): pass", "must be a notebook (.ipynb), and is something else"),
    "a list": ("[1, 2]", "must be a notebook (.ipynb), and is something else"),
    "another set": ('{"cells": []}', "must be a notebook of one of the sets forward, bptt, sick"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_notebook_gets_one_sentence(kind, tmp_path, capsys):
    text, says = BROKEN[kind]
    path = tmp_path / "homework.ipynb"
    if text is not None:
        path.write_text(text)
    assert grade.main([str(path)]) == 2
    said = capsys.readouterr()
    assert not said.out and says in said.err and said.err.count("\n") == 1


FAULTS = {
    "missing": ("x = 1", "The notebook defines no `step`."),
    "a number": ("step = 3", "`step` must be a function, came int."),
    "nothing": ("def step(params, h, x):\n    h + 1", "`step` returns nothing."),
    "raises": (
        "def step(params, h, x):\n    return h[9]",
        "`step` stops: IndexError: index 9 is out of bounds for axis 0 with size 4 (cell 1, "
        "line 2: return h[9])",
    ),
    "arguments": ("def step(h):\n    return h", "`step` stops: TypeError: step() takes 1"),
    "text": ("def step(params, h, x):\n    return 'tanh'", "h: came a str, wanted an array of"),
    "wide": ("def step(params, h, x):\n    return h[:, None]", "came shape (4, 1), wanted (4,)"),
    "NaN": ("def step(params, h, x):\n    return h / 0", "A number that is not finite"),
    "changed": (
        "def step(params, h, x):\n    h += 1\n    return h",
        "changes an array that it was",
    ),
    "asserts": ("def step(params, h, x):\n    assert 0, 'no'", "`step` stops: AssertionError: no"),
    "exits": ("def step(params, h, x):\n    raise SystemExit", "`step` stops: SystemExit"),
    "a record": ("class Odd:\n    pass\ndef step(params, h, x):\n    return Odd()", "came a Odd"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_function_that_cannot_be_judged_gets_one_sentence(kind):
    code, says = FAULTS[kind]
    found, _ = results("forward", [code])
    assert says in found["step"].says and "\n" not in found["step"].says
    assert not any(result.passed for result in found.values())


def test_a_cell_that_stops_is_named_and_the_others_are_graded():
    codes = build.codes("forward")
    found, note = results("forward", [*codes, "x = 1\ny = 1 / (x - 1)", "z = 3 +", "%pip list"])
    assert all(result.passed for result in found.values())
    number = len(codes) + 1
    assert note == (
        f"cell {number} stops: ZeroDivisionError: division by zero (cell {number}, line 2: "
        "y = 1 / (x - 1))."
    )
    _, note = results("forward", ["z = 3 +"])
    assert note == "cell 1 stops: SyntaxError: invalid syntax (cell 1, line 1)."


def test_a_package_that_is_missing_is_named(monkeypatch, tmp_path, capsys):
    path = notebook(tmp_path / "forward.ipynb", "x = 1")
    monkeypatch.setattr(grade, "tasks", lambda name: importlib.import_module("rnn_source"))
    assert grade.main([str(path)]) == 2
    assert capsys.readouterr().err == (
        "The grader needs rnn_source: pip install the wheel beside it.\n"
    )


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """The grader as it is called from a shell, in a folder with nothing in it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def call(*arguments):
        command = [sys.executable, str(ROOT / "teacher/grade.py"), *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return call


ENDLESS = "def step(params, h, x):\n    while True:\n        pass"
GONE = "import os\n\n\ndef run(params, x, h0):\n    os._exit(0)"


def test_a_loop_without_end_and_a_dead_process_cost_one_task_each(shell, tmp_path):
    codes = [*build.codes("forward"), ENDLESS, GONE, "print('x' * 10**6)"]
    path = notebook(tmp_path / "forward-anybody.ipynb", *codes)
    done = shell(path, "--seconds", 2, "--table", "marks.csv")
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and not done.stderr and len(lines) == 7
    assert "`step` did not end within 2 seconds. Is there a loop without end? Read" in lines[1]
    assert "`run` ended Python itself, so that nothing came back. Read" in lines[2]
    assert lines[-1] == "  3 of 5 tasks passed"
    head, row = (tmp_path / "marks.csv").read_text().splitlines()
    assert head == "notebook,passed,of,note,failed" and f"{path},3,5,," in row


def test_a_cell_without_end_is_named(shell, tmp_path):
    path = notebook(tmp_path / "forward.ipynb", "x = 1", "while x:\n    pass")
    lines = shell(path, "--seconds", 1).stdout.splitlines()
    says = "cell 2 did not end within 1 seconds. Is there a loop without end?"
    assert lines[1] == f"Note: {says}" and len(lines) == 8
    assert all(f"Not graded, because {says} Read" in line for line in lines[2:7])


def test_what_lies_beside_a_notebook_grades_nothing(shell, tmp_path):
    """A student hands in the whole folder, or more: the teacher's grader and package count."""
    for name in ("grade.py", "sets.py", "numpy.py", "rnn_src.py"):
        (tmp_path / name).write_text("raise RuntimeError", encoding="utf-8")
    (tmp_path / "my_own.py").write_text("from numpy import tanh", encoding="utf-8")
    codes = [*build.codes("forward"), "from my_own import tanh"]
    done = shell(notebook(tmp_path / "forward.ipynb", *codes))
    assert done.returncode == 0 and "Note" not in done.stdout, done.stdout


def test_one_file_that_is_no_notebook_costs_nobody_else_a_mark(tmp_path, capsys):
    broken, fine = tmp_path / "a.ipynb", tmp_path / "forward-b.ipynb"
    broken.write_text("half a note", encoding="utf-8")
    notebook(fine, *build.codes("forward"))
    table = tmp_path / "marks.csv"
    assert grade.main([str(broken), str(fine), "--table", str(table)]) == 2
    said = capsys.readouterr()
    assert said.err.count("must be a notebook") == 1 and "5 of 5 tasks passed" in said.out
    _, first, second = table.read_text(encoding="utf-8").splitlines()
    assert f"{broken},0,0," in first and "must be a notebook" in first
    assert second == f"{fine},5,5,"


@pytest.mark.parametrize(
    "code", ["k = (7\n     % 4)", "k = 2 + (7\n  != 4)", "%time\n!ls\nnp?\nk = 3", "%%time\nk = 3"]
)
def test_what_only_a_notebook_knows_is_left_out_and_no_more(code):
    student, note = grade.execute([code])
    assert not note and student._namespace["k"] == 3


def test_what_fails_by_an_earlier_task_sends_the_student_there():
    mistake = next(m for m in MISTAKES if m.task == "backward")
    says = build.judged(mistake)["loss_and_gradients"].says
    assert "what your `backward` makes of the right blame: mend Task 1 first" in says
    mistake = next(m for m in MISTAKES if "direction is divided" in m.name)
    assert "Mend Task 4 first" in build.judged(mistake)["gradient_check"].says


# --- What is handed out ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What `make teacher` writes, with a wheel that is none."""
    folder = tmp_path_factory.mktemp("teacher")
    wheel = folder / "rnn_src-0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    build.main(folder / "out", wheel)
    return folder / "out"


def test_students_get_notebooks_without_solutions(built):
    for name in grade.SETS:
        path = built / f"students/{name}.ipynb"
        nbformat.validate(nbformat.read(path, as_version=4))
        text, solved = path.read_text(), (built / f"solutions/{name}.ipynb").read_text()
        for solution in build.SOLUTION.finditer("\n".join(build.codes(name))):
            for line in solution[0].splitlines()[1:-1]:
                assert json.dumps(line)[1:-1] in solved
        assert "SOLUTION" not in text and text.count("raise NotImplementedError") >= 1
        for task in grade.tasks(name):
            assert f'mark(\\"{task.name}\\", globals())' in text
    names = {p.relative_to(built / "students").as_posix() for p in built.rglob("students/**/*.*")}
    sets = {f"sets/{path.name}" for path in (ROOT / "teacher/sets").glob("*.py")}
    wheel = "rnn_src-0-py3-none-any.whl"
    assert names == {f"{s}.ipynb" for s in grade.SETS} | {"grade.py", wheel} | sets


def test_the_folder_of_a_student_needs_nothing_else(built, tmp_path):
    """Only the package is there besides; the solution passes, what was handed out does not."""
    code = (
        "import sys, shutil; sys.path.insert(0, '.'); import grade\n"
        "for s in grade.SETS: shutil.copy(f'../solutions/{s}.ipynb', f'{s}-solved.ipynb')\n"
        "solved = grade.main([f'{s}-solved.ipynb' for s in grade.SETS])\n"
        "assert (solved, grade.main([f'{s}.ipynb' for s in grade.SETS])) == (0, 1)\n"
        "assert not {'exam', 'build', 'mistakes', 'nbformat'} & {*sys.modules}\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for folder in ("students", "solutions"):
        (tmp_path / folder).symlink_to(built / folder)
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=built / "students",
        capture_output=True,
        text=True,
        env=environment,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count(" ok ") == run.stdout.count(" FAIL ") == 17


def test_a_task_is_graded_in_the_notebook_itself(capsys, monkeypatch):
    names = [task.name for name in grade.SETS for task in grade.tasks(name)]
    assert len(set(names)) == len(names) == 17
    solved, _ = grade.execute(build.codes("forward"))
    grade.mark("step", solved._namespace)
    assert capsys.readouterr().out == "step: passed\n"
    with pytest.raises(grade.Later, match="^step: The notebook defines no `step`. Read ") as caught:
        grade.mark("step", {})
    assert caught.value._render_traceback_() == [str(caught.value)]
    asked = []
    monkeypatch.setenv("GRADE_SEED", "hidden")
    fine = grade.Result("step", True, "passed")
    monkeypatch.setattr(grade, "run_task", lambda *given: asked.append(given[2]) or fine)
    grade.mark("step", {})
    assert asked == ["hidden"]
    with pytest.raises(ValueError, match="name must be that of a task, got 'stop'"):
        grade.mark("stop", {})


def test_nbgrader_finds_its_marks(built):
    """Each answer is a solution, each `mark` a point; identities are unique."""
    for name in grade.SETS:
        cells = nbformat.read(built / f"students/{name}.ipynb", as_version=4)["cells"]
        about = [cell.metadata.nbgrader for cell in cells if "nbgrader" in cell.metadata]
        ids = [one.grade_id for one in about]
        assert len(ids) == len(set(ids)) and all(re.fullmatch(r"\w+", i) for i in ids)
        assert sum(one.points for one in about if one.grade) == len(grade.tasks(name))
        assert sum(one.solution for one in about) == "".join(build.codes(name)).count("# BEGIN")
        assert not [one for one in about if one.grade and one.solution]


def test_two_builds_are_equal(built, tmp_path):
    build.main(tmp_path / "out", built / "students/rnn_src-0-py3-none-any.whl")
    names = {p.relative_to(built).as_posix() for p in built.rglob("*") if p.is_file()}
    names -= {n for n in names if "__pycache__" in n or "-solved" in n}
    assert {"students.zip", "mistakes.md", "exam/exam.md", "exam/key.md"} < names
    assert filecmp.cmpfiles(built, tmp_path / "out", names, shallow=False)[1:] == ([], [])


def test_the_table_of_mistakes_has_a_row_for_each(built):
    rows = (built / "mistakes.md").read_text(encoding="utf-8").splitlines()[4:]
    assert len(rows) == len(MISTAKES)
    for row, mistake in zip(rows, MISTAKES):
        assert row.startswith(f"| {mistake.set} | {mistake.name} | {mistake.task} | ")
        assert mistake.words in row and row.count(" | ") == 3


def headings(page):
    return re.findall(r"^#+ (.+)$", (ROOT / f"book/{page}.md").read_text(encoding="utf-8"), re.M)


def test_what_a_student_is_sent_to_read_is_there():
    from sets import sick

    places = {(task.page, task.heading) for name in grade.SETS for task in grade.tasks(name)}
    for page, heading in places | {*sick.PAGES.values()}:
        assert heading in headings(page)
        assert f"({page}.html#{anchor(heading)})" in grade.reading(page, heading)
    asked = "".join((ROOT / f"teacher/sets/{name}.md").read_text() for name in grade.SETS)
    titles = {headings(path.stem)[0] for path in (ROOT / "book").glob("*.md")}
    for title in re.findall(r"\*([A-Z][^*]+)\*", asked):
        assert title == "Through Time" or any(t.partition(":")[0] == title for t in titles), title


def test_a_grader_needs_numpy_and_the_package_only():
    for path in [ROOT / "teacher/grade.py", *(ROOT / "teacher/sets").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            tops = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
            assert tops <= {"numpy", "rnn_src", "grade", "sets"}


# --- The exam --------------------------------------------------------------------------------

SECRETS = (exam.SAMPLE, "blue whales hum at dusk", "seven grey herons, standing")


def test_a_secret_makes_one_exam():
    for write in (exam.paper, exam.key):
        one, other = (["\n".join(write(secret, "Exam")) for secret in SECRETS] for _ in range(2))
        assert one == other and len(set(one)) == len(SECRETS)


def test_another_secret_makes_other_numbers_in_every_question():
    for place, (function, *_) in enumerate(exam.QUESTIONS):
        drawn = [function(exam.Draw("secret", k, place)) for k in range(60)]
        assert len({question.text for question in drawn}) >= 55, function.__name__
        numbers = [json.dumps(question.answers, default=float) for question in drawn]
        assert len(set(numbers)) >= 50, function.__name__


def test_no_exam_has_an_odd_number_in_it():
    for place, (function, *_) in enumerate(exam.QUESTIONS):
        for seed in range(100):
            drawn = function(exam.Draw(seed, place))
            shown = " ".join([exam.flow(drawn.text), *map(exam.shown, drawn.answers.values())])
            assert not re.search(r"3th|[-\N{MINUS SIGN}]0(?![.\d])|nan|inf\b", shown), shown
            trivial = {"lstm_step": "d", "composed": "c"}.get(function.__name__)
            assert not trivial or numbers(drawn.answers[trivial])[0], shown


def test_an_exam_has_twenty_questions_of_known_chapters():
    asked = exam.questions(exam.SAMPLE)
    places = [reading_order().index(page) for page, *_ in asked]
    assert len(asked) == 20 == len({title for _, title, *_ in asked})
    assert places == sorted(places) and len(set(places)) >= 17
    assert sum(points for _, _, points, _ in asked) == 100
    paper, key = ("\n".join(write(exam.SAMPLE, "E")) for write in (exam.paper, exam.key))
    for text in (paper, key):
        assert (
            len(re.findall(r"^On \*[A-Z].+\*, \d points\.$", text, re.M)) == 20
            and text.count("$") % 2 == 0
        )
        assert not re.search(
            r"nan|inf\b|(?<![.\d])\d{6}|(?<=\s)-\d|\de-", re.sub(r"\$[^$]*\$", "", text)
        )
    for _, _, _, q in asked:
        parts = re.findall(r"\((\w)\) ", exam.flow(q.text))
        assert list(q.answers) == [*dict.fromkeys(p for p in parts if p in "abcde")]


def test_short_and_public_secrets_are_refused(tmp_path, monkeypatch):
    for arguments, says in (
        (["--seed", "whales"], "the secret must have at least 16 characters, got 6: a short one"),
        (["--seed", "sample"], "the secret must be another than that of the sample"),
    ):
        with pytest.raises(SystemExit, match=says):
            exam.main(["--out", str(tmp_path / "exam"), *arguments])
        assert not (tmp_path / "exam").exists()
    monkeypatch.setattr("getpass.getpass", lambda prompt: SECRETS[1])
    exam.main(["--out", str(tmp_path / "exam")])
    assert {p.name for p in (tmp_path / "exam").iterdir()} == {"exam.md", "exam.ipynb", "key.md"}
    key = (tmp_path / "exam/key.md").read_text(encoding="utf-8")
    assert key == "\n\n".join(exam.key(SECRETS[1], "Key: recurrent networks")) + "\n"
    nbformat.validate(nbformat.read(tmp_path / "exam/exam.ipynb", as_version=4))


# Each answer once more: counted, stepped through, or measured, from the numbers of the question.


def sigma(v):
    return 1 / (1 + math.exp(-v))


def first(holds):
    return next(k for k in itertools.count() if holds(k))


def again_window(longest, size, answers):
    right = [Fraction(1) if d <= size else Fraction(1, answers) for d in range(1, longest + 1)]
    return {"a": float(sum(right) / longest), "b": 1 / answers}


def again_two_steps(W, u, b, x):
    h, states = (0.0, 0.0), []
    for x_t in x:
        a = [W[i][0] * h[0] + W[i][1] * h[1] for i in (0, 1)]
        h = math.tanh(a[0] + u * x_t + b), math.tanh(a[1] - u * x_t)
        states.append(list(h))
    return {"a": states[0], "b": states[1]}


def again_padding(T, lengths, loss):
    o, targets = np.random.default_rng(0).normal(size=(T, 5, 3)), np.zeros((T, 5), int)
    real = np.arange(T)[:, None] < lengths
    right, gradient = softmax_cross_entropy(o, targets, real)
    each = np.log(np.exp(o).sum(axis=-1)) - o[..., 0]
    reported = (each * real).mean()
    error = np.exp(o) / np.exp(o).sum(axis=-1, keepdims=True) - [1, 0, 0]
    wrong = error * real[..., None] / each.size
    ratio = np.linalg.norm(wrong) / np.linalg.norm(gradient)
    return {"a": loss * right / reported, "b": ratio, "c": "rise" if reported < right else "fall"}


def again_surprise(symbols, high, low, share):
    p = np.full(symbols, (1 - high) / (symbols - 1))
    p[0] = high
    hits = round(100 * share)
    loss = -np.mean(np.log(p[[0] * hits + [1] * (100 - hits)]))
    assert np.isclose(p.sum(), 1)
    return {"a": loss, "b": np.exp(loss), "c": -math.log(1 / symbols)}


def again_by_hand(w, x, y):
    def loss(w, h, late=0):
        for x_t in x:
            h = w * h + x_t
        return (h - y) ** 2 / 2

    step = 1e-5
    by_w = (loss(w + step, 1) - loss(w - step, 1)) / (2 * step)
    by_h = (loss(w, 1 + step) - loss(w, 1 - step)) / (2 * step)
    h = [1.0]
    for x_t in x:
        h.append(w * h[-1] + x_t)
    wrong = (h[3] - y) * (w**2 * h[1] + w * h[2] + h[3])
    return {"a": by_h, "b": by_w, "c": wrong}


def again_difference(terms, third):
    steps = np.logspace(-7, -3, 400_001)
    errors = 1.1e-16 * terms / steps + steps**2 * third / 6
    best = errors.argmin()
    return {"a": steps[best], "b": errors[best]}


def again_kept(w, T, K, n, d):
    params = RNNParams(np.array([[w]]), np.ones((1, 1)), np.zeros(1))
    _, tape = forward("rnn_linear", params, np.ones((T, 1, 1)))
    dstates = np.zeros((T, 1, 1))
    dstates[-1] = 1
    cut, full = (
        backward("rnn_linear", params, tape, dstates, window=k)[0].U[0, 0] for k in (K, None)
    )
    uses = np.arange(50 * n)
    survive = 1.0
    for _ in range(d):
        survive -= survive / n
    return {"a": cut / full, "b": np.mean(uses // n == (uses + d) // n), "c": survive}


def again_hump(a, c):
    W, sizes = np.array([[a, c], [0, a]]), []
    for k in range(1, 200):
        sizes.append(np.linalg.matrix_power(W, k)[0, 1])
    return {"b": (1 + first(lambda k: sizes[k] >= max(sizes) * (1 - 1e-12)), max(sizes))}


def again_half_lives(b, steps):
    def halves(bias):
        """The steps to a half, between two whole ones along the exponential."""
        k = first(lambda k: sigma(bias) ** k <= 0.5)
        before, after = sigma(bias) ** (k - 1), sigma(bias) ** k
        return k - 1 + math.log(before / 0.5) / math.log(before / after)

    low, high = -3.0, 12.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if halves(middle) < steps else (low, middle)
    return {"a": halves(b), "b": low}


def again_rounding(rate, batch, noise):
    one = np.float32(1)
    return {
        "a": first(lambda k: one + np.float32(rate**k) == one),
        "b": first(lambda k: rate**k < noise * batch**-0.5),
        "c": "noise",
    }


def again_overflow(factor, start):
    with np.errstate(over="ignore"):
        entries = (start * factor ** np.arange(1200.0)).astype(np.float32)
        infinite = [np.isinf(entries), np.isinf(entries * entries)]
    return dict(zip("ab", (int(found.argmax()) for found in infinite)))


def again_travels(sigma, drive, level):
    q = 0.0
    for _ in range(2000):
        q = sigma**2 * q + drive
    rng, H = np.random.default_rng(0), 500
    W = sigma / np.sqrt(H) * rng.standard_normal((H, H))
    back = np.array([np.linalg.norm(W.T @ v) ** 2 / H for v in rng.standard_normal((20, H))])
    assert np.isclose(back.mean(), sigma**2, rtol=0.1)
    return {"a": q, "b": sigma * sigma, "c": first(lambda k: sigma**k < 1 / level), "d": "smaller"}


def again_share_of_lag(w, T, blame):
    terms = [blame]
    for _ in range(T - 1):
        terms.append(w * terms[-1])
    return {"a": sum(terms), "b": terms[-1] / sum(terms), "c": "it stays"}


def again_clipping(g, limit):
    norm = math.hypot(*g)
    cut = [math.copysign(min(abs(v), limit), v) for v in g]
    cosine = sum(a * b for a, b in zip(g, cut)) / norm / math.hypot(*cut)
    return {"a": [limit * v / norm for v in g], "b": cut, "c": cosine, "d": "no"}


def again_lstm_step(b, w, h, c):
    def cell(h, c):
        return sigma(b[1] + w * h) * c + sigma(b[0]) * math.tanh(b[2])

    step = 1e-5
    by_c = (cell(h, c + step) - cell(h, c - step)) / (2 * step)
    by_h = (cell(h + step, c) - cell(h - step, c)) / (2 * step)
    return {"a": cell(h, c), "b": sigma(b[3]) * math.tanh(cell(h, c)), "c": by_c, "d": by_h}


def again_averaged(z, n, h, k, percent):
    for _ in range(k):
        h = (1 - z) * n + z * h
    steps = first(lambda k: 100 * z**k < percent)
    return {"a": h, "b": steps, "c": -math.log(1 / z - 1), "d": "no"}


def again_mean_gate(high, low, every):
    rounds = 40
    gates = np.array(([high] * (every - 1) + [low]) * rounds)
    halvings = -np.log2(gates).sum()
    return {"a": len(gates) / halvings, "b": -1 / np.log2(gates.mean()), "c": "yes"}


def again_luck(runs, one, other, pairs):
    ways = [*itertools.combinations(range(2 * runs), one + other)]
    p = np.mean([sum(run < runs for run in way) >= one for way in ways])
    return {"a": p, "b": 0.05 / pairs, "c": "yes" if p * pairs < 0.05 else "no"}


def again_composed(a, b, T):
    def pair(steps):
        """(a, b) of several steps, from what they make of 0 and of 1."""
        ends = []
        for h in (0.0, 1.0):
            for k in steps:
                h = a[k] * h + b[k]
            ends.append(h)
        return [ends[1] - ends[0], ends[0]]

    whole = pair(range(4))
    return {"a": pair((0, 1)), "b": pair((2, 3)), "c": (whole, sum(whole)), "e": "no work"}


def again_newton(T, S, K):
    return {"a": K * T * S**3 / (T * S**2), "b": T / (1 + 2 * math.log(T) / math.log(2))}


def numbers(value):
    """The numbers in nested lists, and text as it is."""
    if isinstance(value, (list, tuple)):
        return [number for one in value for number in numbers(one)]
    return [value if isinstance(value, str) else float(value)]


def test_every_answer_of_the_key_is_found_in_another_way():
    for secret in SECRETS:
        checked = 0
        for (function, *_), (*_, q) in zip(exam.QUESTIONS, exam.questions(secret)):
            other = globals()[f"again_{function.__name__}"](**q.given)
            for part, value in other.items():
                ours, theirs = numbers(q.answers[part]), numbers(value)
                assert len(ours) == len(theirs)
                for one, two in zip(ours, theirs):
                    text = isinstance(two, str)
                    same = (
                        one == two if text else math.isclose(one, two, rel_tol=2e-5, abs_tol=1e-9)
                    )
                    assert same, (function.__name__, part, one, two)
                checked += 1
        assert checked >= 50
