"""Selection and bank keep to the tracks that there are."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_host.control.parameters.panel import BANK
from plugin_host.mix import commands as c
from plugin_host.mix.state import Mix, Track, plain_mix

Surface = Any  # the conftest's


def test_a_track_that_is_renamed_stays_selected_and_that_is_told(surface: Surface) -> None:
    surface.write("/track/drums/select", True)
    surface.read("/selected/name")
    surface.told()
    for name in ("kit", "kit two"):
        surface.desk.do(c.RenameTrack(surface.read("/selected/name"), name))
        assert surface.read("/selected/name") == name
    told = surface.told() | surface.told()
    assert told["/track/kit%20two/select"] is True
    assert told["/selected/name"] == "kit two"


def test_so_it_does_where_it_moves_as_well(surface: Surface) -> None:
    surface.write("/track/drums/select", True)
    surface.read("/selected/name")
    surface.desk.do_all((c.RenameTrack("drums", "kit"), c.MoveTrack("kit", 0)))
    assert surface.read("/selected/name") == "kit"


def test_so_it_does_where_the_mix_is_read_again_from_its_edited_file(surface: Surface) -> None:
    surface.write("/track/drums/select", True)
    surface.write("/mix/save")
    path = surface.table.host.mix_file
    path.write_text(path.read_text().replace('name = "drums"', 'name = "kit"'))
    surface.write("/mix/reload")
    assert surface.read("/selected/name") == "kit"


@pytest.mark.parametrize(
    "commands",
    [
        (c.RemoveTrack("drums"),),
        (c.RemoveTrack("drums"), c.AddTrack(Track("new", "other stem"), 1)),
    ],
)
def test_no_other_track_is_taken_for_the_one_that_went(surface: Surface, commands: tuple[c.Command, ...]) -> None:
    surface.write("/track/drums/select", True)
    surface.read("/selected/name")
    for command in commands:
        surface.desk.do(command)
    assert surface.table.resolve("/selected/name") == ()


def test_who_was_selected_before_is_not_taken_for_who_is_renamed(surface: Surface) -> None:
    panel = surface.table.host.panel
    surface.write("/track/drums/select", True)
    surface.read("/selected/name")
    panel.change("", selected="bass")
    surface.desk.do(c.RenameTrack("bass", "low"))
    assert surface.table.resolve("/selected/name") == ()


def test_a_bank_past_the_last_track_goes_back_to_where_tracks_are(surface: Surface) -> None:
    surface.write("/bank/offset", 10)
    for name in ("synth 5", "synth 6", "synth 7"):
        surface.desk.do(c.RemoveTrack(name))
    assert surface.read("/bank/offset") == 2
    assert surface.read("/bank/track/1/name") == "bass"
    told = surface.told() | surface.told()
    assert (told["/bank/offset"], told["/bank/track/1/name"]) == (2, "bass")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.integers(1, 30), after=st.integers(0, 30), bank=st.integers(0, 29))
def test_a_bank_has_tracks_wherever_there_are_any(
    surface_of: Callable[[Mix], Surface], before: int, after: int, bank: int
) -> None:
    names = [f"t{number}" for number in range(30)]
    surface = surface_of(plain_mix(tuple(names[:before])))
    surface.write("/bank/offset", bank)
    stood = surface.read("/bank/offset")
    surface.desk.do(c.ReplaceMix(plain_mix(tuple(names[:after]))))
    stands = surface.read("/bank/offset")
    assert stands in [*itertools.takewhile(lambda place: place >= 0, itertools.count(stood, -BANK)), 0]
    assert stands < after or stands == 0
    assert stands == stood or stands + BANK >= after
