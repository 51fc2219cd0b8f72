"""A training run as one TOML file: network, data, batches, loss, optimiser, schedule."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from separation_core.errors import ModelError
from separation_core.training.losses import LossWeights

Table = TypeVar("Table")
LARGEST_SEED = 1 << 62
SHORTEST = 0.01
"""Seconds of a song or an item, at the least."""
KINDS = ("composed", "stems", "instrumentals")
ABOVE_ZERO = frozenset(
    ("size", "seconds", "slots", "rate", "clip", "log", "validate", "songs", "checkpoint_minutes", "windows", "weight")
)
SHARES = frozenset(("remix", "overdub", "drop", "mono", "beta1", "beta2", "average", "hold", "final"))
"""Entries that must be above 0, and those from 0 to 1; the other numbers are 0 or more."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """seconds: length of a rendered song. slots: songs in the pool. songs_per_step: songs renewed each step."""

    seconds: float = 20.0
    slots: int = 64
    songs_per_step: float = 0.5


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """See `batches.BatchPlan`; `seconds` is the length of an item."""

    size: int = 8
    seconds: float = 5.0
    remix: float = 0.5
    overdub: float = 0.0
    speed: float = 0.0
    gain_db: float = 4.0
    drop: float = 0.08
    mono: float = 0.05


@dataclass(frozen=True, slots=True)
class DataSettings:
    """One data source. kind: "composed" (from a corpus folder), "stems" (a folder of song folders) or "instrumentals"
    (a folder of music without voices). folder: the name under which the caller says where it lies. weight: its share
    among the sources."""

    kind: str
    folder: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class OptimiserSettings:
    """AdamW (Loshchilov & Hutter, arXiv 1711.05101). clip: largest norm of the gradient. average: decay of the moving
    average of the weights, which is what is scored and exported."""

    rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.01
    clip: float = 1.0
    average: float = 0.999


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """How the machine computes. precision: "float32", "bfloat16" or "float16" inside the network; a CPU takes bfloat16
    where it has instructions for it, and else float32. On a GPU only: compile: whether torch.compile is used;
    channels_last: whether pictures lie in memory with channels innermost."""

    precision: str = "float32"
    compile: bool = False
    channels_last: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """Warm-up over `warmup` steps, the full rate until the share `hold` (0 up to but not 1) of the run is done, then a
    cosine down to `final` times the rate at its end. While the rate is held, the end can be moved at no loss.

    The end is after `steps` steps or after `minutes` minutes of training, resumed runs counted together; exactly one
    of the two is given. With `minutes` a repeated run differs, since the rate follows the clock.
    """

    steps: int = 0
    minutes: float = 0.0
    warmup: int = 200
    hold: float = 0.0
    final: float = 0.02


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """log: steps between log lines. validate: steps between scores on `songs` held-out songs of `seconds` seconds.
    checkpoint_minutes: time between checkpoints. keep: steps between averaged weights that are kept, 0 for none."""

    log: int = 20
    validate: int = 500
    songs: int = 6
    seconds: float = 12.0
    checkpoint_minutes: float = 4.0
    keep: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides a training run, apart from where the data lie and the machine."""

    name: str
    seed: int
    architecture: str
    sizes: Mapping[str, Any]
    data: tuple[DataSettings, ...]
    pool: PoolSettings
    batch: BatchSettings
    loss: LossWeights
    optimiser: OptimiserSettings
    schedule: ScheduleSettings
    report: ReportSettings
    machine: MachineSettings
    text: str


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that come with the package."""
    shipped = resources.files("separation_core.training") / "recipes"
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in shipped.iterdir() if entry.name.endswith(".toml"))
    )


def load_recipe(recipe: Path | str, changes: Sequence[str] = ()) -> Recipe:
    """A recipe by file or by name, with `changes` such as "batch.size = 4" or "seed = 2" made to it.

    Raises ModelError naming what is wrong in it.
    """
    if str(recipe) in recipe_names():
        shipped = resources.files("separation_core.training") / "recipes" / f"{recipe}.toml"
        return parse_recipe(shipped.read_text(encoding="utf-8"), str(recipe), changes)
    try:
        return parse_recipe(Path(recipe).read_text(encoding="utf-8-sig"), str(recipe), changes)
    except UnicodeDecodeError as error:
        raise ModelError(f"{recipe}: not UTF-8 text ({error.reason}): save it as UTF-8") from error
    except OSError as error:
        names = ", ".join(recipe_names())
        raise ModelError(f"no recipe {str(recipe)!r}: give a TOML file or one of {names}") from error


def parse_recipe(text: str, where: str, changes: Sequence[str] = ()) -> Recipe:
    """A recipe from its text. Raises ModelError naming `where` and the entry that is wrong."""
    table = _parse(text, where)
    for change in changes:
        _merge(table, _parse(change, f"change {change!r}"))
    noted = "".join(f"# changed: {change}\n" for change in changes)
    recipe = _from_table(table, where, noted + text)
    _check(recipe, where)
    return recipe


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{where}: not TOML ({error}): correct it") from error


def _merge(table: dict[str, Any], change: Mapping[str, Any]) -> None:
    for name, value in change.items():
        if isinstance(value, Mapping) and isinstance(table.get(name), dict):
            _merge(table[name], value)
        else:
            table[name] = value


def _from_table(table: dict[str, Any], where: str, text: str) -> Recipe:
    network = dict(_table(table.pop("network", {}), f"{where} [network]"))
    data = table.pop("data", [])
    if not isinstance(data, list):
        raise ModelError(f"{where}: data = {data!r} is of the wrong type: write [[data]] above each source's entries")
    recipe = Recipe(
        name=str(table.pop("name", "")),
        seed=_whole(table.pop("seed", 0), f"{where}: seed"),
        architecture=str(network.pop("architecture", "")),
        sizes=network,
        data=tuple(_read(DataSettings, entry, f"{where} [[data]]") for entry in data),
        pool=_read(PoolSettings, table.pop("pool", {}), f"{where} [pool]"),
        batch=_read(BatchSettings, table.pop("batch", {}), f"{where} [batch]"),
        loss=_read(LossWeights, table.pop("loss", {}), f"{where} [loss]"),
        optimiser=_read(OptimiserSettings, table.pop("optimiser", {}), f"{where} [optimiser]"),
        schedule=_read(ScheduleSettings, table.pop("schedule", {}), f"{where} [schedule]"),
        report=_read(ReportSettings, table.pop("report", {}), f"{where} [report]"),
        machine=_read(MachineSettings, table.pop("machine", {}), f"{where} [machine]"),
        text=text,
    )
    if table:
        raise ModelError(f"{where}: unknown entry {next(iter(table))!r}: take it out")
    return recipe


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ModelError(f"{where} = {value!r} is of the wrong type: it is a table, with an entry a line")
    return value


def _read(kind: type[Table], table: Any, where: str) -> Table:
    """A settings table as its dataclass, every entry known and of the default's type."""
    _table(table, where)
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]  # only dataclasses are passed
    for name, value in table.items():
        if name not in known:
            raise ModelError(f"{where}: unknown entry {name!r}: it has {', '.join(known)}")
        _check_entry(known[name].type, value, f"{where} {name}")
    frozen = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
    try:
        return kind(**frozen)
    except TypeError as error:
        raise ModelError(f"{where}: an entry is missing ({error}): add it") from error


def _check_entry(kind: Any, value: Any, where: str) -> None:
    """Raise ModelError unless a value of TOML is of the field's type and in its range."""
    if kind == tuple[int, ...] and isinstance(value, list) and value:
        for entry in value:
            _check_entry(int, entry, where)
        return
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise ModelError(f"{where} = {value!r} is of the wrong type: see docs/training.md")
    if kind not in (int, float):
        return
    name = where.rsplit(" ", 1)[-1]
    most = 1 if name in SHARES else float("inf")
    if not (0 < value < float("inf") if name in ABOVE_ZERO else 0 <= value <= most and value != float("inf")):
        wanted = "a number above 0" if name in ABOVE_ZERO else "from 0 to 1" if name in SHARES else "0 or more"
        raise ModelError(f"{where} = {value}: must be {wanted}")


def _whole(value: Any, where: str) -> int:
    if type(value) is not int or not 0 <= value < LARGEST_SEED:
        raise ModelError(f"{where} = {value!r}: must be a whole number from 0 to {LARGEST_SEED - 1}")
    return value


def _check(recipe: Recipe, where: str) -> None:
    if not recipe.data:
        raise ModelError(f"{where}: no [[data]] to train on: add at least one source")
    if (recipe.schedule.steps > 0) == (recipe.schedule.minutes > 0):
        raise ModelError(f"{where}: [schedule] needs exactly one of steps and minutes")
    if not 0 <= recipe.schedule.hold < 1:
        raise ModelError(f"{where}: [schedule] hold {recipe.schedule.hold} must be 0 or more and below 1")
    if max(recipe.optimiser.beta1, recipe.optimiser.beta2) >= 1:
        raise ModelError(f"{where}: [optimiser] beta1 and beta2 must be below 1")
    if min(recipe.pool.seconds, recipe.batch.seconds, recipe.report.seconds) < SHORTEST:
        raise ModelError(f"{where}: seconds of [pool], [batch] and [report] must be {SHORTEST} or more")
    if recipe.batch.seconds > recipe.pool.seconds:
        raise ModelError(f"{where}: [batch] seconds is above [pool] seconds: items cannot be longer than songs")
    if recipe.machine.precision not in ("float32", "bfloat16", "float16"):
        raise ModelError(f"{where}: precision {recipe.machine.precision!r} is none of float32, bfloat16, float16")
    if recipe.loss.of_shares and (recipe.loss.wave or recipe.loss.spectrum or recipe.loss.square):
        raise ModelError(f"{where}: [loss] judges waves or shares: set cells and bels, or the others, to 0")
    for source in recipe.data:
        if source.kind not in KINDS:
            raise ModelError(f"{where}: data kind {source.kind!r} is none of {', '.join(KINDS)}: take one of them")
