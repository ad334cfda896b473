"""Grade a problem set: one line a task, with what came, what was wanted, and where to read.

    python grade.py forward.ipynb
    python grade.py hand-ins/*.ipynb --seed "what only the teacher knows" --table marks.csv

Every number is drawn from the seed. Students run with the public one; a teacher runs with another,
so an answer that was copied instead of computed fails there. The exit code is 0 if every task of
every notebook passed, 1 if not, and 2 if a file cannot be graded.

It needs Python, NumPy and `rnn_src` only. A notebook runs in a process of its own, so a loop
without an end costs one task and not the rest. It is no prison: run the notebooks of strangers in a
container.

Why not otter-grader or nbgrader: both are maintained (7.0.0 and 0.9.6), but they bring 88 and 100
packages to say whether an assertion held. Here a wrong answer is compared with those of typical
mistakes, and all of it is a file and a folder that a student can run. What they share is kept: the
sources have the marks BEGIN SOLUTION and END SOLUTION, and the notebooks carry nbgrader's metadata.
nbgrader 0.9.6 was tried on both: it gave the solutions all points, and the stubs none.
"""

import argparse
import contextlib
import copy
import csv
import hashlib
import importlib
import io
import json
import os
import queue
import re
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))  # in a checkout the package lies there, not installed
SETS = ("forward", "bptt", "sick")
PUBLIC = "public"  # the seed of everybody
START = 60  # seconds that Python and NumPy may take before the first cell, on a busy machine


class Task(NamedTuple):
    """One line of a mark: what is asked, where the book explains it, and what checks it."""

    name: str
    page: str
    heading: str
    check: Callable


class Result(NamedTuple):
    """What came of a task."""

    name: str
    passed: bool
    says: str


class Wrong(Exception):
    """A task that failed, and why, in sentences for the student; `place` is where to read, if not
    where the task says: a page and a heading.
    """

    def __init__(self, says, place=None):
        super().__init__(says)
        self.place = place


class Later(AssertionError):
    """A failed task in a notebook: Jupyter shows its sentence and no traceback."""

    def _render_traceback_(self):
        return [str(self)]


class Nowhere(io.TextIOBase):
    """Where a notebook prints to: a loop may print for ever."""

    def write(self, text):
        return len(text)


# --- What checks are made of -----------------------------------------------------------------


class Student:
    """The student's functions: `do.step(h, x)` calls `step`, or says in a sentence what is wrong.

    Arguments are handed over as copies, which must come back unchanged.
    """

    def __init__(self, namespace, sources=()):
        self._namespace, self._sources = namespace, dict(sources)

    def _function(self, name):
        function = self._namespace.get(name)
        if function is None:
            raise Wrong(f"The notebook defines no `{name}`.")
        if not callable(function):
            raise Wrong(f"`{name}` must be a function, came {type(function).__name__}.")
        return function

    def __getattr__(self, name):
        function = self._function(name)
        return lambda *given: self._call(name, function, given)

    def refuses(self, name, *given):
        """Whether the student's function raises AssertionError; it need not return anything."""
        function, refused = self._function(name), []

        def asked(*handed):
            try:
                function(*handed)
            except AssertionError as error:
                refused.append(error)
            return refused

        return bool(self._call(name, asked, given))

    def _call(self, name, function, given):
        handed = copy.deepcopy(given)
        try:
            with np.errstate(all="ignore"), contextlib.redirect_stdout(Nowhere()):
                came = function(*handed)
        except NotImplementedError:
            raise Wrong(f"`{name}` is not written yet, or it calls what is not.") from None
        except (Exception, SystemExit) as error:
            raise Wrong(f"`{name}` stops: {told(error, self._sources)}") from None
        if changed(given, handed):
            raise Wrong(f"`{name}` changes an array that it was given. Make a new one instead.")
        if came is None:
            raise Wrong(f"`{name}` returns nothing. Is there a `return` at its end?")
        return came


def changed(before, after):
    """Whether an array in nested tuples is another now."""
    if isinstance(before, tuple):
        return any(map(changed, before, after))
    return isinstance(before, np.ndarray) and not np.array_equal(before, after, equal_nan=True)


def told(error, sources):
    """An exception in one sentence, with the line of the notebook that raised it."""
    text = " ".join(str(error).split())
    says = f"{type(error).__name__}{': ' if text else ''}{text:.200}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename in sources:
            line = sources[frame.filename].splitlines()[frame.lineno - 1].strip()
            return f"{says} ({frame.filename}, line {frame.lineno}: {line})."
    return f"{says}."


def close(what, came, wanted, suspects=(), axes="", tolerance=1e-9):
    """Raise Wrong unless the numbers are those that were wanted, to `tolerance` of the largest.

    `suspects` holds pairs of a sentence and numbers: what a typical mistake gives. If these are the
    numbers that came, the sentence is said.
    """
    wanted = np.asarray(wanted)
    try:
        came = np.asarray(came, dtype=float)
    except (TypeError, ValueError):
        raise Wrong(f"{what}: came {kind(came)}, wanted {kind(wanted)}.") from None
    if came.shape != wanted.shape:
        same = [says for says, other in suspects if alike(came, other, tolerance)]
        shape = f"{what}: came shape {came.shape}, wanted {wanted.shape}{axes and f' = {axes}'}."
        raise Wrong(" ".join([shape, *same[:1]]))
    if alike(came, wanted, tolerance):
        return
    place = worst(came, wanted)
    at = f"{what}[{', '.join(map(str, place))}]" if place else what
    says = f"{at}: {both(came[place], wanted[place])}."
    if not np.isfinite(came).all():
        says += " A number that is not finite: something overflowed, or was divided by 0."
    same = [sentence for sentence, other in suspects if alike(came, other, tolerance)]
    raise Wrong(" ".join([says, *same[:1]]))


def both(came, wanted):
    """Two numbers in as many digits as it takes to see that they differ."""
    digits = 6 if f"{came:.6g}" != f"{wanted:.6g}" else 12
    return f"came {came:.{digits}g}, wanted {wanted:.{digits}g}"


def kind(value):
    """What a value is, in few words."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}" if value.shape else "a number"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def parts(name, came, letters):
    """The things that a function returns together, or which of them there should be."""
    wanted = letters.split(", ")
    if not isinstance(came, (tuple, list)) or len(came) != len(wanted):
        raise Wrong(f"`{name}` must return {len(wanted)} things, {letters}; came {kind(came)}.")
    return came


def alike(came, wanted, tolerance):
    wanted = np.asarray(wanted)
    if np.shape(came) != wanted.shape:
        return False
    size = np.abs(wanted).max() if wanted.size else 0
    return bool(np.all(np.abs(came - wanted) <= tolerance * (size or 1)))


def worst(came, wanted):
    gap = np.array(np.abs(came - wanted))
    gap[~np.isfinite(gap)] = np.inf
    return tuple(int(k) for k in np.unravel_index(np.argmax(gap), gap.shape))


# --- Seeds, notebooks ------------------------------------------------------------------------


def generator(seed, *more):
    """A generator for any text: another one for every task."""
    text = "/".join(map(str, (seed, *more)))
    return np.random.default_rng([*hashlib.sha256(text.encode()).digest()])


def tasks(name):
    return importlib.import_module(f"sets.{name}").TASKS


def read(path):
    """The code cells of a notebook and the set that it belongs to, or one sentence why not."""
    path = Path(path)
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [c for c in notebook["cells"] if c["cell_type"] == "code"]
        codes = ["".join(c["source"]) for c in cells]
        name = notebook.get("metadata", {}).get("through_time", path.stem.partition("-")[0])
    except OSError:
        raise ValueError(f"{path} cannot be read: is there such a file?") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{path} must be a notebook (.ipynb), and is something else") from None
    if name not in SETS:
        sets = ", ".join(SETS)
        raise ValueError(f"{path} must be a notebook of one of the sets {sets}, got {name!r}")
    return name, codes


def plain(code):
    """Code without the lines that only a notebook understands, or that grade it there."""
    magic = r"%{1,2}[A-Za-z].*|!(?!=).*"  # no line that goes on with `% n` or `!= n`
    return re.sub(rf"^([ \t]*)(?:{magic}|[\w.]+\?+\s*|mark\(.*)$", r"\1pass", code, flags=re.M)


def execute(codes, tell=lambda number: None):
    """Run the cells; what stops one does not stop the next. The names, and the first failure."""
    namespace, fault = {"__name__": "__main__"}, ""
    sources = {f"cell {number}": code for number, code in enumerate(map(plain, codes), 1)}
    for name, code in sources.items():
        tell(name)
        try:
            with contextlib.redirect_stdout(Nowhere()), np.errstate(all="ignore"):
                exec(compile(code, name, "exec"), namespace)
        except (Exception, SystemExit) as error:
            expected = isinstance(error, (NotImplementedError, Later))
            fault = fault or ("" if expected else f"{name} stops: {told(error, sources)}")
    return Student(namespace, sources), fault


def run_task(task, student, seed):
    """The result of one task."""
    says = ""
    try:
        with np.errstate(all="ignore"):
            task.check(student, seed)
    except Wrong as wrong:
        says = f"{wrong} {reading(*wrong.place or (task.page, task.heading))}"
    except Exception as error:  # such as a record where an array was wanted
        says = f"What came cannot be judged: {told(error, {})} {reading(task.page, task.heading)}"
    return Result(task.name, not says, says or "passed")


def reading(page, heading):
    place = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    return f'Read "{heading}" ({page}.html#{place}).'


def mark(name, namespace):
    """Grade one task inside a notebook: `mark("step", globals())`.

    The seed is the public one, or that of the environment variable GRADE_SEED.
    """
    seed = os.environ.get("GRADE_SEED", PUBLIC)
    for task in (task for set_ in SETS for task in tasks(set_)):
        if task.name == name:
            result = run_task(task, Student(namespace), seed)
            if not result.passed:
                raise Later(f"{name}: {result.says}")
            return print(f"{name}: passed")
    raise ValueError(f"name must be that of a task, got {name!r}")


# --- A process for the notebook --------------------------------------------------------------


def work():
    """In a process of its own: run the notebook, then the tasks; a line of JSON for each news."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a notebook prints is none
    os.environ.setdefault("MPLBACKEND", "agg")
    order = json.loads(sys.stdin.readline())

    def tell(**news):
        print(json.dumps(news), file=out, flush=True)

    wanted = [task for task in tasks(order["set"]) if task.name in order["tasks"]]
    sys.path.append(os.getcwd())  # what lies beside the notebook, behind all that grades it
    student, fault = execute(order["codes"], lambda name: tell(cell=name))
    tell(ready=True, fault=fault)
    for task in wanted:
        tell(result=run_task(task, student, order["seed"]))


def grade(path, seed=PUBLIC, seconds=20):
    """The results of a notebook, and a note on the first cell that stops, if one does."""
    name, codes = read(path)
    left = [task.name for task in tasks(name)]
    lines = {task.name: reading(task.page, task.heading) for task in tasks(name)}
    results, note = [], ""
    while left:
        order = {"set": name, "codes": codes, "seed": seed, "tasks": left}
        news, ready = converse(order, Path(path).resolve().parent, seconds), False
        cell, why = "the grader's own process", ""
        for item in news:
            cell = item.get("cell", cell)
            if "ready" in item:
                ready, note = True, item["fault"]
            if "result" in item:
                results.append(Result(*item["result"]))
                left.remove(results[-1].name)
            why = item.get("why", "")
        if left and not ready:
            note = f"{cell} {why}"
            results += [Result(k, False, f"Not graded, because {note} {lines[k]}") for k in left]
            left = []
        elif left:
            k = left.pop(0)
            results.append(Result(k, False, f"`{k}` {why} {lines[k]}"))
    order = [task.name for task in tasks(name)]
    return sorted(results, key=lambda result: order.index(result.name)), note


def converse(order, folder, seconds):
    """What the process says, item by item; at the end why it stopped, if it did not finish."""
    # -P: not the folder's own modules first, where a student has left a grader, too.
    command = [sys.executable, "-P", "-c", "import grade; grade.work()"]
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, text=True, encoding="utf-8", **pipes
    )
    said = queue.Queue()

    def listen():
        for line in process.stdout:
            said.put(line)
        said.put(None)

    threading.Thread(target=listen, daemon=True).start()
    with process:
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        limit = max(seconds, START)
        while True:
            try:
                line = said.get(timeout=limit)
            except queue.Empty:
                process.kill()
                yield {"why": f"did not end within {limit:g} seconds. Is there a loop without end?"}
                return
            if line is None:
                yield {"why": "ended Python itself, so that nothing came back."}
                return
            limit = seconds
            yield json.loads(line)


# --- From a shell ----------------------------------------------------------------------------


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="grade.py", description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="+", help="forward.ipynb, bptt.ipynb or sick.ipynb")
    parser.add_argument("--seed", default=PUBLIC, help="draw other numbers (teachers)")
    parser.add_argument("--seconds", type=float, default=20, help="limit for a cell or a task: 20")
    parser.add_argument("--table", help="write a row a notebook into this .csv (teachers)")
    given = parser.parse_args(arguments)
    rows, code = [], 0
    for path in given.notebooks:
        try:
            results, note = grade(path, given.seed, given.seconds)
        except ValueError as error:
            print(error, file=sys.stderr)
            code = 2
            rows.append([path, 0, 0, error])
            continue
        except ModuleNotFoundError as error:
            print(
                f"The grader needs {error.name}: pip install the wheel beside it.", file=sys.stderr
            )
            return 2
        print("\n".join(report(path, results, note)))
        code = max(code, int(not all(result.passed for result in results)))
        rows.append([path, sum(r.passed for r in results), len(results), note])
        rows[-1] += [f"{r.name}: {r.says}" for r in results if not r.passed]
    if given.table:
        with open(given.table, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["notebook", "passed", "of", "note", "failed"], *rows])
    return code


def report(path, results, note=""):
    """The lines of a mark."""
    yield f"{path}" + (f"\nNote: {note}" if note else "")
    for result in results:
        yield f"  {result.name:<18} {'ok  ' if result.passed else 'FAIL'}  {result.says}"
    yield f"  {sum(result.passed for result in results)} of {len(results)} tasks passed"


if __name__ == "__main__":
    from grade import main as main_  # not __main__: the sets import this module by its name

    sys.exit(main_())
