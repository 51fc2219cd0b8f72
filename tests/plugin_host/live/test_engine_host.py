"""The engine's process: what is heard is what is bounced, and no death of it loses anything."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from plugin_host.desk.desk import Desk
from plugin_host.desk.take_files import read_take, take_path
from plugin_host.effects.catalogue import check_effect
from plugin_host.engine.bounce import bounce
from plugin_host.engine.bounce_settings import BounceSettings
from plugin_host.errors import HostError, OutputError
from plugin_host.live.host import EngineHost
from plugin_host.live.port import Applied, Back, Died, EngineEvent, Notice, Refused, SetReference, Stopped
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.state import Effect, Mix, plain_mix
from plugin_host.mix.transport import Pause, Play, Seek, Transport
from plugin_host.stems.open_session import HostSession

Launch = Callable[..., EngineHost]
HeardUntil = Callable[[EngineHost, Callable[[EngineEvent], bool]], list[EngineEvent]]
Order = Callable[[str], None]

BELOW_HEARING = 10 ** (-120 / 20)
EFFECTS = (Effect("compressor", {"threshold_db": -30.0}), Effect("reverb"), Effect("delay", {"mix": 0.3}))


def is_stopped(event: EngineEvent) -> bool:
    return isinstance(event, Stopped)


def applies(number: int) -> Callable[[EngineEvent], bool]:
    return lambda event: isinstance(event, Applied) and number in event.numbers


def samples(path: Path) -> np.ndarray:
    found: np.ndarray = soundfile.read(path, dtype="float32", always_2d=True)[0].T
    return found


def aligned(captured: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both from where the captured one begins to sound as the wanted one does, as long as both go on."""
    begin = int(np.argmax(np.abs(captured).max(axis=0) > 0)) - int(np.argmax(np.abs(wanted).max(axis=0) > 0))
    heard = captured[:, begin:]
    count = min(heard.shape[1], wanted.shape[1])
    return heard[:, :count], wanted[:, :count]


def capture_of(engine: EngineHost, path: Path, heard_until: HeardUntil, *, during: Callable[[], None]) -> np.ndarray:
    """What is heard from Play to the song's end, `during` done on the way."""
    engine.capture(path)
    time.sleep(0.05)
    engine.send(1, Play())
    during()
    heard_until(engine, is_stopped)
    time.sleep(0.3)
    engine.capture(None)
    until = time.monotonic() + 10
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.01)
    return samples(path)


def test_what_is_heard_is_what_is_bounced(
    session: HostSession, launch: Launch, heard_until: HeardUntil, tmp_path: Path
) -> None:
    mix = plain_mix(session.stems)
    for command in (c.SetChain("vocals", EFFECTS), c.SetPan("bass", 0.5), c.SetSend("drums", 0, -6.0)):
        mix = apply(mix, command)
    engine = launch(session, mix)
    captured = capture_of(engine, tmp_path / "live.wav", heard_until, during=lambda: None)
    assert engine.status().dropouts >= 0
    bounce(session, mix, tmp_path / "bounce.wav", BounceSettings(tail=0.0))
    heard, wanted = aligned(captured, samples(tmp_path / "bounce.wav"))
    assert heard.shape[1] == session.frames
    assert np.abs(heard - wanted).max() < BELOW_HEARING


def test_a_take_bounces_to_what_was_heard(session: HostSession, launch: Launch, tmp_path: Path) -> None:
    """Faders, knobs and an exchanged chain, ridden while it played."""
    mix = plain_mix(session.stems)
    engine = launch(session, mix)
    desk = Desk(engine, mix, frames=session.frames, rate=session.rate, takes_folder=tmp_path / "takes")
    desk.start()
    try:
        desk.record("ride")
        desk.capture(tmp_path / "live.wav")
        time.sleep(0.05)
        desk.do(Play())
        for step in range(40):
            desk.do(c.SetGain("bass", -float(step % 10)))
            time.sleep(0.02)
        desk.do(c.AddEffect("vocals", Effect("reverb")))
        time.sleep(0.4)
        desk.do(c.SetEffectParam("vocals", 0, "room_size", 0.9))
        while desk.status().playing:
            time.sleep(0.02)
        time.sleep(0.3)
        desk.capture(None)
    finally:
        desk.close()
    take = read_take(take_path(tmp_path / "takes", "ride"), session.rate, check_effect)
    assert len(take.events) == 42
    bounce(session, mix, tmp_path / "bounce.wav", BounceSettings(tail=0.0, take=take))
    heard, wanted = aligned(samples(tmp_path / "live.wav"), samples(tmp_path / "bounce.wav"))
    assert heard.shape[1] == session.frames
    assert np.abs(heard - wanted).max() < BELOW_HEARING


@pytest.mark.parametrize("limiters", [(True,), (False,), (False, True, False)])
def test_the_original_lies_under_the_remix_to_the_sample(
    session: HostSession, launch: Launch, heard_until: HeardUntil, tmp_path: Path, limiters: tuple[bool, ...]
) -> None:
    """The stems untouched are the song: switching to and fro must not be heard, whether the limiter is on or off."""
    begun, *later = [c.SetLimiter(on) for on in limiters]
    engine = launch(session, apply(plain_mix(session.stems), begun))
    for number, command in enumerate(later, 2):
        engine.send(number, command)
        heard_until(engine, applies(number))
        time.sleep(0.3)

    def switch() -> None:
        for turn in range(6):
            time.sleep(0.3)
            engine.send(10 + turn, SetReference(turn % 2 == 0))

    captured = capture_of(engine, tmp_path / "ab.wav", heard_until, during=switch)
    heard, wanted = aligned(captured, samples(session.session.song_path))
    # Its level is measured, and so matched to the rounding of that.
    assert np.abs(heard - wanted).max() < 1e-5


def test_a_killed_engine_comes_back_as_it_was(session: HostSession, launch: Launch, heard_until: HeardUntil) -> None:
    engine = launch(session)
    engine.send(1, c.SetGain("bass", -6.0))
    engine.send(2, Seek(8000))
    engine.send(3, Play())
    heard_until(engine, applies(3))
    time.sleep(0.2)
    died_at = time.monotonic()
    os.kill(engine.pid, signal.SIGKILL)
    heard_until(engine, lambda event: isinstance(event, Died))
    assert time.monotonic() - died_at < 0.2 * 10  # the limit is 0.2 s; a loaded machine gets ten times that
    engine.send(4, c.SetGain("drums", -3.0))  # while it is away
    heard = heard_until(engine, applies(4))
    assert any(isinstance(event, Back) for event in heard) or engine.restarts == 1
    status = engine.status()
    assert status.alive
    assert status.song_frame >= 8000
    time.sleep(0.1)
    assert engine.status().playing


def test_a_capture_goes_on_in_another_file_after_each_crash(
    session: HostSession, launch: Launch, heard_until: HeardUntil, tmp_path: Path
) -> None:
    engine = launch(session, transport=Transport(loop=(0, 16_000)))
    engine.capture(tmp_path / "heard.wav")
    engine.send(1, Play())
    heard_until(engine, applies(1))
    for name in ("heard-2.wav", "heard-3.wav"):
        time.sleep(0.5)  # so that there is something to go on from
        os.kill(engine.pid, signal.SIGKILL)
        told = heard_until(engine, lambda event: isinstance(event, Back))
        assert any(isinstance(event, Notice) and event.text.endswith(name) for event in told)
    time.sleep(0.3)
    engine.capture(None)
    until = time.monotonic() + 10
    while not (tmp_path / "heard-3.wav").exists() and time.monotonic() < until:
        time.sleep(0.02)
    for name in ("heard.wav", "heard-2.wav", "heard-3.wav"):
        assert np.abs(samples(tmp_path / name)).max() > 0.01


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Order:
    """An engine whose external plugins do what they are ordered: "crash" or "hang" once, or "load".

    "load" is to crash whenever they are loaded.
    """
    orders = tmp_path / "orders"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        f"""
import ctypes, pathlib, time
from plugin_host.effects import external
start = external.ExternalPlugin.start
def misbehaving(self):
    process = start(self)
    def step(block):
        orders = pathlib.Path({str(orders)!r})
        if orders.exists() and (what := orders.read_text()) != "load":
            orders.unlink()
            ctypes.string_at(0) if what == "crash" else time.sleep(60)
        return process(block)
    return step
external.ExternalPlugin.start = misbehaving
load = external.load_plugin
def loading(effect):
    plugin = load(effect)
    orders = pathlib.Path({str(orders)!r})
    if orders.exists() and orders.read_text() == "load":
        ctypes.string_at(0)
    return plugin
external.load_plugin = loading
"""
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)

    def give(what: str) -> None:
        (tmp_path / "draft").write_text(what)
        (tmp_path / "draft").rename(orders)  # in one: the engine looks at every block, and must not find half an order

    return give


@pytest.fixture
def plugged(session: HostSession) -> Mix:
    """The session's mix with a real VST3 plugin as second effect of the vocals."""
    path = Path("/usr/lib/vst3/ZamDelay.vst3")
    if not path.exists():
        pytest.skip("needs the VST3 plugins of Debian's zam-plugins")
    mix = plain_mix(session.stems)
    chain = (Effect("gain"), Effect("vst3", plugin_path=str(path)))
    return Mix((*(t for t in mix.tracks if t.name != "vocals"), _with_chain(mix, chain)))


def _with_chain(mix: Mix, chain: tuple[Effect, ...]) -> Any:
    return replace(mix.track("vocals"), chain=chain)


def test_a_plugin_that_crashes_twice_is_named_and_passed_by(
    session: HostSession, plugged: Mix, order: Order, launch: Launch, heard_until: HeardUntil
) -> None:
    engine = launch(session, plugged, Transport(loop=(0, 16_000)))
    engine.send(1, Play())
    heard_until(engine, applies(1))
    for crash in (1, 2):
        order("crash")
        *_, died = heard_until(engine, lambda event: isinstance(event, Died))
        assert isinstance(died, Died)
        assert "track vocals: effect 2, vst3" in died.blamed
        *_, back = heard_until(engine, lambda event: isinstance(event, Back))
        assert isinstance(back, Back)
        assert (back.command == c.SetEffectBypass("vocals", 1, True)) == (crash == 2)
    order("crash")
    time.sleep(0.5)
    assert engine.restarts == 2, "passed by, it does nothing any more"
    assert engine.status().alive


def test_a_plugin_that_crashes_whenever_it_is_loaded_is_loaded_no_more(
    session: HostSession, plugged: Mix, order: Order, launch: Launch, heard_until: HeardUntil
) -> None:
    """It is passed by wherever it is, and stays so for this engine; everything else comes back."""
    mix = apply(plugged, c.SetChain(c.MASTER, plugged.track("vocals").chain[1:]))
    engine = launch(session, mix, Transport(loop=(0, 16_000)))
    engine.send(1, Play())
    heard_until(engine, applies(1))
    order("load")
    os.kill(engine.pid, signal.SIGKILL)
    told = "plugin /usr/lib/vst3/ZamDelay.vst3 crashed the audio engine twice"
    heard = heard_until(engine, lambda event: isinstance(event, Notice) and event.text.startswith(f"master: {told}"))
    deaths = [event for event in heard if isinstance(event, Died)]
    assert len(deaths) == (2 if deaths[0].blamed else 3), "the plugin may have been at work when the engine was killed"
    (back,) = (event for event in heard if isinstance(event, Back))
    assert back.command == c.SetEffectBypass("vocals", 1, True)
    assert "track vocals: effect 2, vst3" in back.bypassed
    engine.send(2, c.SetEffectBypass("vocals", 1, False))
    *_, refused = heard_until(engine, lambda event: isinstance(event, Refused))
    assert isinstance(refused, Refused)
    assert f"track vocals: {told}" in refused.text
    assert engine.status().alive


def test_a_plugin_that_crashes_when_it_is_added_is_refused_in_the_end(
    session: HostSession, plugged: Mix, order: Order, launch: Launch, heard_until: HeardUntil
) -> None:
    mix = apply(plugged, c.SetChain("vocals", (Effect("gain"), Effect("gain"))))
    engine = launch(session, mix, Transport(loop=(0, 16_000)))
    order("load")
    engine.send_all([(1, c.SetChain("vocals", plugged.track("vocals").chain)), (2, c.SetGain("bass", -3.0))])
    *heard, refused = heard_until(engine, lambda event: isinstance(event, Refused))
    assert isinstance(refused, Refused)
    assert (refused.number, engine.restarts) == (1, 2)
    assert all("track vocals: effect 2, vst3" in event.blamed for event in heard if isinstance(event, Died))
    assert not any(event.command for event in heard if isinstance(event, Back)), "what is there is no plugin"
    engine.send(3, c.SetGain("bass", -6.0))
    heard_until(engine, applies(3))


def test_a_plugin_that_hangs_does_not_hold_the_show_up(
    session: HostSession, plugged: Mix, order: Order, launch: Launch, heard_until: HeardUntil
) -> None:
    engine = launch(session, plugged)
    order("hang")
    *_, died = heard_until(engine, lambda event: isinstance(event, Died))
    assert isinstance(died, Died)
    assert "stopped answering" in died.text
    assert "track vocals: effect 2" in died.blamed
    heard_until(engine, lambda event: isinstance(event, Back))


def test_a_fader_does_not_wait_for_a_plugin(
    session: HostSession, plugged: Mix, launch: Launch, heard_until: HeardUntil
) -> None:
    engine = launch(session)
    engine.send(1, c.SetChain("vocals", plugged.track("vocals").chain))
    engine.send(2, c.SetGain("vocals", -6.0))
    heard = heard_until(engine, applies(1))
    order = [number for event in heard if isinstance(event, Applied) for number in event.numbers]
    assert order.index(2) < order.index(1)


def test_what_cannot_be_done_is_refused_by_its_number(
    session: HostSession, launch: Launch, heard_until: HeardUntil
) -> None:
    engine = launch(session)
    engine.send(1, c.SetGain("cowbell", 0.0))
    engine.send(2, c.SetGain("bass", float("nan")))
    engine.send(3, c.AddEffect("bass", Effect("vst3", plugin_path="/nowhere.vst3")))
    engine.send(4, c.SetGain("bass", 1e9))
    heard = heard_until(engine, lambda event: isinstance(event, Refused) and event.number == 3)
    refused = {event.number: event.text for event in heard if isinstance(event, Refused)}
    assert set(refused) == {1, 2, 3}
    assert "cowbell" in refused[1]
    assert "NaN" in refused[2]
    assert "nowhere" in refused[3]


def test_meters_show_what_plays(session: HostSession, launch: Launch, heard_until: HeardUntil) -> None:
    engine = launch(session, transport=Transport(loop=(0, 32_000)))
    engine.send(1, Play())
    heard_until(engine, applies(1))
    time.sleep(0.6)
    status = engine.status()
    assert set(status.tracks) == set(session.stems)
    assert all(0.001 < max(meter.peak) < 1.0 for meter in (*status.tracks.values(), status.master))
    assert -60.0 < status.lufs < 0.0
    engine.send(2, Pause())
    heard_until(engine, applies(2))
    time.sleep(0.3)
    assert not engine.status().playing


def test_an_engine_that_cannot_begin_says_why(session: HostSession, launch: Launch) -> None:
    with pytest.raises(OutputError, match="no JACK server named 'not-there'"):
        launch(session, output="jack", device="not-there")
    broken = plain_mix((*session.stems, "cowbell"))
    with pytest.raises(HostError, match="cowbell"):
        launch(session, broken)


def test_the_engine_ends_with_its_host(session: HostSession) -> None:
    """A host that is killed leaves no process behind."""
    program = f"""
import time
from pathlib import Path
from plugin_host.live.host import EngineHost
from plugin_host.live.messages import Begin, LiveSettings
from plugin_host.mix.state import plain_mix
from plugin_host.mix.transport import Transport

if __name__ == "__main__":
    settings = LiveSettings(Path({str(session.folder)!r}))
    with EngineHost(settings, Begin(plain_mix({session.stems!r}), Transport()), {session.frames}) as engine:
        print(engine.pid, flush=True)
        time.sleep(60)
"""
    host = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    engine = int(host.stdout.readline())
    host.kill()
    host.wait()
    host.stdout.close()
    until = time.monotonic() + 10
    while Path(f"/proc/{engine}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not Path(f"/proc/{engine}").exists()
