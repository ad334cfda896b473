"""What one page takes from another is what that one says, and each row of the table is judged."""

import json
import re
import sys
from types import SimpleNamespace

import pytest
from sphinx.errors import ExtensionError
from test_book import ROOT

sys.path.append(str(ROOT / "book" / "_ext"))
import quoted  # noqa: E402 (of the book: book/_ext/quoted.py)

TABLE = (ROOT / "book/reproductions.md").read_text(encoding="utf-8")


def built(folder, **numbers):
    """A page as MyST-NB leaves it, with a figure among its numbers."""
    (folder / "book").mkdir(exist_ok=True)
    values = {name: {"data": {"text/plain": repr(value)}} for name, value in numbers.items()}
    values["fig"] = {"data": {"image/svg+xml": "<svg/>"}}
    (folder / "book/lstm.glue.json").write_text(json.dumps(values))
    return folder


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        ({"loss": 0.25}, []),
        ({"loss": 0.2501}, []),  # another processor's rounding
        ({"loss": 0.3}, ["lstm quotes loss = 0.25, and tests/data/quoted.json has 0.3"]),
        ({"loss": -0.25}, ["lstm quotes loss = 0.25, and tests/data/quoted.json has -0.25"]),
        ({"loss": None}, ["lstm quotes loss = 0.25, and tests/data/quoted.json has None"]),
        ({"gain": 1.0}, ["lstm no longer quotes gain"]),
        ({"fig": 1.0}, ["lstm no longer quotes fig"]),
    ],
)
def test_a_number_that_changed_is_told(kept, says, tmp_path):
    assert list(quoted.faults({"lstm": kept}, built(tmp_path, loss=0.25))) == says


def test_a_page_that_was_not_built_says_nothing(tmp_path):
    assert list(quoted.faults({"gru": {"loss": 1.0}}, tmp_path)) == []


def test_the_build_stops_at_a_number_that_changed(tmp_path):
    env = SimpleNamespace(mystnb_config=SimpleNamespace(output_folder=built(tmp_path, loss=0.25)))
    app = SimpleNamespace(srcdir=tmp_path)
    quoted.compare(app, env)  # nothing is kept
    (tmp_path / "tests/data").mkdir(parents=True)
    (tmp_path / quoted.KEPT).write_text('{"lstm": {"loss": 0.25}}')
    quoted.compare(app, env)
    (tmp_path / quoted.KEPT).write_text('{"lstm": {"loss": 0.5}}')
    with pytest.raises(ExtensionError, match="loss = 0.25.*make quoted"):
        quoted.compare(app, env)


def test_what_is_kept_is_quoted_by_its_chapter_and_used_in_the_table():
    kept = json.loads((ROOT / quoted.KEPT).read_text(encoding="utf-8"))
    for page, numbers in kept.items():
        chapter = (ROOT / f"book/{page}.md").read_text(encoding="utf-8")
        assert f'CHAPTERS["{page}"]' in TABLE
        for name, value in numbers.items():
            assert re.search(rf"\b{name}=", chapter) and isinstance(value, float)


def test_every_row_that_is_judged_stands_in_the_table():
    judged = set(re.findall(r'^ *row\(\s*"(\w+)"', TABLE, re.M)) | {"chi_1", "chi_2", "chi_3"}
    shown = re.findall(r"\{glue:text\}`(\w+)_verdict`", TABLE)
    assert len(shown) == len(set(shown)) and set(shown) == judged
    for line in TABLE.splitlines():
        for name in re.findall(r"`(\w+)_verdict`", line):
            assert f"`{name}_ours:" in line
            assert re.search(rf"`{name}_(theirs|limit|low|high):", line)
