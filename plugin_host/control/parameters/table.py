"""The parameter table of a running host: addresses to bindings, and what to tell surfaces when something changes."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from plugin_host.control.parameters.binding import Binding
from plugin_host.control.parameters.control import Form
from plugin_host.control.parameters.declaration import Value
from plugin_host.control.parameters.declared import CONTROLS
from plugin_host.control.parameters.echoes import Echoes
from plugin_host.control.parameters.panel import Panel, PanelChanged
from plugin_host.control.parameters.patterns import segments
from plugin_host.control.parameters.places import Keys, address_of, bank_of, segment
from plugin_host.control.parameters.same_names import same_names
from plugin_host.control.parameters.sight import Host, Sight, sight_of
from plugin_host.control.parameters.touched import Touched, touched_by
from plugin_host.control.parameters.tree import Found, Leaf, Node, everything, found
from plugin_host.desk.desk import Desk
from plugin_host.desk.events import DeskEvent, MixChanged, TransportChanged
from plugin_host.errors import HostError
from plugin_host.live.port import EngineCommand
from plugin_host.mix.presets import PresetLibrary

Told = tuple[str, Value]
"""An address and the value to show there."""
MAX_RESOLVED = 5000
MAX_SHARING = 32
"""Addresses whose meaning is kept, and how many things one may mean: bounds on what a stranger can fill."""
_TRACK = "/track/{track}/"
_ALIASES = ("/bank/track/{strip}/", "/selected/")


class ParameterTable:
    """Everything that can be controlled on a desk, by address. For any number of threads.

    frames, rate (Hz): of the song. Takes are listed and captures written in their folders, the mix is kept in its
    file, where there are any.
    """

    def __init__(
        self,
        desk: Desk,
        library: PresetLibrary,
        *,
        frames: int,
        rate: int,
        takes_folder: Path | None = None,
        captures_folder: Path | None = None,
        mix_file: Path | None = None,
    ) -> None:
        self.host = Host(desk, library, Panel(), Echoes(), frames, rate, takes_folder, captures_folder, mix_file)
        self._named, self._aliased = _trees()
        self._resolved: tuple[Sight, dict[str, tuple[Binding, ...]]] = (sight_of(self.host), {})

    def resolve(self, address: str) -> tuple[Binding, ...]:
        """What an address or pattern means now; nothing where nothing is there.

        Tracks by name, by number from 1, by place in the bank (`/bank/track/1/…`) or as `/selected/…`. `ControlError`
        for what is no address or a malformed pattern.
        """
        sight = sight_of(self.host)
        resolved = self._resolved_for(sight)
        if address in resolved:
            return resolved[address]
        bindings = tuple(self._bound(meant) for meant in found((self._named, self._aliased), segments(address), sight))
        if 0 < len(bindings) <= MAX_SHARING:
            if len(resolved) >= MAX_RESOLVED:
                resolved.clear()
            resolved[address] = bindings
        return bindings

    def plan(self, writes: Iterable[tuple[Binding, Value | None]]) -> tuple[EngineCommand, ...]:
        """The commands of several writes that go together, each built on what those before it lead to.

        Raises before anything was done where one of them does not fit.
        """
        sight = sight_of(self.host)
        commands: list[EngineCommand] = []
        for binding, value in writes:
            for command in binding.commands(value, sight):
                commands.append(command)
                sight = sight.after(command)
        return tuple(commands)

    def bindings(self) -> Iterator[Binding]:
        """Every address there is now, tracks by name."""
        sight = sight_of(self.host)
        return (self._bound(meant) for meant in everything(self._named, sight, Keys()) if _has_form(meant, sight))

    def all_addresses(self) -> tuple[str, ...]:
        """The same, as text."""
        return tuple(binding.address for binding in self.bindings())

    def aliases(self, address: str) -> tuple[str, ...]:
        """The other addresses of a track's canonical one: by number, in the bank, as the selected track."""
        sight = sight_of(self.host)
        _, kind, name, rest = (*address.split("/", 3), "", "", "")[:4]
        names = [segment(track.name) for track in sight.mix.tracks]
        if kind != "track" or not rest or name not in names:
            return ()
        bank = [segment(track) for track in bank_of(sight)]
        number = str(names.index(name) + 1)
        numbered = [] if number in names else [f"/track/{number}/{rest}"]  # a name goes before a number
        banked = [f"/bank/track/{bank.index(name) + 1}/{rest}"] if name in bank else []
        selected = [f"/selected/{rest}"] if segment(sight.panel.selected) == name else []
        return (*numbered, *banked, *selected)

    def refresh(self) -> list[Told]:
        """Every value there is to read but those that change all the time (`meters`)."""
        sight = sight_of(self.host)
        return self.values_of(self.controls(sight), sight)

    def meters(self) -> list[Told]:
        """What changes all the time: levels, position, the engine's health, read from the engine once."""
        sight = replace(sight_of(self.host), engine=self.host.desk.status())
        moving = tuple(
            (meant.control, meant.keys)
            for meant in everything(self._named, sight, Keys())
            if meant.form is Form.RAW and meant.control.parameter.rate_limited
        )
        return self.values_of(moving, sight)

    def values(self, event: DeskEvent | PanelChanged) -> list[Told]:
        """What an event makes worth telling, in every form, as it was right after the event."""
        sight = sight_of(self.host)
        if isinstance(event, MixChanged):
            sight = replace(sight, mix=event.mix)
        elif isinstance(event, TransportChanged):
            sight = replace(sight, transport=event.transport)
        touched = touched_by(event)
        return self.values_of(self.controls(sight) if touched is None else touched, sight)

    def controls(self, sight: Sight) -> Touched:
        """All there is to read but what changes all the time (`meters`), each once whatever its forms."""
        return tuple(
            (meant.control, meant.keys)
            for meant in everything(self._named, sight, Keys())
            if meant.form is Form.RAW and meant.control.read and not meant.control.parameter.rate_limited
        )

    def values_of(self, controls: Touched, sight: Sight) -> list[Told]:
        """Addresses and values in every form; what is gone or has no value is left out."""
        told: list[Told] = []
        for control, keys in controls:
            for form, template in control.addresses if control.read else ():
                binding = self._bound(Found(control, form, keys), template)
                with suppress(HostError):  # a track gone meanwhile, a plugin whose range is not known
                    told.append((binding.address, binding.read(sight)))
        return told

    def values_at(self, places: Mapping[str, str], sight: Sight) -> list[Told]:
        """All values of some tracks, each under another address than its own: name → what goes before."""
        tracks = [
            (control, keys)
            for control, keys in self.controls(sight)
            if keys.owner in places and control.parameter.address.startswith(_TRACK)
        ]
        told: list[Told] = []
        for control, keys in tracks:
            before = places[str(keys.owner)]
            own = self.values_of(((control, keys),), sight)
            told += [(f"{before}/{address.split('/', 3)[3]}", value) for address, value in own]
        return told

    def _bound(self, meant: Found, template: str = "") -> Binding:
        template = template or meant.template
        return Binding(self.host, address_of(template, meant.keys), template, meant.control, meant.form, meant.keys)

    def _resolved_for(self, sight: Sight) -> dict[str, tuple[Binding, ...]]:
        """What is known already, as long as the same tracks and effects are there and the same bank."""
        before, resolved = self._resolved
        if not same_names(before.mix, sight.mix):
            resolved = {}
            self.host.echoes.forget()
        elif before.panel != sight.panel:
            resolved = {}
        self._resolved = (sight, resolved)
        return resolved


def _trees() -> tuple[Node, Node]:
    """Canonical addresses, and the other ways to name a track."""
    named, aliased = Node(), Node()
    for control in CONTROLS:
        for form, address in control.addresses:
            named.put(segments(address), Leaf(control, form))
            if address.startswith(_TRACK):
                for other in _ALIASES:
                    aliased.put(segments(other + address.removeprefix(_TRACK)), Leaf(control, form))
    return named, aliased


def _has_form(meant: Found, sight: Sight) -> bool:
    """An effect's parameter may be a text, or of a plugin whose range only the plugin knows."""
    parameter = meant.control.parameter_in(sight, meant.keys)
    if meant.form is Form.RAW or parameter.kind in ("bool", "choice"):
        return True
    return parameter.kind != "text" and (meant.form is Form.TEXT or parameter.taper is not None)
