"""Memory that runs out in the middle of a job: told in the manifest, and the same samples when it is taken up again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from separation_core.errors import Cancelled
from separation_core.jobs.options import SessionOptions
from separation_core.jobs.prepare_session import prepare_session
from separation_core.models.contract import Separator
from separation_core.sessions.store import Session

SEGMENT = 40_000
SECONDS = 24


class Tiring:
    """Another separator that has memory for whole segments only the first few times."""

    def __init__(self, inner: Separator, calls: int) -> None:
        self.inner, self.calls = inner, calls
        self.spec = replace(inner.spec, segment=SEGMENT, any_length=True)

    def to(self, device: torch.device) -> "Tiring":
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        self.calls -= 1
        if self.calls < 0 and mix.shape[-1] > SEGMENT:
            raise torch.OutOfMemoryError("no room")
        return self.inner(mix)


def _stems(session: Session) -> list[np.ndarray]:
    return [soundfile.read(session.stem_path(name), dtype="float32")[0] for name in session.stem_names]


def _steps(separated: list[int], stop_at: int) -> Callable[[str, int, int], None]:
    def progress(stage: str, done: int, total: int) -> None:
        if stage == "separate":
            separated.append(done)
            if stop_at < done < total:
                raise Cancelled("enough")

    return progress


@pytest.mark.parametrize("channels", [1, 2])
def test_shorter_segments_are_kept_to_and_told(
    make_song: Callable[..., Path], make_separator: Callable[..., Any], tmp_path: Path, channels: int
) -> None:
    song, options = make_song(frames=SECONDS * 8000), SessionOptions()
    notes: list[str] = []

    def prepare(name: str, calls: int, stop_at: int = 1 << 40) -> Session:
        separator = Tiring(make_separator(channels), calls)
        return prepare_session(
            song,
            tmp_path / f"{name}.stemrack",
            options=options,
            separator=separator,
            force=True,
            progress=_steps([], stop_at),
            note=notes.append,
        )

    whole = prepare("whole", 3 * channels)
    assert whole.manifest.warnings == (
        "memory was short: bands heard only 2.5 s of the song at a time, at least in part of it; "
        "--force separates it again",
    )
    assert len(notes) == 1
    with pytest.raises(Cancelled):
        prepare("stopped", 3 * channels, stop_at=16 * 8000)
    # Taken up again there is memory enough, but a change in the middle would be for nothing.
    stopped = prepare_session(song, tmp_path / "stopped.stemrack", separator=Tiring(make_separator(channels), 999))
    assert all(np.array_equal(*pair) for pair in zip(_stems(whole), _stems(stopped), strict=True))
    assert stopped.manifest.warnings == whole.manifest.warnings
