"""What a pickle says, without doing any of it.

A pickle is a program that names functions and calls them. `torch.load(weights_only=True)` limits which; but it
allocates what the pickle asks for before anybody can look at the sizes, and it stops at the classes of other packages
that published checkpoints mention in their metadata. Here nothing is imported, called or allocated at all: names,
calls and stored tensors become records, names that are not expected are refused, and the sizes can be judged first.
The standard library's `pickletools` decodes the instructions.
"""

import pickletools
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from separation_core.errors import ModelError

MAX_WORK = 2_000_000
"""Instructions, and entries that they copy: above any published checkpoint's (a few hundred thousand), and few enough
to bound the memory that a listing takes."""
LONGEST_NUMBER = 4096
"""Bits. As a key a number is gone through from end to end each time, and a file could name one of megabytes often."""


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A class or function that the pickle names, as `module.qualname`. It is not imported."""

    path: str


@dataclass(slots=True, eq=False)
class Call:
    """An object that the pickle would make: what it would call, with what, and the state it would set."""

    path: str
    arguments: tuple[Any, ...]
    state: Any = None


@dataclass(frozen=True, slots=True)
class Rules:
    """How a listing treats what is not plain data.

    allowed: whether a name may occur. call: what a call of a name stands for (`Call` for nothing in particular).
    stored: what a persistent id, an address outside the pickle, stands for.
    """

    allowed: Callable[[str], bool]
    call: Callable[[str, tuple[Any, ...]], Any]
    stored: Callable[[Any], Any]


class BoundedFile:
    """A binary file of which no more than `limit` bytes are handed out; the rest looks like its end."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._file, self._left = file, limit

    def read(self, count: int = -1) -> bytes:
        """At most `count` bytes."""
        return self._taken(self._file.read(self._left if count < 0 else min(count, self._left)))

    def readline(self) -> bytes:
        """One line."""
        return self._taken(self._file.readline(self._left))

    def tell(self) -> int:
        """Position in the file."""
        return self._file.tell()

    def _taken(self, data: bytes) -> bytes:
        self._left -= len(data)
        return data


def list_pickle(file: BoundedFile, source: str, rules: Rules) -> Any:
    """The object in the next pickle of `file`, made of dict, list, tuple, set, text, bytes, numbers and records.

    source: how messages call the file. Raises ModelError for a pickle that is damaged or too large, or that names
    something not allowed.
    """
    machine = _Machine(source, rules)
    try:
        # Text of an old protocol with a wrong escape makes `pickletools` warn of a programmer's slip, which it is not.
        with warnings.catch_warnings(action="ignore"):
            for opcode, argument in _instructions(file):
                if opcode == "STOP":
                    return machine.pop()
                machine.obey(opcode, argument)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError, RecursionError) as error:
        raise damaged(source) from error
    raise damaged(source)


def damaged(source: str) -> ModelError:
    """The error for a file whose inside makes no sense."""
    return ModelError(f"{source} is damaged or no checkpoint: download or export it again")


def _instructions(file: BoundedFile) -> Iterator[tuple[str, Any]]:
    # It only reads and tells its position; the type asked for is a whole file's.
    for opcode, argument, _ in pickletools.genops(file):  # type: ignore[arg-type]
        yield opcode.name, argument


_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}


class _Mark:
    """The place on the stack where a run of items begins."""


class _Machine:
    """The pickle machine's stack and memo, with records where the real one would act."""

    def __init__(self, source: str, rules: Rules) -> None:
        self._source, self._rules = source, rules
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._left = MAX_WORK

    def obey(self, opcode: str, argument: Any) -> None:
        """Carry out one instruction."""
        self._spend(1)
        if opcode in _PUSHED:
            if isinstance(argument, int) and argument.bit_length() > LONGEST_NUMBER:
                raise ValueError("a number with too many digits")
            self._stack.append(argument)
        elif opcode in _CONSTANTS:
            self._stack.append(_CONSTANTS[opcode]())
        elif opcode in _ACTIONS:
            _ACTIONS[opcode](self, argument)
        elif opcode not in ("PROTO", "FRAME"):
            raise ValueError(f"instruction {opcode}")

    def _spend(self, work: int) -> None:
        self._left -= work
        if self._left < 0:
            raise ValueError("too much to do")

    def pop(self) -> Any:
        """Take the topmost value."""
        value = self._stack.pop()
        if value is _Mark:
            raise ValueError("a mark where a value should be")
        return value

    def _run(self) -> list[Any]:
        """Take everything above the last mark, and the mark."""
        items: list[Any] = []
        while (item := self._stack.pop()) is not _Mark:
            items.append(item)
        return items[::-1]

    def _tuple(self, count: int) -> None:
        items = [self.pop() for _ in range(count)]
        self._stack.append(tuple(items[::-1]))

    def _name(self, module: Any, qualname: Any) -> None:
        if not isinstance(module, str) or not isinstance(qualname, str):
            raise TypeError("a name that is no text")
        # Below protocol 3 names are written as Python 2 had them.
        path = f"{_RENAMED.get(module, module)}.{qualname}"
        if not self._rules.allowed(path):
            shown = "".join(letter if letter.isprintable() else "?" for letter in path[:80])
            raise ModelError(
                f"{self._source} names {shown}, which no published checkpoint needs and which may be code: it is "
                "refused and nothing of it was run; save the model's state_dict() alone where you trust the file"
            )
        self._stack.append(Name(path))

    def _global(self, argument: Any) -> None:
        module, _, qualname = argument.partition(" ")
        self._name(module, qualname)

    def _stack_global(self) -> None:
        qualname = self.pop()
        self._name(self.pop(), qualname)

    def _call(self, called: Any, arguments: Any) -> None:
        if not isinstance(called, Name) or not isinstance(arguments, tuple):
            raise TypeError("a call of something that has no name")
        made = self._rules.call(called.path, arguments)
        if isinstance(made, dict):  # a copy, and the same entries may be copied time and again
            self._spend(len(made))
        self._stack.append(made)

    def _reduce(self) -> None:
        arguments = self.pop()
        self._call(self.pop(), arguments)

    def _new_with_keywords(self) -> None:
        keywords, arguments = self.pop(), self.pop()
        self._spend(len(arguments))
        self._call(self.pop(), (*arguments, keywords))

    def _instance(self, argument: Any) -> None:
        arguments = tuple(self._run())
        self._global(argument)
        self._call(self.pop(), arguments)

    def _object(self) -> None:
        called, *arguments = self._run()
        self._call(called, tuple(arguments))

    def _build(self) -> None:
        state = self.pop()
        target = self._stack[-1]
        if isinstance(target, Call):
            target.state = state

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, set):
            target.update(as_keys(items))
        elif not isinstance(target, Call):
            raise TypeError("items for something that is no list")

    def _dict(self, items: list[Any]) -> None:
        self._stack.append({})
        self._set(items)

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1]
        pairs = dict(zip(as_keys(items[::2]), items[1::2], strict=True))
        if isinstance(target, dict):
            target.update(pairs)
        elif not isinstance(target, Call):
            raise TypeError("entries for something that is no dict")

    def _remember(self, place: int) -> None:
        self._memo[place] = self._stack[-1]

    def _recall(self, place: int) -> None:
        self._stack.append(self._memo[place])


def as_keys(items: list[Any]) -> list[Any]:
    """Items as keys. Tuples are none: hashing a deeply nested one overflows the interpreter's own stack. TypeError."""
    if any(isinstance(item, tuple | frozenset) for item in items):
        raise TypeError("a key that is a tuple")
    return items


_PUSHED = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_CONSTANTS: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "MARK": lambda: _Mark,
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set,
}  # fmt: skip
_ACTIONS: Mapping[str, Callable[[_Machine, Any], Any]] = {
    "POP": lambda machine, _: machine._stack.pop(),
    "POP_MARK": lambda machine, _: machine._run(),
    "DUP": lambda machine, _: machine._stack.append(machine._stack[-1]),
    "TUPLE": lambda machine, _: machine._stack.append(tuple(machine._run())),
    "TUPLE1": lambda machine, _: machine._tuple(1),
    "TUPLE2": lambda machine, _: machine._tuple(2),
    "TUPLE3": lambda machine, _: machine._tuple(3),
    "LIST": lambda machine, _: machine._stack.append(machine._run()),
    "DICT": lambda machine, _: machine._dict(machine._run()),
    "FROZENSET": lambda machine, _: machine._stack.append(frozenset(as_keys(machine._run()))),
    "APPEND": lambda machine, _: machine._append([machine.pop()]),
    "APPENDS": lambda machine, _: machine._append(machine._run()),
    "ADDITEMS": lambda machine, _: machine._append(machine._run()),
    "SETITEM": lambda machine, _: machine._set([machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine._set(machine._run()),
    "GLOBAL": lambda machine, argument: machine._global(argument),
    "STACK_GLOBAL": lambda machine, _: machine._stack_global(),
    "REDUCE": lambda machine, _: machine._reduce(),
    "NEWOBJ": lambda machine, _: machine._reduce(),
    "NEWOBJ_EX": lambda machine, _: machine._new_with_keywords(),
    "INST": lambda machine, argument: machine._instance(argument),
    "OBJ": lambda machine, _: machine._object(),
    "BUILD": lambda machine, _: machine._build(),
    "PERSID": lambda machine, argument: machine._stack.append(machine._rules.stored(argument)),
    "BINPERSID": lambda machine, _: machine._stack.append(machine._rules.stored(machine.pop())),
    "PUT": lambda machine, argument: machine._remember(argument),
    "BINPUT": lambda machine, argument: machine._remember(argument),
    "LONG_BINPUT": lambda machine, argument: machine._remember(argument),
    "MEMOIZE": lambda machine, _: machine._remember(len(machine._memo)),
    "GET": lambda machine, argument: machine._recall(argument),
    "BINGET": lambda machine, argument: machine._recall(argument),
    "LONG_BINGET": lambda machine, argument: machine._recall(argument),
}
"""What each instruction that is not a plain value does; an instruction in none of the tables is refused."""
