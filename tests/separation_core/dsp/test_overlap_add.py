import torch
from hypothesis import given
from hypothesis import strategies as st

from separation_core.dsp.overlap_add import OverlapAdder


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 60))
def test_overlapping_parts_of_a_signal_make_it_up_again(segment: int, hop: int, position: int) -> None:
    hop = min(hop, segment)
    signal = torch.arange(1.0, 201.0).expand(2, 1, 200)
    starts = range(0, 201 - segment, hop)
    end = starts[-1] + segment
    cover = torch.zeros(200)
    for start in starts:
        cover[start : start + segment] += 1
    adder, parts = OverlapAdder(2, 1, position), []
    for start in starts:
        if start + segment > position:
            adder.add(signal[..., start : start + segment], 1 / cover[start : start + segment], start)
        ready = end if start == starts[-1] else min(end, start + hop)
        if ready > adder.position:
            parts.append(adder.take(ready))
    found = torch.cat(parts, -1) if parts else torch.zeros(2, 1, 0)
    assert torch.allclose(found, signal[..., position:end], rtol=1e-5)


def test_what_is_handed_out_is_forgotten() -> None:
    adder = OverlapAdder(1, 1)
    adder.add(torch.ones(1, 1, 10), torch.ones(10), 0)
    adder.take(6)
    adder.add(torch.ones(1, 1, 10), torch.ones(10), 4)
    assert adder.take(14).flatten().tolist() == [2, 2, 2, 2, 1, 1, 1, 1]
