"""The planter of faults: what it sees, what it writes, and whether it knows what a test finds."""

import ast
import sys

import mutants
import pytest
from mutants import ROOT, faults, plant, sample

SOURCE = '''\
"""A module, 3 lines before."""
LIMIT = 64
def f(x, é):
    """Twice 2."""
    x[0] = 1.5
    x += 1
    g(x)
    if not x < LIMIT and é is None:
        raise ValueError(f"{x - 1} is too small")
    return -x @ (x - é) ** 2
'''


def planted(fault, source=SOURCE):
    text = source.encode()
    return (text[: fault.start] + fault.after.encode() + text[fault.stop :]).decode()


def test_every_kind_of_fault_is_seen():
    found = {(f.line, f.before, f.after) for f in faults("m.py", SOURCE)}
    assert {f.kind for f in faults("m.py", SOURCE)} == {
        *("comparison", "constant", "sign", "statement", "arithmetic", "order")
    }
    assert found == {
        *((2, "64", "(65)"), (5, "0", "(1)"), (5, "1.5", "(2.5)"), (6, "1", "(2)")),
        *((5, "x[0] = 1.5", "pass"), (6, "x += 1", "pass"), (7, "g(x)", "pass")),
        (9, 'raise ValueError(f"{x - 1} is too small")', "pass"),
        (8, "not x < LIMIT and é is None", "(not x < LIMIT or é is None)"),
        (8, "not x < LIMIT", "(x < LIMIT)"),
        *((8, "x < LIMIT", "(x <= LIMIT)"), (8, "é is None", "(é is not None)")),
        *((10, "-x", "(x)"), (10, "2", "(3)")),
        (10, "-x @ (x - é) ** 2", "((x - é) ** 2 @ -x)"),
        (10, "(x - é) ** 2", "((x - é) * 2)"),
        *((10, "x - é", "(x + é)"), (10, "x - é", "(é - x)")),
    }


def test_what_changes_nothing_is_not_planted():
    source = "def f(a, b):\n    return abs(a - b) < 1e-6 and abs(a / b) < 2\n"
    found = {(f.kind, f.before, f.after) for f in faults("m.py", source)}
    assert ("comparison", "abs(a - b) < 1e-6", "(abs(a - b) > 1e-06)") in found
    assert ("comparison", "abs(a / b) < 2", "(abs(a / b) <= 2)") in found
    assert [f for f in found if f[0] == "order"] == [("order", "a / b", "(b / a)")]


@pytest.mark.parametrize("path", sorted((ROOT / "rnn_src").rglob("*.py")), ids=lambda p: p.name)
def test_every_fault_is_one_change_that_python_reads(path):
    source = path.read_text(encoding="utf-8")
    sound = ast.dump(ast.parse(source))
    for fault in sample(list(faults("m.py", source)), 40, 0):
        assert ast.dump(ast.parse(planted(fault, source))) != sound


def test_a_sample_is_the_same_for_the_same_seed_and_has_every_kind():
    found = list(faults("m.py", SOURCE))
    drawn = sample(found, 6, 0)
    assert drawn == sample(found[::-1], 6, 0) != sample(found, 6, 1)
    assert len({fault.kind for fault in drawn}) == 6 == len(drawn)
    assert sorted(sample(found, 99, 0)) == sorted(found)


def test_a_fault_is_found_by_the_own_tests_by_others_or_not_at_all(tmp_path):
    (tmp_path / "rnn_src").mkdir()
    (tmp_path / "tests").mkdir()
    source = "def f(x):\n    return x - 1\n\n\ndef g(x):\n    return x < 5\n\n\nh = -3\n"
    (tmp_path / "rnn_src/m.py").write_text(source)
    test = "from rnn_src.m import f, g\n\n\ndef test_{0}():\n    assert {0}({1}) == {2}\n"
    (tmp_path / "tests/test_m.py").write_text(test.format("f", 2, 1))
    (tmp_path / "tests/test_n.py").write_text(test.format("g", 5, False))
    planted = {fault.after: fault for fault in faults("rnn_src/m.py", source)}
    assert "test_m.py::test_f" in plant(tmp_path, planted["(1 - x)"])
    assert "test_n.py::test_g" in plant(tmp_path, planted["(x <= 5)"])
    assert plant(tmp_path, planted["(3)"]) is None
    assert (tmp_path / "rnn_src/m.py").read_text() == source


def test_faults_of_a_folder_are_looked_for_by_its_tests_and_figures_are_left_out(
    monkeypatch, capsys
):
    own, rest = mutants.tests_of(ROOT, "rnn_src/theory/gates.py")
    assert own == ["rnn_src/theory/gates.py", "tests/test_theory.py"]
    assert "rnn_src/theory/products.py" in rest and not {*own} & {*rest}
    planted = []
    monkeypatch.setattr(mutants, "plant", lambda tree, fault, limits: planted.append(fault) or "x")
    monkeypatch.setattr(mutants, "patience", lambda tree, tests: None)
    for modules in (["theory"], ["figures", "trees.py"]):
        monkeypatch.setattr(sys, "argv", ["mutants.py", "--count", "99", "--jobs", "1", *modules])
        with pytest.raises(SystemExit):
            mutants.main()
    folders = {fault.path.rpartition("/")[0] for fault in planted}
    assert folders == {"rnn_src/theory", "rnn_src"}


@pytest.mark.parametrize(("lives", "fails"), [(1, False), (2, True)])
def test_the_share_is_printed_and_must_be_95_percent(lives, fails, monkeypatch, capsys):
    planted = []

    def plant(tree, fault, limits):
        assert (tree / fault.path).read_text() == (ROOT / fault.path).read_text()
        planted.append(fault)
        return None if len(planted) <= lives else "FAILED tests/test_x.py::test_y"

    monkeypatch.setattr(mutants, "plant", plant)
    monkeypatch.setattr(mutants, "patience", lambda tree, tests: None)
    monkeypatch.setattr(sys, "argv", ["mutants.py", "--count", "20", "--jobs", "1", "trees.py"])
    with pytest.raises(SystemExit) as ended:
        mutants.main()
    assert bool(ended.value.code) is fails and len(planted) == 20
    told = capsys.readouterr().out
    assert f"\n{1 - lives / 20:.1%} of 20 faults found; alive:\n{planted[0].path}:" in told
    assert told.count("ALIVE") == lives and told.count("found rnn_src") == 20 - lives
