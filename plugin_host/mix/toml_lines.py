"""On which line each key of a TOML text stands, which `tomllib` does not tell.

One pass over the tokens, linear in the text, done before `tomllib` sees it: it also refuses what would make that
parser slow or overflow (keys of hundreds of parts, brackets nested by the thousand). It does not judge syntax: at the
first thing that is no TOML it stops, and `tomllib` reports it.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

KeyPath = tuple[str | int, ...]
"""("tracks", 0, "chain", 2, "threshold_db"): table keys, and places in arrays counted from 0."""

MAX_KEY_PARTS = 16
MAX_NESTING = 32
MAX_ENTRIES = 50_000

_TOKEN = re.compile(
    r"""
      (?P<blank>[ \t\r]++)
    | (?P<comment>\#[^\n]*+)
    | (?P<newline>\n)
    | (?P<string>\"{3}(?:[^"\\]++|\\.|\"{1,2}(?!\"))*+\"{3,5}
                |'{3}(?:[^']++|'{1,2}(?!'))*+'{3,5}
                |"(?:[^"\\\n]++|\\.)*+"
                |'[^'\n]*+')
    | (?P<mark>[\[\]{}=,.])
    | (?P<bare>[^\s\[\]{}=,."'\#]++)
    """,
    re.VERBOSE | re.DOTALL,
)


class OutsizeError(ValueError):
    """The text nests deeper, or holds more, than any file of ours; `line` says where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


class _NoTomlError(Exception):
    """A signal inside this module: nobody outside sees it."""


def key_lines(text: str) -> dict[KeyPath, int]:
    """Line (from 1) of every key, table header and array element; `OutsizeError` where the limits are passed."""
    outline = _Outline(text)
    with suppress(_NoTomlError):  # the lines up to the fault are what there is
        outline.walk()
    return outline.lines


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _NoTomlError
        kind = match.lastgroup or ""
        if kind not in ("blank", "comment"):
            yield _Token(kind, match.group(), line)
        line += match.group().count("\n")
        at = match.end()
    yield _Token("end", "", line)


class _Outline:
    """The walk: `token` is the one looked at, `lines` what was found, `sizes` the length of each array of tables."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.sizes: dict[KeyPath, int] = {}
        self._stream = _tokens(text)
        self.token = _Token("newline", "", 1)

    def walk(self) -> None:
        table: KeyPath = ()
        self._skip_lines()
        while self.token.kind != "end":
            if self.token.text == "[":
                table = self._header()
            else:
                self._key_value(table, depth=0)
            if self.token.kind not in ("newline", "end"):
                raise _NoTomlError
            self._skip_lines()

    def _next(self) -> None:
        token = next(self._stream, None)
        if token is None:
            raise _NoTomlError
        self.token = token

    def _take(self, mark: str) -> None:
        if self.token.text != mark or self.token.kind != "mark":
            raise _NoTomlError
        self._next()

    def _skip_lines(self) -> None:
        while self.token.kind == "newline":
            self._next()

    def _note(self, path: KeyPath, line: int) -> None:
        self.lines.setdefault(path, line)
        if len(self.lines) > MAX_ENTRIES:
            raise OutsizeError(f"more than {MAX_ENTRIES} keys and list entries", line)

    def _header(self) -> KeyPath:
        line = self.token.line
        self._take("[")
        is_array = self.token.text == "["
        if is_array:
            self._take("[")
        parts = self._key()
        self._take("]")
        parent = self._inside(parts[:-1], line)
        path = (*parent, parts[-1])
        self._note(path, line)
        if is_array:
            self._take("]")
            self.sizes[path] = self.sizes.get(path, 0) + 1
        path = self._last(path)
        self._note(path, line)
        return path

    def _inside(self, parts: tuple[str, ...], line: int) -> KeyPath:
        path: KeyPath = ()
        for part in parts:
            path = self._last((*path, part))
            self._note(path, line)
        return path

    def _last(self, path: KeyPath) -> KeyPath:
        """A header below an array of tables means the array's last table."""
        return (*path, self.sizes[path] - 1) if path in self.sizes else path

    def _key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            if self.token.kind not in ("bare", "string"):
                raise _NoTomlError
            parts.append(_unquoted(self.token))
            if len(parts) > MAX_KEY_PARTS:
                raise OutsizeError("nested too deep", self.token.line)
            self._next()
            if self.token.text != ".":
                return tuple(parts)
            self._take(".")

    def _key_value(self, table: KeyPath, depth: int) -> None:
        line = self.token.line
        path = table
        for part in self._key():
            path = (*path, part)
            self._note(path, line)
        self._take("=")
        self._value(path, depth)

    def _value(self, path: KeyPath, depth: int) -> None:
        if depth > MAX_NESTING:
            raise OutsizeError("nested too deep", self.token.line)
        if self.token.text == "[":
            self._array(path, depth)
        elif self.token.text == "{":
            self._inline_table(path, depth)
        else:
            self._scalar()

    def _scalar(self) -> None:
        if self.token.kind not in ("bare", "string"):
            raise _NoTomlError
        while self.token.kind in ("bare", "string") or self.token.text == ".":  # 1.5 is three tokens
            self._next()

    def _array(self, path: KeyPath, depth: int) -> None:
        self._take("[")
        count = 0
        self._skip_lines()
        while self.token.text != "]":
            self._note((*path, count), self.token.line)
            self._value((*path, count), depth + 1)
            count += 1
            self._skip_lines()
            if self.token.text != "]":
                self._take(",")
                self._skip_lines()
        self._take("]")

    def _inline_table(self, path: KeyPath, depth: int) -> None:
        self._take("{")
        self._skip_lines()
        while self.token.text != "}":
            self._key_value(path, depth + 1)
            self._skip_lines()
            if self.token.text != "}":
                self._take(",")
                self._skip_lines()
        self._take("}")


def _unquoted(token: _Token) -> str:
    """A key as its own text; an escape inside is left as written, which costs at most a line number."""
    return token.text[1:-1] if token.kind == "string" else token.text
