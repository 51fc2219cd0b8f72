"""A track's sends in a TOML file."""

from plugin_host.mix.state import AUXES, MAX_GAIN_DB
from plugin_host.mix.toml_document import Table


def read_sends(table: Table) -> tuple[float, ...] | None:
    """`sends = [-12.0, -inf]`, dB to each aux bus; None where the table has none, `PresetError` where it is wrong."""
    values = table.values.get("sends")
    if values is None:
        return None
    if not (isinstance(values, list) and len(values) == AUXES and all(_is_gain(value) for value in values)):
        raise table.fault("sends", f"{values!r}: give a list of {AUXES} gains in dB, -inf to +{MAX_GAIN_DB:g}")
    return tuple(float(value) for value in values)


def _is_gain(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value <= MAX_GAIN_DB
