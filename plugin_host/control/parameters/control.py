"""A declared parameter together with what it reads and does, and the forms in which it can be had."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any

from plugin_host.control.parameters.conversion import share_of, spoken
from plugin_host.control.parameters.declaration import Parameter, Value
from plugin_host.control.parameters.places import Keys
from plugin_host.control.parameters.sight import Host, Sight
from plugin_host.control.parameters.taper import UNIT
from plugin_host.live.port import EngineCommand

Read = Callable[[Sight, Keys], Value]
# Any: the value has the type that the parameter's kind stands for.
Make = Callable[[Sight, Keys, Any], Iterable[EngineCommand]]
Act = Callable[[Host, Keys, Any, str], None]
Shape = Callable[[Sight, Keys, Parameter], Parameter]


class Form(Enum):
    """How a value is given: in its own unit, as a share 0 … 1 of its range, or as text with the unit."""

    RAW = "raw"
    SHARE = "share"
    TEXT = "text"


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """A parameter and its behaviour. Compared by identity: there is one for each declared address.

    read: the value as it stands. make: the commands that set it, or act: what setting it does beside commands
    (arguments: host, keys, value or None, origin). told_by: the types of command, or of other event, after which it
    may have changed. share_at, text_at: the addresses of its other forms, "" for none. shape: what a parameter is
    like that depends on the mix or the song. snap: a value as it will be read again (song times fall on frames).
    hold: the value that is meant, where some within the range are none. speak: value to text, else by its unit.
    """

    parameter: Parameter
    read: Read | None = None
    make: Make | None = None
    act: Act | None = None
    told_by: tuple[type, ...] = ()
    share_at: str = ""
    text_at: str = ""
    shape: Shape | None = None
    snap: Callable[[Sight, float], float] | None = None
    hold: Callable[[float], float] | None = None
    speak: Callable[[Value], str] | None = None

    @property
    def addresses(self) -> tuple[tuple[Form, str], ...]:
        """Every form there is, and its declared address."""
        forms = ((Form.RAW, self.parameter.address), (Form.SHARE, self.share_at), (Form.TEXT, self.text_at))
        return tuple((form, address) for form, address in forms if address)

    def parameter_in(self, sight: Sight, keys: Keys) -> Parameter:
        """The parameter in its own unit, as it is for these keys."""
        return self.shape(sight, keys, self.parameter) if self.shape else self.parameter

    def text(self, parameter: Parameter, value: Value) -> str:
        """The value as a display shows it."""
        return self.speak(value) if self.speak else spoken(parameter, value)


def in_all_forms(control: Control, share_at: str = "") -> Control:
    """The control with the addresses of its other forms: `share_at` or …/norm, and …/str."""
    address = control.parameter.address
    return replace(control, share_at=share_at or f"{address}/norm", text_at=f"{address}/str")


@lru_cache(maxsize=4096)
def parameter_of_form(parameter: Parameter, form: Form, address: str) -> Parameter:
    """The same parameter as it is declared in another form, at that address."""
    if form is Form.RAW:
        return parameter
    plain = replace(parameter, address=address, unit="", choices=(), minimum=None, maximum=None, taper=None)
    default = parameter.default
    if form is Form.TEXT:
        described = f"{parameter.description}, as text"
        return replace(
            plain, kind="text", description=described, default=None if default is None else spoken(parameter, default)
        )
    return replace(
        plain,
        kind="float",
        description=f"{parameter.description}, as a share of its range",
        minimum=0.0,
        maximum=1.0,
        taper=UNIT,
        default=None if default is None else share_of(parameter, default),
    )
