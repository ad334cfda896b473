"""Run grids of slow measurements on all cores or on a cluster, and load what they found.

A grid is a module of this folder that holds

- `POINTS`, a list of dicts, no two alike: the settings of every run, its seed among them;
- `measure(**point)`, which returns a dict;
- `SAME`, the fields of that dict that another machine must find again, each with the relative
  tolerance that a test allows it (0 for exactly). Training amplifies rounding, so this is the
  beginning of a loss curve and the verdict rather than the last loss;
- if `measure` loads the results of other grids, their names in `NEEDS`: they are run before.

JSON must be able to hold points and results; it has no NaN and no infinity, for which `rounded`
writes null. A finished point is at once one line of
`results/<grid>.jsonl`, on the disk before the next: a command that is killed loses the points that
it was measuring, and the same command goes on with the rest.
"""

import ast
import contextlib
import datetime
import functools
import hashlib
import importlib
import json
import os
import platform
import sys
import threading
import time
import traceback
from pathlib import Path

import numpy as np

__all__ = ["load", "lookup", "measure", "names", "rounded", "run"]

HERE = Path(__file__).parent
PATIENCE = 10  # seconds for a cluster to answer, and again for its first worker


def names():
    """List the grids.

    Returns
    -------
    list of str
        The modules of this folder, but for the runner.
    """
    return sorted(path.stem for path in HERE.glob("[!_]*.py") if path.stem != "grid")


def rounded(values, digits=6):
    """Numbers as a results file holds them.

    Parameters
    ----------
    values : array of float
        One number, or a row of them.
    digits : int
        Behind the point.

    Returns
    -------
    float, None, or list of them
        None stands for NaN and for infinity, of which JSON knows nothing.
    """
    if np.ndim(values):
        return [rounded(value, digits) for value in values]
    return round(float(values), digits) if np.isfinite(values) else None


def load(name):
    """Load the results of a grid, for a chapter or a test.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    list of dict
        In the order of the grid's POINTS, each with a "point", its "result" and its "provenance".

    Raises
    ------
    ValueError
        If there is no such grid, or if a point has not been measured.
    """
    keys, found = [_key(point) for point in _module(name).POINTS], _read(name)
    if missing := sum(key not in found for key in keys):
        raise ValueError(
            f"{missing} of the {len(keys)} points of {name} are not measured yet: "
            f"run `make experiments GRIDS={name}`"
        )
    return [found[key] for key in keys]


def lookup(name, **settings):
    """The result of the first point with these settings, for a grid that builds on another.

    Parameters
    ----------
    name : str
        One of `names`.
    **settings
        Some fields of the point and their values.

    Returns
    -------
    dict
        Its result.

    Raises
    ------
    ValueError
        If there is no such grid, if no point has these settings, or if that one is not measured.
    """
    for point in _module(name).POINTS:
        if settings.items() <= point.items():
            if line := _read(name).get(_key(point)):
                return line["result"]
            raise ValueError(
                f"the point {point} of {name} is not measured yet: "
                f"run `make experiments GRIDS={name}`"
            )
    raise ValueError(f"no point of {name} has {settings}")


def measure(name, point):
    """Measure one point, in whatever process this is.

    Parameters
    ----------
    name : str
        The grid.
    point : dict
        One of its POINTS.

    Returns
    -------
    dict
        The line of the results file: "point", "result" and "provenance".
    """
    module, code = _module(name), _code(name)
    started = time.perf_counter()
    result = module.measure(**point)
    provenance = {
        "command": f"make experiments GRIDS={name}",
        "seconds": round(time.perf_counter() - started, 3),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "code": code,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    return {"point": point, "result": result, "provenance": provenance}


def run(grids, scheduler=None):
    """Measure every point that is not in the files yet.

    Parameters
    ----------
    grids : list of str
        Some of `names`, run one after the other, each after the grids that it needs.
    scheduler : str, optional
        The address of a dask scheduler, such as tcp://host:8786, whose workers measure the points.
        All cores of this computer if not given.

    Returns
    -------
    int
        How many points failed.

    Raises
    ------
    ValueError
        If there is no such grid, no such cluster, or workers that run other code.
    """
    order = _in_order(grids)  # no point is measured if a name is wrong
    with _workers(scheduler) as parent:
        return sum(_run(name, parent) for name in order)


def _in_order(grids):
    """The grids, each behind those that it needs."""
    order = []
    for name in grids:
        for grid in [*_in_order(getattr(_module(name), "NEEDS", ())), name]:
            if grid not in order:
                order.append(grid)
    return order


def _alone(name):
    """Hold the grid to the end: a second command then finds every point done. A kill frees it."""
    import filelock

    lock = filelock.FileLock(HERE / "results" / f"{name}.lock")
    try:
        return lock.acquire(timeout=0)
    except filelock.Timeout:
        print(f"{name}: waiting for another command that runs it.", file=sys.stderr)
        return lock.acquire()


def _run(name, parent):
    import joblib
    from tqdm import tqdm

    points = {_key(point): point for point in _module(name).POINTS}
    (HERE / "results").mkdir(exist_ok=True)
    with _alone(name):
        found, failed = _read(name), 0
        _write(name, found)
        _report(name, points, found)
        todo = [point for key, point in points.items() if key not in found]
        # One point a task, or the points of a batch would reach the file together.
        parallel = joblib.Parallel(
            batch_size=1, pre_dispatch="all", return_as="generator_unordered"
        )
        outcomes = parallel(joblib.delayed(_attempt)(name, point, parent) for point in todo)
        with tqdm(total=len(points), initial=len(points) - len(todo), desc=name) as bar:
            for line, error in outcomes:
                if error:
                    failed += 1
                    bar.write(error, file=sys.stderr)
                    continue
                if line["provenance"]["code"] != _code(name):
                    raise ValueError("a worker runs other code than this command: restart it")
                _append(name, line)
                bar.update()
        _write(name, _read(name))  # in order: the file does not tell who was faster
    return failed


def _attempt(name, point, parent):
    """A line, or why there is none: one point that fails does not stop the others."""
    if parent not in (None, os.getpid()):
        _end_with(parent)
    try:
        line = measure(name, point)
        json.dumps(line, allow_nan=False)
        return line, None
    except Exception:
        return None, f"{name}: the point {point} failed.\n{traceback.format_exc()}"


@functools.cache  # one watch a process
def _end_with(parent):
    """End this worker with the command that started it, even if that was killed."""

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _workers(scheduler):
    """Point joblib at this computer or at a cluster; the process that local workers end with."""
    import joblib

    if not scheduler:
        # One thread each: the points fill the cores, and sums keep their order.
        with joblib.parallel_config(backend="loky", n_jobs=-1, inner_max_num_threads=1):
            yield os.getpid()
        return
    import distributed

    try:
        client = distributed.Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise ValueError(f"no dask scheduler answers at {scheduler!r}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise ValueError(f"the scheduler at {scheduler} has no workers") from error
        with joblib.parallel_config(backend="dask"):
            yield None


def _report(name, points, found):
    """Say what a person should decide: nothing that took hours is thrown away by itself."""
    extra = sum(key not in points for key in found)
    older = sum(line["provenance"]["code"] != _code(name) for line in found.values())
    if extra:
        print(
            f"{name}: {extra} lines are of no point of the grid; delete them if nobody needs them."
        )
    if older:
        print(
            f"{name}: {older} lines are of older code; delete those that are to be measured again."
        )


# --- The code and the files ------------------------------------------------------------------


def _module(name):
    if name not in names():
        raise ValueError(f"there is no grid {name!r}: the grids are {', '.join(names()) or 'none'}")
    module = importlib.import_module(f"experiments.{name}")
    if len({_key(point) for point in module.POINTS}) < len(module.POINTS):
        raise ValueError(f"two points of {name} are alike")
    return module


DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def _read_code():
    """Every module of the package and of this folder: what it does, and what it imports of these.

    Docstrings, comments and layout do not count: to edit them makes no result older.
    """
    code = {}
    for folder in ("rnn_src", "experiments"):
        for path in (HERE.parent / folder).rglob("*.py"):
            parts = path.relative_to(HERE.parent).with_suffix("").parts
            tree, imports = ast.parse(path.read_text(encoding="utf-8")), set()
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    imports |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    imports |= {node.module, *(f"{node.module}.{a.name}" for a in node.names)}
                elif isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
                    node.body[0] = ast.Pass()
            code[".".join(p for p in parts if p != "__init__")] = ast.unparse(tree), imports
    return code


# Taken when a process starts: a worker tells what it imported, not what lies there by now.
CODE = _read_code()


@functools.cache
def _code(name):
    """Digest of the code that measures: the grid and all that it imports, but for this runner."""
    wanted, todo = set(), [f"experiments.{name}"]
    while todo:
        module = todo.pop()
        if module in CODE and module not in wanted and module != __name__:
            wanted.add(module)
            todo += CODE[module][1]
    text = "\n".join(CODE[module][0] for module in sorted(wanted))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _key(point):
    return json.dumps(point, sort_keys=True)


def _path(name):
    return HERE / "results" / f"{name}.jsonl"


def _read(name):
    """The line of every point by its key; the last may be torn, if a kill came in between."""
    if not _path(name).exists():
        return {}
    found, at = {}, {}
    text = _path(name).read_bytes()
    lines = text.splitlines()
    for number, raw in enumerate(lines, 1):
        try:
            line = json.loads(raw)
            key = _key(line["point"])
            _ = line["result"], line["provenance"]["code"]
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines) and not text.endswith(b"\n"):
                break
            raise ValueError(
                f"results/{name}.jsonl is damaged in line {number}: {error}; delete that line, "
                f"and `make experiments GRIDS={name}` measures its point again"
            ) from error
        if key in found and found[key]["result"] != line["result"]:
            raise ValueError(
                f"results/{name}.jsonl has two results of one point, in lines {at[key]} and "
                f"{number}: delete the wrong one"
            )
        found.setdefault(key, line)
        at.setdefault(key, number)
    return found


def _append(name, line):
    with _path(name).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _write(name, found):
    """Replace the file in one step: the points in the order of the grid, then any others."""
    order = [_key(point) for point in _module(name).POINTS]
    order += [key for key in found if key not in set(order)]
    text = "".join(json.dumps(found[key]) + "\n" for key in order if key in found)
    if not _path(name).exists() and not text:
        return
    new = _path(name).with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, _path(name))
