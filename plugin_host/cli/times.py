"""Times as people write them."""

import math

import typer


def seconds(text: str, option: str) -> float:
    """83, 83.5, 1:23.5 or 1:02:03 in seconds; `option` is named where the text is none of these."""
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(0 <= part < math.inf for part in parts):
        raise typer.BadParameter(f"{text!r}: give seconds or m:ss, such as 83.5 or 1:23.5", param_hint=option)
    return sum((part * 60.0**place for place, part in enumerate(reversed(parts))), 0.0)
