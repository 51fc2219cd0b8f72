"""The line of every key, against what one can count by eye and what `tomllib` accepts."""

import tomllib
from collections.abc import Iterator

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.mix.toml_lines import KeyPath, OutsizeError, key_lines

TEXT = '''\
# a comment with [brackets] = and "quotes"
format = 1
"a key" = 1.5e3

[[tracks]]
name = "with # and ] inside"
long = """
[not.a.table]
x = 1
"""
after = 'literal [ "'
[[tracks.chain]]
effect = "a"
[[tracks.chain]]
effect = "b"
branches = [
  [],   # dry
  [{ effect = "c", drive = -inf },
   { effect = "d" }],
]
[[tracks]]
a.b.c = 2
[master.deep]
when = 1979-05-27T07:32:00Z
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("format",), 2),
        (("a key",), 3),
        (("tracks",), 5),
        (("tracks", 0), 5),
        (("tracks", 0, "name"), 6),
        (("tracks", 0, "long"), 7),
        (("tracks", 0, "after"), 11),
        (("tracks", 0, "chain", 0), 12),
        (("tracks", 0, "chain", 1, "effect"), 15),
        (("tracks", 0, "chain", 1, "branches", 0), 17),
        (("tracks", 0, "chain", 1, "branches", 1, 0, "drive"), 18),
        (("tracks", 0, "chain", 1, "branches", 1, 1, "effect"), 19),
        (("tracks", 1), 21),
        (("tracks", 1, "a", "b", "c"), 22),
        (("master", "deep", "when"), 24),
    ],
    ids=str,
)
def test_lines_as_one_counts_them(path: KeyPath, line: int) -> None:
    tomllib.loads(TEXT)
    assert key_lines(TEXT)[path] == line


VALUES = st.recursive(
    st.one_of(st.integers(-9, 9), st.floats(allow_nan=False), st.booleans(), st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), st.booleans())
def test_every_value_of_any_document_has_its_line(document: dict[str, object], multiline: bool) -> None:
    text = tomli_w.dumps(document, multiline_strings=multiline)
    lines = key_lines(text)
    for path in _paths(tomllib.loads(text)):
        if all(isinstance(part, int) or part.isidentifier() for part in path):  # escapes in keys are left as written
            assert path in lines


def _paths(value: object, at: KeyPath = ()) -> Iterator[KeyPath]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*at, key)
        yield from _paths(inner, (*at, key))


@given(st.text(alphabet="ab=[]{}.,\"'\n#\\ 1", max_size=60))
def test_nonsense_neither_crashes_nor_hangs(text: str) -> None:
    key_lines(text)


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 9999, "a = " + "{b = " * 9999, ".".join("a" * 9999), "a = [" + "1," * 99999]
)
def test_what_would_overflow_the_parser_is_refused(text: str) -> None:
    with pytest.raises(OutsizeError):
        key_lines(text)
