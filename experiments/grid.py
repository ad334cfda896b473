"""Run grids of slow measurements on all cores or on a cluster, and load what they found.

A grid is a module of this folder that holds

- `POINTS`, a list of dicts, no two alike: the settings of every run, its seed among them;
- `measure(**point)`, which returns a dict;
- `SAME`, the fields of that dict that another machine must find again, each with the relative
  tolerance that a test allows it (0 for exactly). Training amplifies rounding, so this is the
  beginning of a loss curve and the verdict rather than the last loss.

JSON must be able to hold points and results. A finished point is at once one line of
`results/<grid>.jsonl`, on the disk before the next: a command that is killed loses the points that
it was measuring, and the same command goes on with the rest.
"""

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

__all__ = ["load", "measure", "names", "run"]

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
    keys = [_key(point) for point in _module(name).POINTS]
    found = _read(name)
    if missing := sum(key not in found for key in keys):
        raise ValueError(
            f"{missing} of the {len(keys)} points of {name} are not measured yet: "
            f"run `make experiments GRIDS={name}`"
        )
    return [found[key] for key in keys]


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
        Some of `names`, run one after the other.
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
    for name in grids:
        _module(name)  # no point is measured if a name is wrong
    with _workers(scheduler) as parent:
        return sum(_run(name, parent) for name in grids)


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
        json.dumps(line)
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


def _digest(*paths):
    files = b"".join(path.name.encode() + path.read_bytes() for path in paths)
    return hashlib.sha256(files).hexdigest()[:12]


# Taken when a process starts: a worker tells what it imported, not what lies there by now.
PACKAGE = _digest(*sorted((HERE.parent / "rnn_src").rglob("*.py")))


@functools.cache
def _code(name):
    """Digest of the code that measures: the package and the grid."""
    return hashlib.sha256((PACKAGE + _digest(HERE / f"{name}.py")).encode()).hexdigest()[:12]


def _key(point):
    return json.dumps(point, sort_keys=True)


def _path(name):
    return HERE / "results" / f"{name}.jsonl"


def _read(name):
    """Every whole line by the key of its point; the last is torn if a kill came in between."""
    if not _path(name).exists():
        return {}
    whole, _, _ = _path(name).read_bytes().rpartition(b"\n")
    try:
        lines = [json.loads(line) for line in whole.splitlines()]
        return {_key(line["point"]): line for line in lines}
    except (ValueError, KeyError) as error:
        raise ValueError(f"results/{name}.jsonl is damaged: {error}") from error


def _append(name, line):
    with _path(name).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
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
