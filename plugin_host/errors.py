"""Everything that can go wrong in `plugin_host`, as one tree.

    HostError
    ├── PresetError        a preset, scene or mix file: names file, line and field
    ├── EffectError        an effect that does not exist or a parameter out of range
    │   └── PluginError    an external plugin that is missing, refuses to load or crashes
    ├── MixError           a mix that does not fit its session
    ├── BounceError        a render that cannot be done as asked
    ├── OutputError        an audio device or server that is not there or refuses
    └── ControlError       an address, message, binding or control port that cannot be used

Every message is one line that names the value and the remedy.
"""


class HostError(Exception):
    """Root of the tree; its text is one line for a user."""


class PresetError(HostError):
    """A preset, scene or mix file that cannot be used; the text names file, line and field."""


class EffectError(HostError):
    """An effect that does not exist, or a parameter that is unknown or out of range.

    `field` names the offending parameter (or "effect") so that a file reader can add the line.
    """

    def __init__(self, message: str, field: str = "effect") -> None:
        super().__init__(message)
        self.field = field


class PluginError(EffectError):
    """An external plugin that is missing, refuses to load or fails."""


class MixError(HostError):
    """A mix that does not fit its session, or a value no mix may hold."""


class BounceError(HostError):
    """A render that cannot be done as asked."""


class OutputError(HostError):
    """An audio device or server that is not there, or refuses what is asked of it."""


class ControlError(HostError):
    """An address, message, binding or control port that cannot be used."""
