"""Long experiments: nothing lost, nothing done twice, and every results file can be made again."""

import importlib
import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from experiments import grid, nearer
from experiments.grid import _read, load, lookup, measure, names, rounded
from experiments.grid import run as run_grids
from rnn_src.tasks import TASKS

ROOT = Path(__file__).parents[1]

TOY = """
import os, time
from pathlib import Path

NOTES = Path(__file__).parent / "notes"
POINTS = [{"seed": seed, "power": 2} for seed in (3, 1, 2, 0, 5, 4)]
SAME = {"value": 0}

def measure(seed, power):
    time.sleep(float(os.environ.get("TOY_SECONDS", 0)) * (1 + seed % 2))
    if str(seed) in os.environ.get("TOY_FAILS", ""):
        raise RuntimeError("this seed fails")
    (NOTES / f"{seed}-{time.monotonic_ns()}").write_text(str(os.getpid()))
    return {"value": seed**power}
"""


@pytest.fixture
def house(tmp_path):
    """A copy of the runner with one grid, `toy`."""
    (tmp_path / "experiments" / "notes").mkdir(parents=True)
    for name in ("__init__.py", "__main__.py", "grid.py"):
        shutil.copy(ROOT / "experiments" / name, tmp_path / "experiments")
    (tmp_path / "rnn_src").symlink_to(ROOT / "rnn_src")
    (tmp_path / "experiments" / "toy.py").write_text(TOY)
    return tmp_path


def environment(house, **more):
    return os.environ | {"PYTHONPATH": str(house)} | more


def start(house, *grids, **more):
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", *grids],
        cwd=house,
        env=environment(house, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, fails=False):
    out, err = process.communicate(timeout=120)
    assert bool(process.returncode) == fails, err
    return out + err


def results(house):
    return house / "experiments" / "results" / "toy.jsonl"


def lines(house):
    text = results(house).read_text()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def toy_lines(*pairs):
    """Lines of a results file: a seed and a value each."""
    return [
        json.dumps({"point": {"seed": s}, "result": {"value": v}, "provenance": {"code": ""}})
        for s, v in pairs
    ]


def measured(house):
    """How often each seed was measured."""
    notes = (house / "experiments" / "notes").iterdir()
    return Counter(int(note.name.split("-")[0]) for note in notes)


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def test_points_come_in_the_order_of_the_grid_with_their_provenance(house):
    said = finish(start(house, "toy"))
    assert "6/6" in said  # the bar
    found = lines(house)
    assert [line["point"]["seed"] for line in found] == [3, 1, 2, 0, 5, 4]
    for line in found:
        assert line["result"] == {"value": line["point"]["seed"] ** 2}
        assert_provenance(line["provenance"], "toy")
    before = results(house).read_bytes()
    finish(start(house))  # all grids, and nothing left to do
    assert results(house).read_bytes() == before and set(measured(house).values()) == {1}


def assert_provenance(provenance, grid):
    wanted = "command seconds python numpy machine code date".split()
    assert sorted(provenance) == sorted(wanted)
    assert provenance["command"] == f"make experiments GRIDS={grid}"
    assert provenance["seconds"] >= 0
    assert re.fullmatch(r"[0-9a-f]{12}", provenance["code"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", provenance["date"])
    assert re.fullmatch(r"3\.\d+\.\d+\S*", provenance["python"])
    assert not re.search(r"/(home|root|work|tmp|Users)", json.dumps(provenance))


def test_a_killed_command_goes_on_and_does_nothing_twice(house):
    process = start(house, "toy", TOY_SECONDS="0.7")
    wait_for(lambda: results(house).exists() and results(house).read_text().count("\n") >= 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = lines(house)
    assert 2 <= len(kept) < 6
    time.sleep(3)  # workers end with their command
    finished = measured(house)
    with results(house).open("a") as file:
        file.write('{"point": {"seed": 4, "pow')  # and a line that the kill tore
    finish(start(house, "toy"))
    assert [line["point"]["seed"] for line in lines(house)] == [3, 1, 2, 0, 5, 4]
    again = measured(house)
    for line in kept:
        seed = line["point"]["seed"]
        assert line in lines(house) and again[seed] == finished[seed] == 1
    assert set(again) == {0, 1, 2, 3, 4, 5}


def test_two_commands_at_once_do_nothing_twice(house):
    both = [start(house, "toy", TOY_SECONDS="0.2") for _ in range(2)]
    for process in both:
        finish(process)
    assert len(lines(house)) == 6 and set(measured(house).values()) == {1}


def test_a_point_that_fails_is_named_and_the_others_are_kept(house):
    said = finish(start(house, "toy", TOY_FAILS="25"), fails=True)
    for seed in (2, 5):
        assert f"toy: the point {{'seed': {seed}, 'power': 2}} failed" in said
    assert "this seed fails" in said
    assert [line["point"]["seed"] for line in lines(house)] == [3, 1, 0, 4]
    finish(start(house, "toy"))
    assert len(lines(house)) == 6 and set(measured(house).values()) == {1}


def test_lines_of_another_grid_or_of_older_code_are_reported_and_kept(house):
    finish(start(house, "toy"))
    grid = house / "experiments" / "toy.py"
    grid.write_text(TOY.replace("(3, 1, 2, 0, 5, 4)", "(3, 1, 2, 0, 5)"))
    said = finish(start(house, "toy"))
    assert "toy: 1 lines are of no point of the grid" in said
    assert "toy: 6 lines are of older code" in said
    assert len(lines(house)) == 6 and set(measured(house).values()) == {1}


def test_unknown_grids_and_points_alike(house):
    said = finish(start(house, "toy", "tiger"), fails=True)
    assert said.strip() == "there is no grid 'tiger': the grids are toy"
    assert not results(house).exists()
    grid = house / "experiments" / "toy.py"
    grid.write_text(TOY.replace("(3, 1, 2, 0, 5, 4)", "(3, 1, 3)"))
    assert finish(start(house, "toy"), fails=True).strip() == "two points of toy are alike"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n".join([*toy_lines((1, 1), (2, 4)), "not JSON", ""]), "is damaged in line 3: "),
        ("\n".join(['{"point": {}}', *toy_lines((1, 1)), ""]), "is damaged in line 1: 'result'"),
        ("\n".join([*toy_lines((1, 1), (2, 4), (1, 2)), ""]), "one point, in lines 1 and 3: "),
    ],
)
def test_a_damaged_file_is_not_written_over(text, says, house):
    results(house).parent.mkdir()
    results(house).write_text(text)
    said = finish(start(house, "toy"), fails=True)
    assert said.startswith("results/toy.jsonl ") and says in said and said.count("\n") == 1
    assert results(house).read_text() == text and not measured(house)


def test_a_last_line_without_its_end_counts_if_it_is_whole(house):
    finish(start(house, "toy"))
    before = results(house).read_bytes()
    results(house).write_bytes(before.rstrip(b"\n"))
    finish(start(house, "toy"))
    assert results(house).read_bytes() == before and set(measured(house).values()) == {1}


def test_256_failures_are_a_failure(house):
    grid = house / "experiments" / "toy.py"
    many = TOY.replace("(3, 1, 2, 0, 5, 4)", "range(256)")
    grid.write_text(many.replace("if str(seed) in", "if 'all' in"))
    said = finish(start(house, "toy", TOY_FAILS="all"), fails=True)
    assert said.rstrip().endswith("256 points failed; the reasons are above.")


def test_a_result_that_is_not_a_number_fails_and_rounded_writes_null(house):
    grid = house / "experiments" / "toy.py"
    grid.write_text(TOY.replace("seed**power", "float('nan')"))
    said = finish(start(house, "toy"), fails=True)
    assert "not JSON compliant" in said and not results(house).exists()
    assert rounded([1.23456789, np.nan, np.inf]) == [1.234568, None, None]
    assert rounded(np.float32(0.5), 2) == 0.5


def test_a_grid_runs_behind_those_that_it_needs(house):
    (house / "experiments" / "aaa.py").write_text(
        'from experiments.grid import lookup\nNEEDS = ("toy",)\nPOINTS = [{"seed": 0}]\n'
        'SAME = {"sum": 0}\n\ndef measure(seed):\n'
        '    return {"sum": lookup("toy", seed=3)["value"] + lookup("toy", seed=4)["value"]}\n'
    )
    finish(start(house))
    found = json.loads((house / "experiments" / "results" / "aaa.jsonl").read_text())
    assert found["result"] == {"sum": 25}


def code_of(house, grid="toy"):
    script = f"from experiments.grid import _code; print(_code({grid!r}))"
    run = [sys.executable, "-c", script]
    return subprocess.run(
        run, cwd=house, env=environment(house), capture_output=True, text=True, check=True
    ).stdout


def test_what_a_result_hangs_on_is_code_and_not_words(house):
    """A docstring makes no result older; a number does, in any module that the grid reaches."""
    (house / "rnn_src").unlink()
    (house / "rnn_src").mkdir()
    (house / "rnn_src" / "__init__.py").write_text("from rnn_src import far, other\n")
    (house / "rnn_src" / "near.py").write_text('"""Near."""\nfrom rnn_src.far import B\nA = B\n')
    (house / "rnn_src" / "far.py").write_text("B = 1\n")
    (house / "rnn_src" / "other.py").write_text("C = 1\n")
    grid = house / "experiments" / "toy.py"
    grid.write_text('"""A toy."""\nfrom rnn_src.near import A\n' + TOY)
    before = code_of(house)
    grid.write_text('"""A finer toy."""\nfrom rnn_src.near import A  # near\n' + TOY)
    (house / "rnn_src" / "near.py").write_text(
        '"""Nearer."""\nfrom rnn_src.far import B\n\nA = B\n'
    )
    (house / "rnn_src" / "other.py").write_text("C = 2\n")
    assert code_of(house) == before
    (house / "rnn_src" / "far.py").write_text("B = 2\n")
    assert code_of(house) != before


def test_a_result_hangs_on_the_files_of_a_folder_whose_names_are_handed_on(house):
    (house / "rnn_src").unlink()
    folder = house / "rnn_src" / "near"
    folder.mkdir(parents=True)
    (house / "rnn_src" / "__init__.py").write_text("")
    (folder / "__init__.py").write_text("from rnn_src.near.deep import A\n")
    (folder / "deep.py").write_text("from rnn_src.near.deeper import A\n")
    grid, digests = house / "experiments" / "toy.py", set()
    for line in ("from rnn_src.near import A", "from rnn_src import near", "import rnn_src.near"):
        grid.write_text(f"{line}\n" + TOY)
        for value in "12":
            (folder / "deeper.py").write_text(f"A = {value}\n")
            digests.add(code_of(house))
    assert len(digests) == 6


# --- A cluster -------------------------------------------------------------------------------

CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
                      host="127.0.0.1") as cluster:
        pids = [w.process.pid for w in cluster.workers.values()]
        print(cluster.scheduler_address, *pids, flush=True)
        sys.stdin.read()
"""


def test_a_cluster_measures_the_same(house):
    script = house / "cluster.py"
    script.write_text(CLUSTER)
    cluster = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=house,
        env=environment(house),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address, *pids = cluster.stdout.readline().split()
        assert address.startswith("tcp://127.0.0.1:") and len(pids) == 2
        finish(start(house, "toy", SCHEDULER=address, TOY_SECONDS="0.2"))
        by = {note.read_text() for note in (house / "experiments" / "notes").iterdir()}
        assert by == set(pids)  # the cluster's processes did it, and both of them
        found = lines(house)
    finally:
        cluster.communicate()
    results(house).unlink()
    finish(start(house, "toy"))
    for far, near in zip(found, lines(house), strict=True):
        assert (far["point"], far["result"]) == (near["point"], near["result"])
        assert far["provenance"]["code"] == near["provenance"]["code"]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense"])
def test_no_cluster_at_that_address(house, address):
    said = finish(start(house, "toy", SCHEDULER=address), fails=True)
    assert said.strip().splitlines()[-1] == f"no dask scheduler answers at {address!r}"
    assert "Traceback" not in said and not results(house).exists()


# --- The results that the book shows ---------------------------------------------------------


BOOK = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "book").glob("*.md"))
LOADED = sorted(set(re.findall(r"\bload\(\"(\w+)\"\)", BOOK)))
MEASURED = sorted(path.stem for path in (ROOT / "experiments" / "results").glob("*.jsonl"))


def test_every_results_file_has_its_grid():
    assert LOADED and set(LOADED) <= set(MEASURED) <= set(names())


@pytest.mark.parametrize("name", LOADED)
def test_every_point_of_a_grid_that_a_chapter_loads_is_there(name):
    for line in load(name):
        assert "seed" in line["point"]


@pytest.mark.parametrize("name", MEASURED)
def test_every_line_says_where_it_comes_from(name):
    for line in _read(name).values():
        assert_provenance(line["provenance"], name)


# Of these grids nothing must hold but how a training starts, so the rest of it is not done again.
STARTS = {
    "adding": 20,
    "embedding": 20,
    "masks": 20,
    "race": 20,
    "race_lower": 20,
    "race_rates": 20,
    "reach_longer": 20,
    "reach_other_rates": 20,
    "reversal": 60,
}  # updates


def only_the_start(monkeypatch, module, updates):
    """Let a grid train for so many updates: by its experiment, or by what measures."""
    assert set(module.SAME) <= {"first_losses", "hidden_size", "learning_rate"}
    where = "experiment" if hasattr(module, "experiment") else "measure"
    whole = getattr(module, where)

    def start(*args, **settings):
        call = inspect.signature(whole).bind(*args, **settings)
        call.arguments["updates"] = updates
        return whole(*call.args, **call.kwargs)

    monkeypatch.setattr(module, where, start)


@pytest.mark.parametrize("name", MEASURED)
def test_the_cheapest_point_can_be_measured_again(name, monkeypatch):
    """Another machine rounds otherwise, which training amplifies: the grid says what must hold."""
    module = importlib.import_module(f"experiments.{name}")
    tolerances = module.SAME
    if name in STARTS:
        only_the_start(monkeypatch, module, STARTS[name])
    measured = [line for line in _read(name).values() if set(tolerances) <= set(line["result"])]
    line = min(measured, key=lambda line: line["provenance"]["seconds"])
    try:
        again = measure(name, line["point"])["result"]
    except ConnectionError as error:  # a grid that wants public packages
        pytest.skip(str(error))
    assert tolerances and set(again) == set(line["result"])
    for field, rtol in tolerances.items():
        if rtol:
            np.testing.assert_allclose(again[field], line["result"][field], rtol=rtol)
        else:
            assert again[field] == line["result"][field]


def test_a_result_is_looked_up_where_others_are_still_missing(monkeypatch):
    point = {"model": "lstm", "seed": 3}
    line = {"point": point, "result": {"loss": 0.5}}
    monkeypatch.setattr(grid, "_read", lambda name: {grid._key(point): line})
    assert lookup("copying", **point) == {"loss": 0.5}
    with pytest.raises(ValueError, match="'seed': 4} of copying is not measured yet: run `make"):
        lookup("copying", model="lstm", seed=4)


def test_what_is_missing_of_a_grid_is_counted(monkeypatch):
    line = {"point": {"task": "one network", "seed": 1}, "result": {"solved": True}}
    extra = {"point": {"task": "no such"}, "result": {}}
    found = {grid._key(one["point"]): one for one in (extra, line)}
    monkeypatch.setattr(grid, "_read", lambda name: found)
    count = len(nearer.POINTS)
    with pytest.raises(ValueError, match=f"{count - 1} of the {count} points of nearer are not"):
        load("nearer")


def test_the_grid_draws_what_the_task_draws():
    for length in (50, 57):
        drawn = nearer.draw(length, np.random.default_rng(1), 7)
        wanted = TASKS["temporal_order"](length).batch(np.random.default_rng(1), 7)
        assert all(np.array_equal(*pair) for pair in zip(drawn, wanted, strict=True))


def test_border():
    with pytest.raises(ValueError, match="^there is no grid 'tiger': the grids are "):
        load("tiger")
    with pytest.raises(ValueError, match="^no point of copying has {'seed': 77}$"):
        lookup("copying", seed=77)
    with pytest.raises(ValueError, match="^there is no grid 'tiger': the grids are "):
        run_grids(["tiger"])
