"""From a model's name to a separator that is ready to run."""

from collections.abc import Callable

from separation_core.errors import ModelError
from separation_core.models.contract import Separator

DEFAULT_MODEL = "dsp"


def model_names() -> tuple[str, ...]:
    """The names that `load_separator` knows."""
    return tuple(_LOADERS)


def load_separator(name: str) -> Separator:
    """The separator of that name, on the CPU; `ModelError` lists the names there are."""
    if name not in _LOADERS:
        raise ModelError(f"no model is called {name!r}: there are {', '.join(model_names())}")
    return _LOADERS[name]()


def _classical() -> Separator:
    from separation_core.models.classical import ClassicalSeparator

    return ClassicalSeparator()


_LOADERS: dict[str, Callable[[], Separator]] = {"dsp": _classical}
