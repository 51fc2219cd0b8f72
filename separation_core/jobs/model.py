"""The model of a job, from the zoo."""

from separation_core.jobs.watch import Stage, Watch
from separation_core.models.contract import Model
from separation_core.zoo.load import load_separator


def load_model(name: str, watch: Watch) -> Model:
    """The model of that name, downloaded first where it is not here; errors as in `load_separator`, and `Cancelled`."""

    def show(done: int, total: int | None) -> None:
        watch.step(Stage.DOWNLOAD, done, total or 0)

    return load_separator(name, progress=show)
