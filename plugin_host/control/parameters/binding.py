"""One address of the table, as it is for a particular track, effect or scene: to be read and written."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from plugin_host.control.parameters.control import Control, Form, parameter_of_form
from plugin_host.control.parameters.conversion import is_pressed, share_of, taken, value_at
from plugin_host.control.parameters.declaration import Parameter, Value
from plugin_host.control.parameters.places import Keys
from plugin_host.control.parameters.sight import Host, Sight, sight_of
from plugin_host.errors import ControlError
from plugin_host.live.port import EngineCommand

SINGLE_PRECISION = 2.0**-25
"""How far a share 0 … 1 is rounded at most by a surface that sends 32-bit floats."""


class _Taken(NamedTuple):
    """A value that came in: in the parameter's own unit, and as it was given but held at the ends of its range.

    acts: False for a trigger that is let go.
    """

    raw: Value | None
    held: Value | None
    acts: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """An address that means one thing now. address: canonical, tracks by name. template: as it is declared.

    Where its track or effect is gone, reading and writing raise `MixError`; `ParameterTable.resolve` gives a fresh
    one. Any thread may read and write.
    """

    host: Host
    address: str
    template: str
    control: Control
    form: Form
    keys: Keys

    @property
    def parameter(self) -> Parameter:
        """What is declared here: kind, range, unit, in this form."""
        return parameter_of_form(self._raw_parameter(sight_of(self.host)), self.form, self.template)

    @property
    def is_command(self) -> bool:
        """Whether setting it is all commands of the desk, so that several can be done together (`plan`)."""
        return self.control.make is not None

    def read(self, sight: Sight | None = None) -> Value:
        """The value as it stands, or as it stood in a sight; `ControlError` where there is none to read."""
        sight = sight or sight_of(self.host)
        raw = self._raw(sight)
        written = self.host.echoes.written((self.control, self.form, self.keys), raw)
        if written is not None:
            return written
        if self.form is Form.RAW:
            return raw
        parameter = self._raw_parameter(sight)
        if self.form is Form.TEXT:
            return self.control.text(parameter, raw)
        share = share_of(parameter, raw)
        if share is None:
            raise ControlError(f"{self.address}: its range is not known")
        return share

    def share(self) -> float | None:
        """Where the value stands in its range, 0 … 1, whatever form this is; None where it has no range."""
        sight = sight_of(self.host)
        raw = self._raw(sight)
        written = self.host.echoes.written((self.control, Form.SHARE, self.keys), raw)
        return share_of(self._raw_parameter(sight), raw) if written is None else float(written)

    def text(self) -> str:
        """The value as a display shows it, whatever form this is."""
        sight = sight_of(self.host)
        return self.control.text(self._raw_parameter(sight), self._raw(sight))

    def write(self, value: Value | None = None, origin: str = "") -> Value | None:
        """Set it, or press it; returns the value as it was taken: held at the ends, of a text what it
        says in the parameter's own unit; None for a trigger.

        Raises `ControlError` for what is no value of this parameter, and what the desk raises.
        """
        return self._write(value, self.form, origin)

    def write_share(self, share: float, origin: str = "") -> Value | None:
        """Set it to a share 0 … 1 of its range, whatever form this is; a trigger is pressed from a half on."""
        if self.control.parameter.kind == "trigger":
            return self._write(None if share >= 0.5 else False, Form.RAW, origin)
        return self._write(share, Form.SHARE, origin)

    def commands(self, value: Value | None = None, sight: Sight | None = None) -> tuple[EngineCommand, ...]:
        """The commands that set it, without doing them; none for a trigger that is let go.

        `ControlError` where it is more than commands (see `is_command`).
        """
        sight = sight or sight_of(self.host)
        if self.control.make is None:
            raise ControlError(f"{self.address} is more than a command: write it by itself")
        taken_value = self._taken(sight, value, self.form)
        return tuple(self.control.make(sight, self.keys, taken_value.raw)) if taken_value.acts else ()

    def _write(self, value: Value | None, form: Form, origin: str) -> Value | None:
        sight = sight_of(self.host)
        came = self._taken(sight, value, form)
        if not came.acts:
            return None
        if self.control.make is not None:
            for command in self.control.make(sight, self.keys, came.raw):
                self.host.desk.do(command, origin)
        elif self.control.act is not None:
            self.control.act(self.host, self.keys, came.raw, origin)
        return came.held

    def _taken(self, sight: Sight, value: Value | None, form: Form) -> _Taken:
        parameter = self._raw_parameter(sight)
        try:
            return self._taken_as(parameter, sight, value, form)
        except ControlError:  # to be told with this very address, which would take time to put in for every value
            return self._taken_as(replace(parameter, address=self.address), sight, value, form)

    def _taken_as(self, parameter: Parameter, sight: Sight, value: Value | None, form: Form) -> _Taken:
        if not parameter.writable:
            raise ControlError(f"{self.address} can only be read")
        if parameter.kind == "trigger":
            given = None if value is None or isinstance(value, bool) else taken(parameter, value)
            return _Taken(given, None, is_pressed(value))
        if value is None:
            raise ControlError(f"{self.address}: no value was given")
        if form is Form.SHARE:
            share = float(taken(parameter_of_form(parameter, form, self.address), value))
            came = _Taken(self._held(self._at_share(sight, parameter, share)), share)
        else:
            held = self._held(taken(parameter, value))
            came = _Taken(held, held)
        if form is not Form.TEXT and parameter.kind != "text":
            self._remember(sight, form, came)
        return came

    def _at_share(self, sight: Sight, parameter: Parameter, share: float) -> Value:
        """The value at that share; the present one where that is its own share, as a surface rounds it."""
        if self.control.read is not None:
            now = self._raw(sight)
            stands = share_of(parameter, now)
            if stands is not None and abs(stands - share) <= SINGLE_PRECISION:
                return now
        return value_at(parameter, share)

    def _held(self, value: Value) -> Value:
        return self.control.hold(float(value)) if self.control.hold else value

    def _remember(self, sight: Sight, form: Form, came: _Taken) -> None:
        """So that the very value that came is fed back, as long as the parameter has the one it led to."""
        if came.raw is not None and came.held is not None:
            raw = self.control.snap(sight, float(came.raw)) if self.control.snap else came.raw
            self.host.echoes.remember((self.control, form, self.keys), raw, came.held)

    def _raw(self, sight: Sight) -> Value:
        if self.control.read is None:
            raise ControlError(f"{self.address} can only be written")
        return self.control.read(sight, self.keys)

    def _raw_parameter(self, sight: Sight) -> Parameter:
        return self.control.parameter_in(sight, self.keys)
