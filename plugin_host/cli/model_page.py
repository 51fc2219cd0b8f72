"""The card of a built-in model as a page: what it is, how good, what it costs, made from what, whose."""

from collections.abc import Iterable, Iterator, Mapping

from rich.markdown import Markdown

from separation_core.inference.quality import EFFORTS, Quality
from separation_core.zoo.cards import BuiltInCard, Credit, MeasuredScore


def as_text(card: BuiltInCard) -> Markdown:
    """The page for a terminal."""
    return Markdown(as_markdown(card))


def as_markdown(card: BuiltInCard) -> str:
    """The page in Markdown; sections that have nothing to say are left out."""
    return (
        "\n".join([*_head(card), *_scores(card), *_cost(card), *_limits(card), *_origin(card), *_credits(card)]) + "\n"
    )


def _head(card: BuiltInCard) -> Iterator[str]:
    yield f"# {card.name}: {card.title}"
    yield ""
    yield "<!-- `stemrack models show default --markdown` writes this page. -->"
    yield ""
    size = f" {card.parameters:,} parameters.".replace(",", " ") if card.parameters else ""
    yield f"{', '.join(card.stems).capitalize()} of a stereo song at {card.rate} Hz.{size}"
    yield f"Licence: {card.licence}."


def _scores(card: BuiltInCard) -> Iterator[str]:
    if not card.scores:
        return
    yield from ("", "## Scores", "")
    yield "MDX SDR in dB (10·log10 of the true stem's energy over the error's, whole excerpts, stems above −40 dB RMS)."
    yield "Leak: energy in stems that are silent in truth, in dB relative to the mixture; the lower the better."
    yield f"`stemrack evaluate FOLDER -m {card.name} --audible -40` measures the same on songs of your own."
    yield ""
    yield from _table(["songs", *card.stems, "mean", "leak"], (_score_row(card, score) for score in card.scores))


def _score_row(card: BuiltInCard, score: MeasuredScore) -> list[str]:
    cells = [_decibels(score.stems.get(stem)) for stem in card.stems]
    return [score.songs, *cells, _decibels(score.average), _decibels(score.leak)]


def _cost(card: BuiltInCard) -> Iterator[str]:
    if not (card.speed or card.memory or card.gains):
        return
    yield from ("", "## Cost", "")
    figures = [f"{card.speed:g} × real time" if card.speed else "", f"{card.memory:g} GB" if card.memory else ""]
    if any(figures):
        where = f" ({card.machine})" if card.machine else ""
        yield f"{', '.join(filter(None, figures))}{where}."
    if card.gains:
        yield ""
        yield from _table(["`--quality`", "time", "gain in mean MDX SDR, dB"], _quality_rows(card.gains))


def _quality_rows(gains: Mapping[str, float]) -> Iterator[list[str]]:
    for quality in Quality:
        gain = 0.0 if quality is Quality.NORMAL else gains.get(quality.value)
        yield [quality.value, f"{EFFORTS[quality].cost:.2g} ×", _decibels(gain)]


def _limits(card: BuiltInCard) -> Iterator[str]:
    if card.limits:
        yield from ("", "## Limits", "", *(f"- {limit}" for limit in card.limits))


def _origin(card: BuiltInCard) -> Iterator[str]:
    yield from ("", "## Made from", "", f"Data: {card.data}.")
    if card.recipe:
        yield f"Recipe: {card.recipe}."


def _credits(card: BuiltInCard) -> Iterator[str]:
    if card.credits:
        yield from (
            "",
            "## Credits",
            "",
            "What it learned from; every recording was changed for that.",
            "",
        )
        yield from _table(["work", "by", "licence", "from"], (_credit_row(credit) for credit in card.credits))


def _credit_row(credit: Credit) -> list[str]:
    return [credit.work, credit.author, credit.licence, credit.source]


def _table(head: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"


def _decibels(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}".replace("-", "−")
