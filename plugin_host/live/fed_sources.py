"""Which sources the feed reads while tracks come and go."""

from collections.abc import Callable, Mapping

from plugin_host.engine.changes import PreparedChange
from plugin_host.engine.feed import Feed
from separation_core.audio.frames import FrameSource


class FedSources:
    """The sources of all tracks; those of a track that goes are read until it has faded.

    sources: at first, by track. fades_over: whether no exchange of chains is under way or posted.
    """

    def __init__(self, feed: Feed, sources: Mapping[str, FrameSource], fades_over: Callable[[], bool]) -> None:
        self._feed, self._sources, self._fades_over = feed, dict(sources), fades_over
        self._drums: frozenset[str] = frozenset()
        self._leaving: frozenset[str] = frozenset()
        self._lets_go = False

    @property
    def free(self) -> bool:
        """Whether chains can be exchanged: what came under the name of one still read would begin with its sound."""
        return self._fades_over() and not self._leaving and not self._lets_go

    def change(self, change: PreparedChange) -> None:
        """Have made ready what a change needs, before it is posted to the render thread, which takes it up."""
        self._leaving |= frozenset(change.plan.removed)
        if change.sources:
            self._sources |= change.sources
            self._feed.set_sources(self._sources, change.drums, held=True)
        if change.sources or change.plan.removed:
            self._drums = change.drums

    def advance(self) -> None:
        """Let go of tracks that have gone."""
        self._lets_go = self._lets_go and not self._feed.arrived
        if self._leaving and self._fades_over():
            self._sources = {name: source for name, source in self._sources.items() if name not in self._leaving}
            self._leaving, self._lets_go = frozenset(), True
            self._feed.set_sources(self._sources, self._drums)
