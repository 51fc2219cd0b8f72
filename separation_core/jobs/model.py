"""The model of a job, from the zoo."""

from separation_core.inference.consistency import SumMode
from separation_core.jobs.options import SessionOptions
from separation_core.jobs.watch import Stage, Watch
from separation_core.models.contract import Model
from separation_core.zoo.load import load_separator


def load_model(options: SessionOptions, watch: Watch) -> Model:
    """The model that `options` name, downloaded first where it is not here; errors as in `load_separator`, `Cancelled`.

    Of two stems that sum to the song one follows from the other, so only what gives the wanted one is loaded.
    """

    def show(done: int, total: int | None) -> None:
        watch.step(Stage.DOWNLOAD, done, total or 0)

    only = options.two_stems if options.sum_mode is SumMode.RESIDUAL else ""
    return load_separator(options.model, stem=only, progress=show, note=watch.note)
