"""A track that is meant by its name, also after it was called otherwise."""

from collections.abc import Sequence

from plugin_host.mix.state import Track


class FollowedTrack:
    """Follows one track, as long as somebody looks now and then."""

    def __init__(self) -> None:
        self._name = ""
        self._seen: tuple[Track, ...] = ()
        """The tracks there were when it was among them last."""

    def name_now(self, name: str, tracks: Sequence[Track]) -> str:
        """What the track of that name is called in these; the name itself where it went.

        Of new names it is that of the same stem, and of several the one in its place, where no track came or went.
        """
        if name == self._name and len(tracks) == len(self._seen) and all(track.name != name for track in tracks):
            name = self._renamed(tracks)
        if any(track.name == name for track in tracks):
            self._name, self._seen = name, tuple(tracks)
        return name

    def _renamed(self, tracks: Sequence[Track]) -> str:
        known = {track.name: track for track in self._seen}
        was = known[self._name]
        new = [track.name for track in tracks if track.name not in known and track.stem == was.stem]
        there = tracks[self._seen.index(was)].name
        if len(new) != 1:
            return there if there in new else self._name
        return new[0]
