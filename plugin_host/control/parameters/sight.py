"""What controls act upon, and one look at all of it."""

from dataclasses import dataclass, replace
from pathlib import Path

from plugin_host.control.parameters.echoes import Echoes
from plugin_host.control.parameters.panel import Panel, PanelState
from plugin_host.desk.checked import checked_apply
from plugin_host.desk.desk import Desk
from plugin_host.effects.catalogue import check_effect
from plugin_host.live.port import ClearClips, EngineCommand, EngineStatus, SetReference
from plugin_host.mix.presets import PresetLibrary
from plugin_host.mix.state import Mix
from plugin_host.mix.transport import Transport, TransportCommand, apply_transport


@dataclass(frozen=True, slots=True)
class Host:
    """The desk and what surrounds it. frames, rate (Hz): of the song. Folders and the
    mix's file are None where nothing can be kept."""

    desk: Desk
    library: PresetLibrary
    panel: Panel
    echoes: Echoes
    frames: int
    rate: int
    takes_folder: Path | None
    captures_folder: Path | None
    mix_file: Path | None


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything as it stood at one moment. engine: None means to ask when it is needed."""

    host: Host
    mix: Mix
    transport: Transport
    reference: bool
    panel: PanelState
    engine: EngineStatus | None = None

    @property
    def seconds(self) -> float:
        """How long the song is."""
        return self.host.frames / self.host.rate

    def status(self) -> EngineStatus:
        """How the engine is doing."""
        return self.engine or self.host.desk.status()

    def after(self, command: EngineCommand) -> "Sight":
        """How it would be after the command; raises what the desk would raise."""
        if isinstance(command, TransportCommand):
            return replace(self, transport=apply_transport(self.transport, command, self.host.frames))
        if isinstance(command, SetReference):
            return replace(self, reference=command.on)
        if isinstance(command, ClearClips):
            return self
        return replace(self, mix=checked_apply(self.mix, command, check_effect))


def sight_of(host: Host) -> Sight:
    """How it stands now. A loop that plays is remembered, so that it can be turned off and on again.

    The bank and the selection keep to the tracks that there are.
    """
    desk, transport = host.desk, host.desk.transport
    if transport.loop not in (None, host.panel.state.loop):
        host.panel.change("", loop=transport.loop)
    host.panel.keep_to(lambda: desk.mix)
    return Sight(host, desk.mix, transport, desk.reference, host.panel.state)
