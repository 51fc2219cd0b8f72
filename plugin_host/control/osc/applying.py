"""What surfaces mean, done at the desk: the last value of an address only, what goes together as one change."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from plugin_host.control.osc.complaints import Complaints
from plugin_host.control.osc.dialects.session import Meant
from plugin_host.control.osc.lately_told import News, is_same
from plugin_host.control.osc.packet import OscMessage
from plugin_host.control.osc.peers import Peer, Peers
from plugin_host.control.parameters.binding import Binding
from plugin_host.control.parameters.conversion import taken
from plugin_host.control.parameters.declaration import Value
from plugin_host.control.parameters.patterns import is_pattern
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.errors import ControlError, HostError

_MOST_KNOWN = 10_000
_Waiting = tuple[Peer, Meant]
_Write = tuple[Binding, Value | None]


class Applier:
    """Writes wait until `flush`, each address once with its latest value, in the order of the latest.

    What is not simply a value (a trigger, a pattern) is done at once, after what waits. A value that a surface was told
    itself just now is passed over, for others may have moved on since. clock: seconds, the server's.
    """

    def __init__(self, table: ParameterTable, complaints: Complaints, peers: Peers, clock: Callable[[], float]) -> None:
        self._table, self._complaints, self._peers, self._clock = table, complaints, peers, clock
        self._waiting: dict[str, _Waiting] = {}
        self._plain: dict[str, bool] = {}
        """Addresses of plain values; whether they move only when somebody moves them."""

    def meant_natively(self, message: OscMessage) -> Meant | None:
        """What a message with an address of ours means; None where nothing of ours is there."""
        bindings = self._table.resolve(message.address)
        if not bindings:
            return None
        if len(message.arguments) > 1:
            raise ControlError(f"{message.address[:80]!r} takes one value, not {len(message.arguments)}")
        value = message.arguments[0] if message.arguments else None
        asks = not message.arguments and any(each.control.parameter.kind != "trigger" for each in bindings)
        return Meant(message.address, value, message.address, asks=asks)

    def take_known(self, peer: Peer, message: OscMessage) -> bool:
        """The short way for an address whose plain value came before; False where it is none such."""
        address, arguments = message
        if address not in self._plain or len(arguments) != 1 or arguments[0] is None:
            return False
        self._put(peer, Meant(address, arguments[0], address), arguments[0])
        return True

    def take(self, peer: Peer, meant: Meant) -> None:
        """Do or answer it. Raises `HostError`."""
        if meant.asks:
            self.flush()
            self.answer(peer, meant)
        elif meant.value is not None and self._is_plain(meant.address):
            self._put(peer, meant, meant.value)
        else:
            self.flush()
            try:
                self.together(peer, [meant])
            except HostError as error:
                raise ControlError(_told(meant, error)) from error

    def together(self, peer: Peer, all_meant: Iterable[Meant]) -> None:
        """Do them as one change: all, or none with a `HostError`.

        What is more than commands (scenes, takes, banks) comes in its turn, and is looked at for its value before.
        """
        writes = self._writes(all_meant)
        self._table.plan(write for write in writes if write[0].is_command)  # raises before anything is done
        for write in writes:
            if not write[0].is_command:
                _check(*write)
        run: list[_Write] = []
        surface = self._peers.surface_of(peer)
        origin = surface.origin
        for write in writes:
            _note(surface, write[0])
            if write[0].is_command:
                run.append(write)
            else:
                self._do(run, origin)
                run = []
                write[0].write(write[1], origin)
        self._do(run, origin)

    def answer(self, peer: Peer, meant: Meant) -> None:
        """Send the value that was asked for, under the address it was asked by; of a pattern, all there are."""
        for binding in self._found(meant.address):
            if binding.control.read is None:
                continue
            with suppress(HostError):  # of a plugin whose range is not known
                address = binding.address if is_pattern(meant.address) else meant.theirs
                peer.answer(address, (*meant.which, meant.law.theirs(binding.read())))

    def flush(self) -> None:
        """Do what waits."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        for group in _by_peer(waiting.values()):
            try:
                self.together(group[0][0], [meant for _, meant in group])
            except HostError:
                self._one_by_one(group)
            for peer, meant in group:
                self._correct(peer, meant)

    def _writes(self, all_meant: Iterable[Meant]) -> list[_Write]:
        writes: list[_Write] = []
        switched: dict[str, bool] = {}
        for meant in all_meant:
            bindings = self._found(meant.address)
            if is_pattern(meant.address):
                bindings = tuple(binding for binding in bindings if binding.control.parameter.writable) or bindings
            for binding in bindings:
                value = meant.value
                if meant.turns:
                    value = not switched.get(binding.address, binding.read())
                if isinstance(value, bool):
                    switched[binding.address] = value
                writes.append((binding, value))
        return writes

    def _put(self, peer: Peer, meant: Meant, value: Value) -> None:
        """Among what waits, unless it is an echo of what the surface was told."""
        told = self._peers.told_to(peer)
        if self._plain[meant.address] and told.repeats(News(meant.address, value, peer.origin), self._clock()):
            self._correct(peer, meant)
            return
        self._waiting.pop(meant.address, None)
        self._waiting[meant.address] = (peer, meant)

    def _one_by_one(self, group: list[_Waiting]) -> None:
        for peer, meant in group:
            try:
                self.together(peer, [meant])
            except HostError as error:
                self._plain.pop(meant.address, None)
                self._complaints.refuse(_told(meant, error))

    def _correct(self, peer: Peer, meant: Meant) -> None:
        """A surface is not told what it did, but where another value was taken than it sent, it stands wrong."""
        peer = self._peers.surface_of(peer)
        if peer.subscription is None or peer.subscription.echo or meant.value is None or isinstance(meant.value, str):
            return
        with suppress(HostError):
            (binding,) = self._table.resolve(meant.address) or (None,)
            now = None if binding is None else binding.read()
            if now is not None and not is_same(now, meant.value):
                peer.tell(News(meant.address, now), meant.theirs, (meant.law.theirs(now),), meant.which)

    def _do(self, writes: list[_Write], origin: str) -> None:
        if writes:
            self._table.host.desk.do_all(self._table.plan(writes), origin)

    def _found(self, address: str) -> tuple[Binding, ...]:
        bindings = self._table.resolve(address)
        if not bindings:
            raise ControlError(f"nothing listens at {address[:80]!r}")
        return bindings

    def _is_plain(self, address: str) -> bool:
        """Whether it stands for one value that can be set any number of times."""
        if address in self._plain:
            return True
        bindings = () if is_pattern(address) else self._table.resolve(address)
        plain = len(bindings) == 1 and bindings[0].is_command and _is_value(bindings[0])
        if plain:
            if len(self._plain) >= _MOST_KNOWN:
                self._plain.clear()
            self._plain[address] = not bindings[0].control.parameter.rate_limited
        return plain


def _note(surface: Peer, binding: Binding) -> None:
    """What it set; who does something (recalls a scene) may change what he set before it."""
    if binding.control.parameter.kind == "trigger":
        surface.wrote.clear()
    surface.wrote.add((binding.control, binding.keys))


def _is_value(binding: Binding) -> bool:
    return binding.control.read is not None and binding.control.parameter.kind in ("float", "int", "bool", "choice")


def _told(meant: Meant, error: HostError) -> str:
    """Why it could not be done; before that what was sent, where another address than ours was."""
    sent = " ".join((meant.theirs[:80], *map(str, meant.which)))
    return str(error) if meant.theirs in str(error) else f"{sent}: {error}"


def _check(binding: Binding, value: Value | None) -> None:
    """`ControlError` where that value cannot be written."""
    parameter = replace(binding.parameter, address=binding.address)
    if not parameter.writable:
        raise ControlError(f"{binding.address} can only be read")
    if value is not None:
        taken(parameter, value)
    elif parameter.kind != "trigger":
        raise ControlError(f"{binding.address}: no value was given")


def _by_peer(waiting: Iterable[_Waiting]) -> list[list[_Waiting]]:
    """Neighbours of the same surface together."""
    groups: list[list[_Waiting]] = []
    for each in waiting:
        if groups and groups[-1][0][0] is each[0]:
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups
