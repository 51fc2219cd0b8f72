"""All controls in the order of the reference page."""

from dataclasses import dataclass

from plugin_host.control.parameters.buses import AUX_CONTROLS, GROUP_CONTROLS, MASTER_CONTROLS
from plugin_host.control.parameters.control import Control, parameter_of_form
from plugin_host.control.parameters.declaration import Parameter
from plugin_host.control.parameters.desk_controls import (
    BANK_CONTROLS,
    LISTENING_CONTROLS,
    MIX_CONTROLS,
    SCENE_CONTROLS,
    TAKE_CONTROLS,
)
from plugin_host.control.parameters.effects import effect_controls
from plugin_host.control.parameters.meters import HEALTH, MASTER_METERS, TRACK_METERS
from plugin_host.control.parameters.song_transport import MARKER_CONTROLS, PLAYING_CONTROLS, POSITION_CONTROLS
from plugin_host.control.parameters.sync import SYNC_CONTROLS
from plugin_host.control.parameters.tracks import TRACK_CONTROLS


@dataclass(frozen=True, slots=True)
class Section:
    """Controls that belong together, under a heading."""

    title: str
    controls: tuple[Control, ...]


SECTIONS = (
    Section("Tracks", (*TRACK_CONTROLS, *effect_controls("/track/{track}"), *TRACK_METERS)),
    Section("Groups", GROUP_CONTROLS),
    Section("Aux buses", (*AUX_CONTROLS, *effect_controls("/aux/{aux}"))),
    Section("Master", (*MASTER_CONTROLS, *effect_controls("/master"), *MASTER_METERS)),
    Section("Position", POSITION_CONTROLS),
    Section("Loop, speed, pitch, tempo", PLAYING_CONTROLS),
    Section("Markers", MARKER_CONTROLS),
    Section("Sync", SYNC_CONTROLS),
    Section("Scenes", SCENE_CONTROLS),
    Section("The mix's file", MIX_CONTROLS),
    Section("Takes and capture", TAKE_CONTROLS),
    Section("Listening", LISTENING_CONTROLS),
    Section("Banks and lists", BANK_CONTROLS),
    Section("Engine", HEALTH),
)
CONTROLS = tuple(control for section in SECTIONS for control in section.controls)


def parameters_of(control: Control) -> tuple[Parameter, ...]:
    """The control's parameter in every form it can be had in."""
    return tuple(parameter_of_form(control.parameter, form, address) for form, address in control.addresses)
