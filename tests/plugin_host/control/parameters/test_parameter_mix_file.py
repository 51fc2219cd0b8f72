"""The mix kept in its file, and taken from it again after a person has edited it."""

from pathlib import Path
from typing import Any

import pytest

from plugin_host.errors import PresetError

Surface = Any  # the conftest's


def test_a_mix_edited_by_hand_comes_when_it_is_asked_for(surface: Surface, tmp_path: Path) -> None:
    surface.write("/track/drums/gain", -3.0)
    surface.write("/mix/save")
    file = tmp_path / "mix.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("gain_db = -3.0", "gain_db = -7.5"), encoding="utf-8")
    surface.write("/mix/reload")
    assert surface.read("/track/drums/gain") == -7.5


def test_a_broken_edit_is_refused_with_its_line(surface: Surface, tmp_path: Path) -> None:
    surface.write("/mix/save")
    before = surface.desk.mix
    file = tmp_path / "mix.toml"
    file.write_text(file.read_text(encoding="utf-8") + "\n[[tracks]]\nstem = 3\n", encoding="utf-8")
    with pytest.raises(PresetError, match=r"mix\.toml.*line \d+.*stem"):
        surface.write("/mix/reload")
    assert surface.desk.mix == before
