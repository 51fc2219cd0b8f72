"""Everything that can go wrong in `separation_core`, as one tree.

    SeparationError
    ├── AudioError               a file that cannot be read or written as audio
    │   ├── SongUnreadable       not audio, damaged, empty, a directory, no permission
    │   ├── UnsupportedAudio     audio, but with a layout or rate outside what we take
    │   └── WriteFailed          disk full, no permission, file too large
    ├── SessionError             a session folder that cannot be opened or written
    │   ├── NotASession          no session there, or only an unfinished one
    │   ├── ManifestInvalid      a manifest that is broken, hostile or disagrees with its files
    │   ├── ManifestTooNew       written by a later stemrack
    │   └── SessionBusy          another process is writing it
    ├── ModelError               an unknown model, or one that cannot do what was asked
    └── Cancelled                the caller asked to stop

Every message is one line that names the value and the remedy.
"""


class SeparationError(Exception):
    """Root of the tree; its text is one line for a user."""


class AudioError(SeparationError):
    """A file that cannot be read or written as audio."""


class SongUnreadable(AudioError):
    """Not audio, damaged, empty, a directory, or not ours to read."""


class UnsupportedAudio(AudioError):
    """Audio, but with a channel layout, rate or size outside what is taken."""


class WriteFailed(AudioError):
    """The disk is full, the folder is not writable, or the file would be too large."""


class SessionError(SeparationError):
    """A session folder that cannot be opened or written."""


class NotASession(SessionError):
    """There is no session at that path, or only an unfinished one."""


class ManifestInvalid(SessionError):
    """A manifest that is broken, points outside its folder, or disagrees with its files."""


class ManifestTooNew(SessionError):
    """A manifest written by a later version of stemrack."""


class SessionBusy(SessionError):
    """Another process is writing this session now."""


class ModelError(SeparationError):
    """A model that is unknown, or cannot do what was asked."""


class Cancelled(SeparationError):
    """The caller asked to stop; what was finished is kept."""
