"""Play order against the plainest possible model: one frame after the other."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from plugin_host.engine.play_order import PlayOrder


def one_by_one(order: PlayOrder) -> list[int]:
    frame, found = order.start, []
    for _ in range(500):
        found.append(frame)
        frame += 1
        if order.loop is not None and frame == order.loop[1]:
            frame = order.loop[0]
    return found


@given(
    start=st.integers(0, 120),
    loop=st.none() | st.tuples(st.integers(0, 100), st.integers(1, 40)).map(lambda at: (at[0], at[0] + at[1])),
    sizes=st.lists(st.integers(1, 90), max_size=5),
)
def test_cuts_and_song_frames_are_the_walk_frame_by_frame(
    start: int, loop: tuple[int, int] | None, sizes: list[int]
) -> None:
    order = PlayOrder(start, 1000, loop)
    walk, offset = one_by_one(order), 0
    for size in sizes:
        played = [frame + step for frame, count in order.cuts(offset, size) for step in range(count)]
        assert played == walk[offset : offset + size]
        assert [order.song_frame(offset + step) for step in range(size)] == played
        offset += size


def test_what_lies_before_the_start_is_the_song_before_it_even_inside_a_loop() -> None:
    assert list(PlayOrder(50, 1000, (40, 60)).cuts(-30, 45)) == [(20, 40), (40, 5)]


def test_the_number_of_frames_to_play() -> None:
    assert PlayOrder(10, 30).frames == 20
    assert PlayOrder(40, 30).frames == 0
    assert PlayOrder(10, 30, (0, 20)).frames is None
    assert PlayOrder(20, 30, (0, 20)).frames == 10
    assert list(islice(PlayOrder(20, 30, (0, 20)).cuts(0, 40), 3)) == [(20, 40)]
    assert PlayOrder(20, 30).song_frame(50) == 30
