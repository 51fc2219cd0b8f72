"""What part a stem plays, so that a scene fits whichever stems a song was separated into."""

import re
from collections.abc import Iterable

from plugin_host.mix.state import Track

VOICE = ("voice",)
DRUMS = ("drums", "rhythm")
BASS = ("bass", "rhythm")
GUITAR = ("guitar", "harmony")
KEYS = ("keys", "harmony")
HARMONY = ("harmony",)

STEM_ROLES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("vocals", "vocal", "voice", "lead_vocals", "backing_vocals", "choir", "speech"), VOICE),
    **dict.fromkeys(("drums", "percussion", "kick", "snare", "toms", "hihat", "hi_hat", "cymbals"), DRUMS),
    **dict.fromkeys(("bass", "bass_guitar"), BASS),
    **dict.fromkeys(("guitar", "guitars", "acoustic_guitar", "electric_guitar"), GUITAR),
    **dict.fromkeys(("piano", "keys", "keyboards", "organ", "synth", "synths"), KEYS),
    **dict.fromkeys(("other", "strings", "brass", "winds", "wind", "pads"), HARMONY),
    **dict.fromkeys(("instrumental", "accompaniment", "backing"), ("accompaniment",)),
}
"""Stem name to its roles, the narrowest first. An unknown stem has none and takes a scene's "*"."""

ROLES = frozenset({role for roles in STEM_ROLES.values() for role in roles})


def roles_of(stem: str) -> tuple[str, ...]:
    """The roles of a stem, the narrowest first; a stem `no_…` holds all the others and is accompaniment."""
    name = re.sub(r"[\s-]+", "_", stem.strip().lower())
    if name.startswith("no_"):
        return ("accompaniment",)
    return STEM_ROLES.get(name, ())


def drum_tracks(tracks: Iterable[Track]) -> frozenset[str]:
    """Names of the tracks that play drums."""
    return frozenset(track.name for track in tracks if "drums" in roles_of(track.stem))
