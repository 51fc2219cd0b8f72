import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from separation_core.errors import ModelError
from separation_core.inference.plan import Plan, plan_song


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    segment = draw(st.integers(1, 60))
    hop = draw(st.integers(1, segment))
    return Plan(draw(st.integers(0, 400)), segment, hop, draw(st.integers(0, hop - 1)))


@given(plans())
def test_weights_over_every_frame_sum_to_one(plan: Plan) -> None:
    total = np.zeros(plan.frames)
    for index in range(plan.count):
        for place, weight in enumerate(plan.weights(index), start=plan.start(index)):
            if 0 <= place < plan.frames:
                total[place] += weight
    assert np.allclose(total, 1, atol=1e-5)


@given(plans())
def test_no_segment_is_idle(plan: Plan) -> None:
    for index in range(plan.count):
        assert plan.start(index) < plan.frames
        assert plan.start(index) + plan.segment > 0
        weights = plan.weights(index)
        assert weights.shape == (plan.length(index),)
        assert (weights > 0).all()


@given(plans())
def test_a_model_hears_whole_segments_that_hold_what_is_used(plan: Plan) -> None:
    for index in range(plan.count):
        before = plan.start(index) - plan.window(index)
        assert 0 <= before <= plan.segment - plan.length(index)
        assert plan.length(index) == min(plan.segment, plan.frames - plan.start(index)) > 0


def test_the_cut_is_that_of_demucs() -> None:
    """Numbers of demucs 4.1a for 26 frames, segment 10, overlap 0.25: offsets, lengths, and its padding of the last."""
    plan = plan_song(26, 10, 0.25)
    cut = [(plan.start(i), plan.length(i), plan.window(i)) for i in range(plan.count)]
    assert cut == [(0, 10, 0), (7, 10, 7), (14, 10, 14), (21, 5, 19)]


@given(plans(), st.data())
def test_a_run_from_any_frame_begins_with_the_first_segment_that_covers_it(plan: Plan, data: st.DataObject) -> None:
    if not plan.frames:
        return
    frame = data.draw(st.integers(0, plan.frames - 1))
    covering = [i for i in range(plan.count) if plan.start(i) <= frame < plan.start(i) + plan.segment]
    assert plan.first_touching(frame) == covering[0]


@given(plans())
def test_frames_are_final_once_no_later_segment_covers_them(plan: Plan) -> None:
    final = [plan.final_after(index) for index in range(plan.count)]
    assert final == sorted(final)
    for index, frame in enumerate(final[:-1]):
        assert frame == min(plan.frames, max(0, plan.start(index + 1)))
    assert (final[-1] if final else 0) == plan.frames


@given(st.integers(1, 10**10), st.floats(0, 0.95), st.integers(0, 10**6))
def test_hours_of_audio_are_covered(frames: int, overlap: float, offset: int) -> None:
    plan = plan_song(frames, 441_000, overlap, offset)
    last = plan.count - 1
    assert plan.start(0) <= 0
    assert plan.start(last) < frames <= plan.start(last) + plan.segment


@pytest.mark.parametrize("overlap", [-0.1, 0.96, float("nan"), float("inf")])
def test_an_overlap_out_of_range_is_named(overlap: float) -> None:
    with pytest.raises(ModelError, match=str(overlap)):
        plan_song(100, 10, overlap)


@pytest.mark.parametrize("sizes", [(-1, 4, 2, 0), (9, 0, 1, 0), (9, 4, 5, 0), (9, 4, 0, 0), (9, 4, 2, 2)])
def test_sizes_that_cover_nothing_are_refused(sizes: tuple[int, int, int, int]) -> None:
    with pytest.raises(ModelError, match="no plan"):
        Plan(*sizes)
