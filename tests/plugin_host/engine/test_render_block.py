"""The mixing function by itself, with small runners of known behaviour in place of effect chains."""

import tracemalloc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.engine.changes import light_change
from plugin_host.engine.gains import mix_gains
from plugin_host.engine.latency import DelayLine
from plugin_host.engine.render_block import MixRenderer, RenderSetup
from plugin_host.engine.strip import Runner, RunningChain, Wire
from plugin_host.mix.state import Aux, Master, Mix, Track

RATE = 8000
FRAMES = 12_000
LONGEST = 4096


@dataclass
class Late(Wire):
    """A chain that only delays, and gives NaN from one input frame on if told to."""

    latency: int = 0
    breaks_at: int | None = None
    _seen: int = 0
    _line: DelayLine = field(init=False)

    def __post_init__(self) -> None:
        self._line = DelayLine(self.latency, LONGEST)

    def process(self, block: np.ndarray) -> np.ndarray:
        out = np.empty_like(block)
        self._line.process(block, out)
        frames = np.arange(self._seen, self._seen + block.shape[1])
        if self.breaks_at is not None:
            out[:, frames >= self.breaks_at] = np.nan
        self._seen += block.shape[1]
        return out

    def reset(self) -> None:
        self._seen = 0
        self._line.reset()


def renderer(mix: Mix, chains: Sequence[RunningChain], limiter: Runner | None = None, **options: object) -> MixRenderer:
    names = [track.name for track in mix.tracks]
    setup = RenderSetup(RATE, LONGEST)
    return MixRenderer(names, chains, mix_gains(mix), Late(), limiter, setup, **options)  # type: ignore[arg-type]


def rendered(
    mixer: MixRenderer, songs: Sequence[np.ndarray], size: int, moves: Sequence[tuple[int, Mix, Mix]] = ()
) -> np.ndarray:
    """(1 + track, 2, frame): master, then the direct outs. moves: at a frame, from a mix to a mix, in order."""
    blocks, position, frames = [], 0, songs[0].shape[1]
    for until, change in [*((at, light_change(old, new)) for at, old, new in moves), (frames, None)]:
        for start in range(position, until, size):
            out = mixer.render_block([song[:, start : min(until, start + size)] for song in songs])
            blocks.append(np.stack([out.master, *out.tracks]))
        position = until
        if change is not None:
            mixer.apply(change)
    return np.concatenate(blocks, axis=2)


def noise(count: int, frames: int = FRAMES) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [0.2 * rng.standard_normal((2, frames)).astype(np.float32) for _ in range(count)]


def mix_of(*tracks: Track, **master: object) -> Mix:
    return Mix(tracks, Master(**master))  # type: ignore[arg-type]


THREE = mix_of(Track("a", "a"), Track("b", "b", gain_db=-6.0, pan=0.4), Track("c", "c", invert=True))


@st.composite
def moves(draw: st.DrawFn) -> list[tuple[int, Mix, Mix]]:
    """Frames, and the mixes from and to which to move there, in order."""
    gains = st.sampled_from([float("-inf"), -30.0, -6.0, 0.0, 12.0])
    found, old = [], THREE
    for at in sorted(draw(st.lists(st.integers(0, FRAMES - 1), max_size=6))):
        tracks = tuple(
            replace(
                track,
                gain_db=draw(gains),
                pan=draw(st.floats(-1, 1)),
                mute=draw(st.booleans()),
                solo=draw(st.booleans()),
                invert=draw(st.booleans()),
                sends=(draw(gains), draw(gains)),
            )
            for track in THREE.tracks
        )
        new = Mix(tracks, Master(gain_db=draw(gains)), auxes=(Aux("a", gain_db=draw(gains)), Aux("b", mute=True)))
        found.append((at, old, new))
        old = new
    return found


@settings(max_examples=25, deadline=None)
@given(moves=moves(), size=st.sampled_from([32, 64, 100, 128, 256, 512, 1000, 2048, 4096]))
def test_the_same_moves_give_the_same_samples_at_every_block_size(moves: list[tuple[int, Mix, Mix]], size: int) -> None:
    def played(size: int) -> np.ndarray:
        mixer = renderer(THREE, [Late(), Late(100), Late(7, breaks_at=9000)], limiter=Late(11), auxes=(Late(5), Late()))
        return rendered(mixer, noise(3), size, moves)

    assert np.array_equal(played(size), played(LONGEST))


def test_threads_do_not_change_a_sample() -> None:
    chains = [Late(), Late(100), Late(7)]
    alone = rendered(renderer(THREE, chains), noise(3), 256)
    with ThreadPoolExecutor(3) as pool:
        assert np.array_equal(alone, rendered(renderer(THREE, chains, spread=pool.map), noise(3), 256))


def test_it_begins_on_its_gains_without_a_fade() -> None:
    out = rendered(renderer(THREE, [Late(), Late(), Late()]), [np.ones((2, 64), dtype=np.float32)] * 3, 64)
    assert np.all(out[1] == 1.0)
    assert np.all(out[3] == -1.0)
    assert np.all(out[2, 1] == out[2, 1, 0])


def test_late_tracks_stay_aligned_and_the_latency_is_told() -> None:
    song = np.zeros((2, FRAMES), dtype=np.float32)
    song[:, 1000] = 0.25
    mixer = renderer(mix_of(*(Track(n, n) for n in "abc")), [Late(), Late(333), Late(40)], limiter=Late(21))
    out = rendered(mixer, [song] * 3, 512)
    assert (mixer.track_latency, mixer.latency) == (333, 354)
    assert np.all(np.argmax(np.abs(out[1:, 0]), axis=1) == 1333)
    assert out[0, 0, 1354] == 0.75
    assert np.count_nonzero(out[0, 0]) == 1


def test_a_fader_moves_at_once_however_late_the_chains_are() -> None:
    loud = mix_of(Track("a", "a"), Track("b", "b"))
    quiet = mix_of(Track("a", "a", mute=True), Track("b", "b"))
    songs = [np.ones((2, FRAMES), dtype=np.float32)] * 2
    mixer = renderer(loud, [Late(), Late(500)])
    out = rendered(mixer, songs, 256, [(3000, loud, quiet)])[1, 0]
    assert out[2999] == 1.0
    assert out[3000] < 1.0


def test_a_master_fader_moves_at_once_and_only_the_limiter_is_later() -> None:
    loud, quiet = mix_of(Track("a", "a")), mix_of(Track("a", "a"), gain_db=-6.0)
    mixer = MixRenderer(["a"], [Late(300)], mix_gains(loud), Late(200), Late(50), RenderSetup(RATE, LONGEST))
    out = rendered(mixer, [np.ones((2, FRAMES), dtype=np.float32)], 256, [(3000, loud, quiet)])[0, 0]
    assert mixer.latency == 550
    assert np.all(out[550:3050] == 1.0)
    assert out[3050] < 1.0


def test_a_muted_track_fades_to_true_silence_without_a_jump() -> None:
    loud, muted = mix_of(Track("a", "a")), mix_of(Track("a", "a", mute=True))
    mixer = renderer(loud, [Late()])
    out = rendered(mixer, [np.ones((2, FRAMES), dtype=np.float32)], 128, [(1000, loud, muted)])[0, 0]
    assert np.abs(np.diff(out)).max() < 1.6 / (0.02 * RATE)
    assert not out[1000 + RATE // 50 :].any()


def test_a_broken_track_falls_silent_and_the_others_play_on() -> None:
    mixer = renderer(mix_of(Track("a", "a"), Track("b", "b")), [Late(), Late(30, breaks_at=5000)])
    songs = noise(2)
    out = rendered(mixer, songs, 256)
    assert np.isfinite(out).all()
    assert np.array_equal(out[1, :, 30:], songs[0][:, :-30])
    assert not out[2, :, 5000 + RATE // 50 :].any()
    assert [(fault.where, fault.frame) for fault in mixer.faults] == [("track b", 4970)]


def test_a_broken_master_chain_gives_silence_and_is_named() -> None:
    mix = mix_of(Track("a", "a"))
    mixer = MixRenderer(["a"], [Late()], mix_gains(mix), Late(breaks_at=2000), None, RenderSetup(RATE, LONGEST))
    out = rendered(mixer, noise(1), 512)
    assert np.isfinite(out).all()
    assert not out[0, :, 2000 + RATE // 50 :].any()
    assert [(fault.where, fault.frame) for fault in mixer.faults] == [("master", 2000)]


def test_after_a_restart_everything_is_as_new() -> None:
    mixer = renderer(THREE, [Late(), Late(100), Late(7, breaks_at=300)], limiter=Late(5))
    first = rendered(mixer, noise(3), 512)
    mixer.restart(0)
    assert mixer.faults == ()
    assert np.array_equal(rendered(mixer, noise(3), 512), first)


@pytest.mark.parametrize("gain_db", [float("-inf"), -200.0])
def test_a_closed_master_is_silent(gain_db: float) -> None:
    mixer = renderer(mix_of(Track("a", "a"), gain_db=gain_db), [Late()])
    assert np.abs(rendered(mixer, noise(1), 512)[0]).max() < 1e-9


@dataclass
class Asked(Wire):
    """A chain that counts how often it is asked for its reduction."""

    times: int = 0

    def measure(self) -> None:
        self.times += 1


@pytest.mark.parametrize("size", [1, 7, 64, 300, 801, 4096])
def test_every_chain_is_asked_for_its_reduction_ten_times_a_second(size: int) -> None:
    chains = [Asked() for _ in THREE.tracks]
    rendered(renderer(THREE, chains), noise(3), size)
    blocks = -(-FRAMES // size)
    expected = min(FRAMES * 10 // RATE, blocks)
    assert all(abs(chain.times - expected) <= 1 for chain in chains)


def test_a_fader_at_unity_leaves_every_bit_alone() -> None:
    songs = noise(1)
    master, track = rendered(renderer(mix_of(Track("a", "a")), [Wire()]), songs, 512)
    assert np.array_equal(master, songs[0])
    assert np.array_equal(track, songs[0])


def test_faders_that_are_moved_all_night_leave_nothing_behind() -> None:
    """Aux sends in particular, which nobody uses: what is told to them must not pile up until somebody does."""
    mixer, songs = renderer(THREE, [Wire(), Wire(), Wire()]), noise(3, 64)
    louder = replace(THREE, tracks=(replace(THREE.tracks[0], gain_db=-3.0), *THREE.tracks[1:]))
    tracemalloc.start()
    try:
        for turn in range(2000):
            if turn == 500:
                before, _ = tracemalloc.get_traced_memory()
            mixer.apply(light_change(THREE, louder if turn % 2 else THREE))
            mixer.render_block(songs)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 200_000
