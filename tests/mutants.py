"""Plant faults in the package, one at a time, and count how many the tests find.

    make mutants                                        # 60, of all kinds alike, from a fixed seed
    make mutants MUTANTS="--seed 7 --count 20 scan.py"  # other ones, of one module or folder

The tests and examples of a fault's module run first, in a copy of the tree, and all others only if
those pass. Where a fault lives, a test is missing, or the line does not matter.

Why not a library: mutmut 3 and cosmic-ray are well kept and run here, but both plant every fault,
some seven thousand, which takes more than a day here; neither draws a sample from a seed.
(mutatest did, and has stood still since 2022.) mutmut changes the bodies of functions alone, so no
field of a record; cosmic-ray runs one command for all faults, whosever they are.
"""

import argparse
import ast
import copy
import functools
import itertools
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
TREE = ("rnn_src", "tests", "experiments", "bench", "book", "teacher")
TREE += ("conf.py", "pyproject.toml", "Makefile")
LEFT_OUT = "rnn_src/figures"  # are looked at: no test should mind a line that is a point thicker
# What is no numerics.
NOT_RUN = "bench book cells_shown experiments figures mutants notebooks quoted readme teacher "
NOT_RUN += "teachers_page tryit upkeep"
NOT_RUN = [f"test_{name}.py" for name in NOT_RUN.split()]
LEAST = 0.95
WRONG = {ast.Lt: ast.LtE, ast.Gt: ast.GtE, ast.Eq: ast.NotEq, ast.Is: ast.IsNot, ast.In: ast.NotIn}
WRONG |= {wrong: right for right, wrong in WRONG.items()} | {ast.And: ast.Or, ast.Or: ast.And}
WRONG |= {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
WRONG |= {ast.Pow: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult}
TURNED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}
EVEN = ("abs", "norm", "square")  # functions that do not tell a - b from b - a


class Fault(NamedTuple):
    """What to write where: bytes start to stop of the module become `after`."""

    kind: str
    path: str
    line: int
    start: int
    stop: int
    before: str
    after: str


def changed(node):
    """Yield (kind, faulty node) for each way in which this one node can be wrong."""
    wrong = copy.copy(node)
    match node:
        case ast.Compare(ops=[op], comparators=[ast.Constant(value=float())]) if type(op) in TURNED:
            wrong.ops = [TURNED[type(op)]()]  # no test can stand on the edge of a measured number
            yield "comparison", wrong
        case ast.Compare(ops=[op]):
            wrong.ops = [WRONG[type(op)]()]
            yield "comparison", wrong
        case ast.BoolOp(op=op):
            wrong.op = WRONG[type(op)]()
            yield "comparison", wrong
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            yield "constant", ast.Constant(node.value + 1)
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            yield "sign", node.operand
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise():
            yield "statement", ast.Pass()
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            yield "statement", ast.Pass()
        case ast.BinOp(op=op) if type(op) in WRONG:
            wrong.op = WRONG[type(op)]()
            yield "arithmetic", wrong
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div | ast.MatMult):
        if ast.dump(node.left) != ast.dump(node.right):  # as in k @ k
            yield "order", ast.BinOp(node.right, node.op, node.left)


def faults(path, source):
    """Every fault that can be planted in a module."""
    text, skipped, unordered = source.encode(), set(), set()
    begins = [0, *itertools.accumulate(map(len, text.splitlines(keepends=True)))]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):  # messages; Python 3.11 misplaces what is inside
            skipped |= {*ast.walk(node)}
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in EVEN:
            unordered |= {*node.args}
        for kind, wrong in changed(node) if node not in skipped else ():
            if kind == "order" and node in unordered and isinstance(node.op, ast.Sub):
                continue
            start = begins[node.lineno - 1] + node.col_offset
            stop = begins[node.end_lineno - 1] + node.end_col_offset
            after = ast.unparse(wrong) if kind == "statement" else f"({ast.unparse(wrong)})"
            yield Fault(kind, path, node.lineno, start, stop, text[start:stop].decode(), after)


def sample(found, count, seed):
    """`count` of the faults, the same ones for the same seed; of all kinds alike."""
    rng, kinds = random.Random(seed), {}
    for fault in sorted(found):
        kinds.setdefault(fault.kind, []).append(fault)
    piles = [rng.sample(pile, len(pile)) for pile in kinds.values()]
    return [fault for turn in itertools.zip_longest(*piles) for fault in turn if fault][:count]


def tests_of(tree, path):
    """The tests of a module, then those of all others."""
    name = f"tests/test_{Path(path).parts[1].removesuffix('.py')}.py"
    own = [path, name] if (tree / name).exists() else [path]
    files = [*(tree / "tests").glob("test_*.py"), *(tree / "rnn_src").rglob("*.py")]
    rest = sorted(p.relative_to(tree).as_posix() for p in files if p.name not in NOT_RUN)
    return own, [name for name in rest if name not in own]


def run(tree, tests, limit=None):
    """The seconds that these tests take, or which one fails."""
    quiet = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    # Compiled files are told apart by second and size: they would hide a fault of equal length.
    quiet["PYTHONDONTWRITEBYTECODE"] = "1"
    quiet["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # no test here needs one, and they start slowly
    command, started = [sys.executable, "-m", "pytest", "-x", "-q", *tests], time.monotonic()
    options = dict(cwd=tree, env=os.environ | quiet, capture_output=True, text=True)
    try:
        done = subprocess.run(command, timeout=limit, **options)
    except subprocess.TimeoutExpired:
        return "it does not end"
    if done.returncode not in (0, 5):  # 5: a module without an example has nothing to run
        lines = done.stdout.splitlines()
        return next((x for x in lines if x.startswith(("FAILED", "ERROR"))), "no test begins")
    return time.monotonic() - started


def plant(tree, fault, limits=(None, None)):
    """Which test finds the fault, or None; the tree is afterwards as it was."""
    target = tree / fault.path
    sound = target.read_bytes()
    target.write_bytes(sound[: fault.start] + fault.after.encode() + sound[fault.stop :])
    try:
        found = (run(tree, *pair) for pair in zip(tests_of(tree, fault.path), limits))
        return next((reason for reason in found if isinstance(reason, str)), None)
    finally:
        target.write_bytes(sound)


@functools.cache
def patience(tree, tests):
    """Five times the seconds that the tests take without a fault, which they must pass."""
    seconds = run(tree, tests)
    if isinstance(seconds, str):
        sys.exit(f"The tests fail without a fault, so they can find none: {seconds}")
    return 5 * seconds + 30


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*", help="names such as scan.py; all if not given")
    for name, default in (("count", 60), ("seed", 0), ("jobs", os.cpu_count())):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    paths = [p.relative_to(ROOT) for p in sorted((ROOT / "rnn_src").rglob("*.py"))]
    paths = [p for p in paths if not p.is_relative_to(LEFT_OUT)]
    paths = [p for p in paths if not options.modules or {*p.parts} & {*options.modules}]
    found = [f for p in paths for f in faults(p.as_posix(), (ROOT / p).read_text("utf-8"))]
    drawn = sample(found, options.count, options.seed)
    alive, trees = [], queue.SimpleQueue()

    def judge(fault):
        tree = trees.get()
        try:
            return plant(tree, fault, limits[fault.path])
        finally:
            trees.put(tree)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        for k in range(options.jobs):
            trees.put(tree := Path(folder) / str(k))
            for name in TREE:
                copying = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
                copying((ROOT / name), tree.mkdir(exist_ok=True) or tree / name)
        everything = tests_of(tree, "rnn_src/none")[1]
        limits = {
            path: [patience(tree, tuple(t)) for t in (tests_of(tree, path)[0], everything)]
            for path in sorted({fault.path for fault in drawn})
        }
        for fault, reason in zip(drawn, pool.map(judge, drawn)):
            where = " ".join(f"{fault.path}:{fault.line}: {fault.before} -> {fault.after}".split())
            alive += [] if reason else [where]
            print("found" if reason else "ALIVE", f"{where:.150} [{reason}]", flush=True)
    share = 1 - len(alive) / len(drawn)
    print(f"{share:.1%} of {len(drawn)} faults found; alive:", *alive or ["none"], sep="\n")
    sys.exit(share < LEAST)


if __name__ == "__main__":
    main()
