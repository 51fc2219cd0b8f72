"""The manifest round-trips, and a broken, hostile or foreign one is refused by field name."""

import math
import tomllib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from separation_core.errors import ManifestInvalid, ManifestTooNew, NotASession, SessionError
from separation_core.sessions.manifest import (
    LARGEST_MANIFEST,
    MANIFEST_NAME,
    Manifest,
    check_stem_name,
    read_manifest,
    write_manifest,
)
from separation_core.sessions.migrations import FORMAT, migrate
from separation_core.units import Frames


@pytest.fixture
def written(tmp_path: Path, manifest: Manifest) -> Path:
    write_manifest(tmp_path, manifest)
    return tmp_path


def _change(folder: Path, path: list[str | int], value: object) -> None:
    """Set the field at `path` in the manifest to `value`; None removes it."""
    table = tomllib.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    place: Any = table
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    (folder / MANIFEST_NAME).write_text(tomli_w.dumps(table), encoding="utf-8")


def test_what_is_written_is_read_again(written: Path, manifest: Manifest) -> None:
    assert read_manifest(written) == manifest


def test_a_silent_stem_has_minus_infinity(tmp_path: Path, manifest: Manifest) -> None:
    silent = replace(manifest.stems[0], lufs=-math.inf, peak_db=-math.inf, silent=True)
    write_manifest(tmp_path, replace(manifest, stems=(silent,)))
    assert read_manifest(tmp_path).stems == (silent,)


def test_the_format_comes_first_in_the_file(written: Path) -> None:
    assert (written / MANIFEST_NAME).read_text(encoding="utf-8").startswith(f"format = {FORMAT}\n")


BAD_FILES = [
    "../../etc/passwd",
    "/etc/passwd",
    "stems/../../passwd",
    "C:\\windows\\x.wav",
    "c:x.wav",
    "\\\\host\\x",
    "",
    ".",
    "a\0b",
    "a\nb",
]


@pytest.mark.parametrize("file", BAD_FILES)
@pytest.mark.parametrize("place", [["stems", 1], ["song"]])
def test_no_path_leaves_the_folder(written: Path, place: list[str | int], file: str) -> None:
    _change(written, [*place, "file"], file)
    with pytest.raises(ManifestInvalid, match=r"(stems\[1\]|song)\.file"):
        read_manifest(written)


BAD_VALUES: list[tuple[list[str | int], object, str]] = [
    (["rate"], 0, "rate"),
    (["rate"], True, "rate"),
    (["rate"], "8000", "rate"),
    (["frames"], -1, "frames"),
    (["frames"], 2**60, "frames"),
    (["created"], "yesterday", "created"),
    (["key"], "ab", "key"),
    (["source"], "x", "source"),
    (["source", "sha256"], "G" * 64, r"source\.sha256"),
    (["source", "channels"], 0, r"source\.channels"),
    (["source", "tags", "title"], 3, r"source\.tags\.title"),
    (["source", "tags"], {str(n): "x" for n in range(100)}, r"source\.tags"),
    (["model", "settings", "overlap"], [1], r"model\.settings\.overlap"),
    (["model", "name"], "x" * 5000, r"model\.name"),
    (["start"], -1, "start"),
    (["start"], 1, "start"),
    (["source", "frames"], 3999, "start"),
    (["stems"], [], "stems"),
    (["stems"], [3], "stems"),
    (["stems", 0, "name"], "a/b", r"stems\[0\]\.name"),
    (["stems", 0, "name"], "", r"stems\[0\]\.name"),
    (["stems", 0, "name"], "..", r"stems\[0\]\.name"),
    (["stems", 0, "name"], "Other", "stems"),
    (["stems", 0, "file"], "stems/OTHER.wav", "stems"),
    (["stems", 0, "frames"], 3999, r"stems\[0\]\.frames"),
    (["stems", 0, "lufs"], math.nan, r"stems\[0\]\.lufs"),
    (["stems", 0, "peak_db"], math.inf, r"stems\[0\]\.peak_db"),
    (["stems", 0, "silent"], 0, r"stems\[0\]\.silent"),
    (["warnings"], [1], "warnings"),
]


@pytest.mark.parametrize(("path", "value", "named"), BAD_VALUES)
def test_a_bad_value_is_named(written: Path, path: list[str | int], value: object, named: str) -> None:
    _change(written, path, value)
    with pytest.raises(ManifestInvalid, match=rf"session\.toml: {named} ") as caught:
        read_manifest(written)
    assert "\n" not in str(caught.value)


NAMES = {
    (): ("rate", "frames", "start", "created", "key", "tool", "source", "model", "song", "stems", "warnings"),
    ("source",): ("path", "sha256", "rate", "channels", "frames", "container", "encoding", "tags"),
    ("model",): ("name", "version", "settings"),
    ("stems", 0): ("name", "file", "frames", "lufs", "peak_db", "silent"),
}
FIELDS: list[list[str | int]] = [[*place, name] for place, names in NAMES.items() for name in names]


@pytest.mark.parametrize("path", FIELDS)
def test_a_missing_field_is_named(written: Path, path: list[str | int]) -> None:
    _change(written, path, None)
    with pytest.raises(ManifestInvalid, match=rf"{path[-1]} is missing"):
        read_manifest(written)


def test_unknown_keys_are_tolerated(written: Path, manifest: Manifest) -> None:
    _change(written, ["later"], {"idea": 1})
    _change(written, ["stems", 0, "colour"], "red")
    assert read_manifest(written) == manifest


def test_a_newer_format_is_refused(written: Path) -> None:
    _change(written, ["format"], FORMAT + 1)
    with pytest.raises(ManifestTooNew, match="upgrade stemrack"):
        read_manifest(written)


@pytest.mark.parametrize("value", [0, -1, "1", 1.0, True, None])
def test_a_format_that_is_no_format_is_refused(written: Path, value: object) -> None:
    _change(written, ["format"], value)
    with pytest.raises(ManifestInvalid, match="format"):
        read_manifest(written)


def test_a_part_knows_where_it_lies_in_the_song(tmp_path: Path, manifest: Manifest) -> None:
    part = replace(manifest, source=replace(manifest.source, frames=Frames(10_000)), start=Frames(6000))
    write_manifest(tmp_path, part)
    assert read_manifest(tmp_path) == part
    assert part.is_part
    assert not manifest.is_part


def test_a_manifest_of_format_1_is_one_of_a_whole_song(tmp_path: Path) -> None:
    """The text is what stemrack wrote while 1 was its format; only the numbers are smaller."""
    (tmp_path / MANIFEST_NAME).write_text(FORMAT_1, encoding="utf-8")
    manifest = read_manifest(tmp_path)
    assert (manifest.format, manifest.start, manifest.frames, manifest.is_part) == (FORMAT, 0, 10, False)
    write_manifest(tmp_path, manifest)
    assert (tmp_path / MANIFEST_NAME).read_text(encoding="utf-8").startswith("format = 2\n")
    assert read_manifest(tmp_path) == manifest


def test_a_format_1_manifest_whose_lengths_disagree_is_refused(tmp_path: Path) -> None:
    text = FORMAT_1.replace("channels = 2\nframes = 10", "channels = 2\nframes = 9")
    (tmp_path / MANIFEST_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ManifestInvalid, match=r"start is 0: .* 10 frames lie within the 9"):
        read_manifest(tmp_path)


def test_an_older_format_is_brought_up_step_by_step() -> None:
    steps = {1: lambda table: table | {"b": table["a"] + 1}, 2: lambda table: table | {"c": table["b"] + 1}}
    assert migrate({"format": 1, "a": 1}, "x", steps=steps, current=3) == {"format": 3, "a": 1, "b": 2, "c": 3}
    with pytest.raises(ManifestInvalid, match="no longer be read"):
        migrate({"format": 1, "a": 1}, "x", steps={2: steps[2]}, current=3)


def test_a_huge_manifest_is_refused_unread(written: Path) -> None:
    with (written / MANIFEST_NAME).open("a", encoding="utf-8") as stream:
        stream.write("#" * LARGEST_MANIFEST)
    with pytest.raises(ManifestInvalid, match="over 1048576 bytes"):
        read_manifest(written)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"= 3", b"a = " + b"[" * 100_000, b"a = " + b"9" * 9999, b""])
def test_what_is_not_toml_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(ManifestInvalid) as caught:
        read_manifest(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_number_of_a_million_digits_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_NAME).write_text(f"format = 1\nframes = 0x{'f' * 900_000}\n", encoding="ascii")
    with pytest.raises(ManifestInvalid, match="frames is a number of 3600000 bits"):
        read_manifest(tmp_path)


def test_no_manifest_is_no_session(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(NotASession, match=r"has no session\.toml"):
            read_manifest(folder)
    (tmp_path / MANIFEST_NAME).mkdir()
    with pytest.raises(NotASession, match="cannot be read"):
        read_manifest(tmp_path)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
).filter(lambda value: value is not None)


@given(path=st.sampled_from(FIELDS), value=plain)
def test_no_value_of_any_field_escapes_the_error_tree(
    path: list[str | int], value: object, tmp_path_factory: Any
) -> None:
    table = migrate(tomllib.loads(FORMAT_1), "x")
    place: Any = table
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    folder = tmp_path_factory.getbasetemp()
    try:
        text = tomli_w.dumps(table)
    except (TypeError, ValueError):  # None inside a list: no TOML file can hold it
        return
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8", newline="")
    message = ""
    with suppress(SessionError):
        try:
            manifest = read_manifest(folder)
        except SessionError as error:
            message = str(error)
            raise
        assert all(_is_inside(stem.file) for stem in (manifest.song, *manifest.stems))
    assert "\n" not in message


def _is_inside(file: str) -> bool:
    return not Path(file).is_absolute() and ".." not in Path(file).parts


FORMAT_1 = """
format = 1
tool = "t"
created = 2025-01-31T12:00:00Z
key = "abababababababababababababababababababababababababababababababab"
rate = 8000
frames = 10
warnings = []
[source]
path = "x"
sha256 = "abababababababababababababababababababababababababababababababab"
rate = 8000
channels = 2
frames = 10
container = "WAV"
encoding = "FLOAT"
tags = {}
[model]
name = "dsp"
version = "1"
settings = {}
[song]
name = "song"
file = "song.wav"
frames = 10
lufs = -inf
peak_db = -3.0
silent = false
[[stems]]
name = "vocals"
file = "stems/vocals.wav"
frames = 10
lufs = -20.0
peak_db = -3.0
silent = false
"""


@pytest.mark.parametrize("name", ["vocals", "no_vocals", "Gesang (Chor)", "ヴォーカル", "a.b"])
def test_names_that_can_be_stems(name: str) -> None:
    assert check_stem_name(name)


@pytest.mark.parametrize("name", ["", ".hidden", "..", "a/b", "a\\b", "a\0", "a\n", " a", "x" * 65, "C:"])
def test_names_that_cannot_be_stems(name: str) -> None:
    assert not check_stem_name(name)
