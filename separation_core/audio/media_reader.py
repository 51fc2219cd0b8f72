"""Songs that FFmpeg reads through PyAV: M4A/AAC, MP4, MKV, WebM, and what libsndfile would read only in part.

Encoder delay and padding: FFmpeg drops the delay where the container tells it (MP4 edit lists and iTunSMPB, Opus in
any container, MP3 with a LAME tag). The padding after the end of an MP4 is cut here, by the duration of its last
packet or by iTunSMPB. Raw ADTS AAC, and AAC or MP3 inside Matroska, carry no such number: they keep up to 50 ms of
silence at the ends, as in every player.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from separation_core.audio.blocks import reblock
from separation_core.audio.song import DEFAULT_BLOCK, SongInfo, SongReader, check_rate, cut_short, known_tags
from separation_core.errors import SongUnreadable, UnsupportedAudio

INSTALL = "pip install 'stemrack[media]'"
# Playlists and other demuxers that open further files or addresses stay shut: a song is untrusted.
_SAFE = {
    "format_whitelist": "mov,matroska,aac,mp3,ogg,flac,asf,avi,mpegts,wav,w64,aiff,caf,ac3,ape,wv,tta",
    "protocol_whitelist": "file",
}
_CONTAINER_NAMES = {"mov": "MP4", "matroska": "Matroska"}
_ZERO_AND_SCALE = {"u8": (128, 1 / 128), "s16": (0, 2.0**-15), "s32": (0, 2.0**-31), "s64": (0, 2.0**-63)}


class MediaReader(SongReader):
    """One audio stream of a file read with FFmpeg."""

    def __init__(self, path: Path, stream: int, why: str) -> None:
        """Open audio stream number `stream` (0 is the first); `why` says in the error why PyAV is needed."""
        self._av = _load_av(path, why)
        self._path, self._number = path, stream
        self._container, self._stream = self._open()
        self._fresh = True
        self.info = self._describe()

    def blocks(self, frames: int = DEFAULT_BLOCK) -> Iterator[np.ndarray]:
        """See SongReader.blocks."""
        if not self._fresh:
            self.close()
            self._container, self._stream = self._open()
        self._fresh = False
        self.warnings = ()
        return reblock(self._decode(self._container, self._stream), frames)

    def close(self) -> None:
        """See SongReader.close."""
        self._container.close()

    def _open(self) -> tuple[Any, Any]:
        try:
            container = self._av.open(f"file:{self._path.absolute()}", options=_SAFE)
        except self._av.FFmpegError as error:
            raise SongUnreadable(
                f"{self._path} is not audio in a form that can be read ({error.strerror}); "
                f"play it to see that it is whole, then export it as WAV or FLAC"
            ) from None
        try:
            return container, self._choose(container)
        except BaseException:
            container.close()
            raise

    def _choose(self, container: Any) -> Any:
        streams = container.streams.audio
        if not streams:
            raise SongUnreadable(f"{self._path} holds no audio stream; name a file with sound")
        if not 0 <= self._number < len(streams):
            raise UnsupportedAudio(
                f"{self._path} has no audio stream {self._number}; it has {len(streams)}, counted from 0"
            )
        if streams[self._number].codec_context is None:
            raise UnsupportedAudio(f"{self._path} has sound in an unknown encoding; export it as WAV or FLAC")
        return streams[self._number]

    def _describe(self) -> SongInfo:
        codec, container = self._stream.codec_context, self._container
        name = container.format.name.split(",")[0]
        rate = check_rate(self._path, codec.sample_rate or 0)
        seconds = self._promised_seconds()
        return SongInfo(
            path=self._path,
            rate=rate,
            channels=codec.layout.nb_channels,
            frames=None,
            container=_CONTAINER_NAMES.get(name, name.upper()),
            encoding=codec.name.removesuffix("float").upper(),
            tags=known_tags({**container.metadata, **self._stream.metadata}),
            estimated_frames=None if seconds is None else round(seconds * rate),
        )

    def _promised_seconds(self) -> float | None:
        if self._stream.duration is not None:
            return float(self._stream.duration * self._stream.time_base)
        duration = self._container.duration
        return None if duration is None else duration / self._av.time_base

    def _decode(self, container: Any, stream: Any) -> Iterator[np.ndarray]:
        limit = _itunes_frames(container)
        done = 0
        for block in self._frames(container, stream):
            kept = block if limit is None else block[:, : max(0, limit - done)]
            done += kept.shape[1]
            yield kept
        if not done:
            raise SongUnreadable(f"{self._path} holds no samples that can be decoded; copy or export it again")

    def _frames(self, container: Any, stream: Any) -> Iterator[np.ndarray]:
        """Decoded blocks, one codec frame each; the last is kept back until it is known to be the last."""
        held, done, reached, damaged = None, 0, 0.0, 0
        try:
            for packet in container.demux():
                reached = max(reached, _end_seconds(packet))
                if packet.stream.index != stream.index:
                    continue
                try:
                    decoded = packet.decode()
                except self._av.error.InvalidDataError:
                    damaged += 1
                    continue
                for frame in decoded:
                    self._check_frame(frame, done)
                    if held is not None:
                        yield _to_float(held)
                    held = frame
                    done += frame.samples
        except self._av.FFmpegError as error:
            raise SongUnreadable(
                f"{self._path} is damaged after {done / self.info.rate:.1f} s ({error.strerror}); copy it again"
            ) from None
        self._check_promise(container, stream, done / self.info.rate, reached)
        if held is not None:
            yield _to_float(held)[:, : _own_length(held, container)]
        if damaged:
            self.warnings = (f"{self._path} has {damaged} damaged packets, left out; listen for gaps",)

    def _check_frame(self, frame: Any, done: int) -> None:
        if (frame.sample_rate, frame.layout.nb_channels) != (self.info.rate, self.info.channels):
            raise UnsupportedAudio(
                f"{self._path} changes to {frame.sample_rate} Hz, {frame.layout.nb_channels} channels "
                f"after {done / self.info.rate:.1f} s; cut it there into two songs"
            )

    def _check_promise(self, container: Any, stream: Any, seconds: float, reached: float) -> None:
        """MP4 and Matroska know how long they are; the other containers guess from the bit rate."""
        name = container.format.name
        if name.startswith("mov") and stream.duration is not None:
            promised = float(stream.duration * stream.time_base)
            if seconds < promised - 0.05:
                raise cut_short(self._path, promised, seconds)
        if name.startswith("matroska") and container.duration is not None:
            promised = container.duration / self._av.time_base
            if reached < promised - 0.25:
                raise cut_short(self._path, promised, reached)


def _load_av(path: Path, why: str) -> Any:
    try:
        import av
    except ImportError:
        raise UnsupportedAudio(
            f"{path} is {why}; if it is audio or video, PyAV can read it, which is missing: {INSTALL}"
        ) from None
    return av


def _end_seconds(packet: Any) -> float:
    if packet.pts is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


def _own_length(frame: Any, container: Any) -> int:
    """Samples of the last frame that belong to the song: MP4 says so to the sample, other containers do not."""
    if not container.format.name.startswith("mov") or not frame.duration:
        return int(frame.samples)
    seconds: Fraction = frame.duration * frame.time_base
    return min(int(frame.samples), round(seconds * int(frame.sample_rate)))


def _itunes_frames(container: Any) -> int | None:
    """Length from the iTunSMPB tag: hex words, the second the delay, the third the padding, the fourth the length."""
    words = container.metadata.get("iTunSMPB", "").split()
    try:
        return int(words[3], 16) or None
    except (IndexError, ValueError):
        return None


def _to_float(frame: Any) -> np.ndarray:
    data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    zero, scale = _ZERO_AND_SCALE.get(frame.format.name.removesuffix("p"), (0, None))
    if scale is None:
        return np.ascontiguousarray(data, np.float32)
    scaled: np.ndarray = (data.astype(np.float64) - zero) * scale
    return scaled.astype(np.float32)
