"""What is timed against the package computes the same, and is what the chapter shows."""

import ast

import numpy as np
from reference import problem
from test_book import ROOT, fences

from bench import naive


def test_the_loops_that_are_timed_give_the_gradients_of_the_package():
    p = problem("rnn", T=9, B=4, D=3, H=5)
    p = p._replace(s0=np.zeros_like(p.s0))
    wanted = p.gradients()
    alone = [naive.naive_step(*p.params, p.x[:, n], p.weights[:, n]) for n in range(4)]
    for found in (
        [sum(parts) for parts in zip(*alone)],
        naive.batch_step(*p.params, p.x, p.weights),
    ):
        for mine, theirs in zip(found[:3], wanted["params"], strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-13)
    *_, dx = naive.batch_step(*p.params, p.x, p.weights)
    np.testing.assert_allclose(dx, wanted["x"], rtol=1e-12, atol=1e-13)
    for n, (*_, back) in enumerate(alone):
        np.testing.assert_allclose(back, wanted["s0"][n], rtol=1e-12, atol=1e-13)


def functions(source):
    found = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.dump(node) for node in found}


def test_what_is_timed_is_what_the_chapter_shows():
    page = (ROOT / "book/bptt.md").read_text(encoding="utf-8")
    cells = ["\n".join(body) for kind, _, _, body in fences(page) if kind == "code-cell"]
    (shown,) = (cell for cell in cells if cell.startswith("def bptt("))
    timed = (ROOT / "bench/naive.py").read_text(encoding="utf-8")
    assert functions(timed)["bptt"] == functions(shown)["bptt"]
