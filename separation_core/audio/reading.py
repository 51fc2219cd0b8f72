"""Opening a song of any common kind, to be read in blocks.

libsndfile reads WAV (8 to 32 bits, float), RF64, W64, AIFF, FLAC, OGG, Opus and MP3. PyAV, which is optional, reads
M4A/AAC, MP4, MKV and WebM, and the files of which libsndfile would give only a part.

A file that holds less than it promises is refused with both lengths named, never returned as a shorter song: WAV,
RF64, W64, AIFF, FLAC and tagged MP3 when opened; MP3 damaged inside, MP4 and Matroska at the end of reading, when it
is known. An Ogg file promises no length: one without its last page gets a warning. An MP3 without a length tag and
an AAC stream without a container promise nothing at all.
"""

from pathlib import Path

from separation_core.audio.media_reader import MediaReader
from separation_core.audio.regular_file import require_regular_file
from separation_core.audio.sndfile_reader import SndfileReader, open_sound_file, reason_to_decline
from separation_core.audio.song import SongInfo, SongReader
from separation_core.errors import UnsupportedAudio

__all__ = ["SongInfo", "SongReader", "describe_song", "open_song"]


def describe_song(path: Path, *, stream: int | None = None) -> SongInfo:
    """The facts in the headers of the song at `path`; errors as in `open_song`."""
    with open_song(path, stream=stream) as song:
        return song.info


def open_song(path: Path, *, stream: int | None = None) -> SongReader:
    """Open the song at `path`; `stream` chooses among its audio streams, counted from 0, the first by default.

    SongUnreadable: missing, a folder, a pipe or device, not permitted, empty, damaged, cut short, not audio.
    UnsupportedAudio: a rate outside 8 to 192 kHz, a stream that is not there, or PyAV is needed and missing.
    """
    path = Path(path)
    require_regular_file(path)
    file = open_sound_file(path)
    if file is None:
        return MediaReader(path, stream or 0, "in none of the formats that libsndfile reads")
    if why := reason_to_decline(path, file):
        file.close()
        return MediaReader(path, stream or 0, why)
    if stream:
        file.close()
        raise UnsupportedAudio(f"{path} has no audio stream {stream}; it has 1, counted from 0")
    return SndfileReader(path, file)
