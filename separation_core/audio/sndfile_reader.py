"""Songs that libsndfile reads: WAV, RF64, W64, AIFF, FLAC, OGG, Opus and MP3, each checked against its own promise."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from separation_core.audio.mp3_header import mp3_length
from separation_core.audio.ogg_pages import ogg_end
from separation_core.audio.song import DEFAULT_BLOCK, SongInfo, SongReader, check_rate, cut_short, known_tags
from separation_core.audio.wave_header import sample_bytes
from separation_core.errors import SongUnreadable

# libsndfile's error numbers for "not one of mine": unrecognised format, unsupported encoding, an MP3 that libmpg123
# finds no frame in, unimplemented format.
_NOT_MINE = {1, 4, 7, 18}
_UNKNOWN_LENGTH = 1 << 62
_MP3_FRAME = 1_152
_COUNTING_BLOCK = 4_096

# libsndfile hands out Vorbis and Opus channels in Vorbis order (Vorbis I specification, 4.3.9); here they are put
# into WAVE order.
_VORBIS_TO_WAVE = {
    3: [0, 2, 1],
    5: [0, 2, 1, 3, 4],
    6: [0, 2, 1, 5, 3, 4],
    7: [0, 2, 1, 6, 5, 3, 4],
    8: [0, 2, 1, 7, 5, 6, 3, 4],
}


class SequentialFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A sound file that moves only when told to.

    soundfile seeks to where it already is after every read of a seekable file, and in Opus, Vorbis and MP3 even that
    lands on other samples: the end of a song came out differently with the block size.
    """

    def seekable(self) -> bool:
        """Always no, which is how soundfile is kept from seeking; `seek` itself works where the format allows it."""
        return False


def open_sound_file(path: Path) -> SequentialFile | None:
    """Open `path` with libsndfile and check rate, length and promise; None when the format is not libsndfile's.

    SongUnreadable: damaged, cut short, without samples. UnsupportedAudio: a rate outside 8 to 192 kHz.
    """
    if path.suffix.lower() == ".raw":  # soundfile goes by this ending and asks for a rate
        raise SongUnreadable(f"{path} is raw samples without a header; give it one (ffmpeg -f s16le … OUT.wav)")
    try:
        file = _open(path)
    except soundfile.LibsndfileError as error:
        if error.code in _NOT_MINE:
            return None
        raise SongUnreadable(f"{path} cannot be read ({error.error_string.rstrip('.')}); export it again") from None
    try:
        _check(path, file)
    except BaseException:
        file.close()
        raise
    return file


def _open(path: Path) -> SequentialFile:
    return SequentialFile(os.fsencode(path) if os.name == "posix" else str(path))


def reason_to_decline(path: Path, file: SequentialFile) -> str | None:
    """Why libsndfile would not read all of this file, or None; such a file goes to PyAV."""
    if file.format == "MP3":
        length = mp3_length(path)
        if not length.tagged:
            return "an MP3 without a length tag"
        return "several MP3s joined" if length.goes_on else None
    if file.format == "OGG" and ogg_end(path).chained:
        return "several Ogg songs joined"
    return None


class SndfileReader(SongReader):
    """A song read with libsndfile; its length is known, and less than that is an error."""

    def __init__(self, path: Path, file: SequentialFile) -> None:
        self._path, self._file = path, file
        self._fresh = True
        order = _VORBIS_TO_WAVE.get(file.channels) if file.subtype in ("VORBIS", "OPUS") else None
        self._order = order
        self.info = SongInfo(
            path=path,
            rate=check_rate(path, file.samplerate),
            channels=file.channels,
            frames=known_frames(file),
            container=file.format,
            encoding=file.subtype,
            tags=known_tags(file.copy_metadata()),
            estimated_frames=known_frames(file),
        )
        if file.format == "OGG" and not ogg_end(path).ended:
            self.warnings = (f"{path} lacks its last page, so its end may be missing; compare its length",)

    def blocks(self, frames: int = DEFAULT_BLOCK) -> Iterator[np.ndarray]:
        """See SongReader.blocks."""
        if not self._fresh:  # opened again rather than rewound: MP3 and Vorbis seek inexactly
            self._file.close()
            self._file = _reopen(self._path)
        self._fresh = False
        return self._read(self._file, frames)

    def _read(self, file: SequentialFile, frames: int) -> Iterator[np.ndarray]:
        done = 0
        while not file.closed and len(block := self._next(file, frames, done)):
            done += len(block)
            yield np.ascontiguousarray(block.T if self._order is None else block.T[self._order])
        if not file.closed:
            yield from self._make_up(file, done)

    def _next(self, file: SequentialFile, frames: int, done: int) -> np.ndarray:
        try:
            block: np.ndarray = file.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise SongUnreadable(
                f"{self._path} is damaged somewhere after {done / file.samplerate:.1f} s "
                f"({error.error_string.rstrip('.')}); copy or export it again"
            ) from None
        return block

    def _make_up(self, file: SequentialFile, done: int) -> Iterator[np.ndarray]:
        """Nothing when all came; silence for an MP3 whose tag counts a frame or two too many; else the error."""
        missing = (known_frames(file) or done) - done
        if missing > (2 * _MP3_FRAME if file.format == "MP3" else 0):
            raise cut_short(self._path, file.frames / file.samplerate, done / file.samplerate)
        if missing:
            yield np.zeros((file.channels, missing), np.float32)

    def close(self) -> None:
        """See SongReader.close."""
        self._file.close()


def _reopen(path: Path) -> SequentialFile:
    file = open_sound_file(path)
    if file is None:
        raise SongUnreadable(f"{path} changed while it was read; start again")
    return file


def known_frames(file: SequentialFile) -> int | None:
    """None for a FLAC that was written to a pipe."""
    return None if file.frames >= _UNKNOWN_LENGTH else int(file.frames)


def _check(path: Path, file: SequentialFile) -> None:
    check_rate(path, file.samplerate)
    if file.format in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU"):
        _check_header(path, file)
    if file.format == "MP3" and (share := mp3_length(path).share_present) < 1:
        seconds = file.frames / file.samplerate
        raise cut_short(path, seconds, seconds * share)
    if file.format == "FLAC" and known_frames(file):
        _check_last_frame(path, file)
    if file.frames == 0:
        raise SongUnreadable(f"{path} holds no samples; its recording was not finished, so export it again")


def _check_header(path: Path, file: SequentialFile) -> None:
    found = sample_bytes(path)
    if found is None:
        return
    if found.wrapped:
        raise SongUnreadable(
            f"{path} is longer than its WAV header can say (over 4 GiB); "
            f"give it a longer one (ffmpeg -ignore_length 1 -i IN -rf64 auto OUT.wav)"
        )
    if found.missing and found.promised:
        present = file.frames / file.samplerate
        promised = present * found.promised / max(1, found.present) if present else found.promised / file.samplerate
        raise cut_short(path, promised, present)


def _check_last_frame(path: Path, file: SequentialFile) -> None:
    """A FLAC that was cut cannot give its last frame; found here in a moment rather than at the end of the song."""
    try:
        file.seek(max(0, file.frames - 1))
        whole = len(file.read(1)) == min(1, file.frames)
        file.seek(0)
    except soundfile.LibsndfileError:
        whole = False
    if not whole:
        raise cut_short(path, file.frames / file.samplerate, _decodable_seconds(path))


def _decodable_seconds(path: Path) -> float:
    done = 0
    with _open(path) as file:
        try:
            while count := len(file.read(_COUNTING_BLOCK, dtype="float32")):
                done += count
        except soundfile.LibsndfileError:
            pass  # this is where the file stops
        return done / int(file.samplerate)
