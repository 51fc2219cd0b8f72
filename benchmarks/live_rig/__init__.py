"""What the benchmarks of the live host have in common: sessions, a JACK server, an engine that plays, scsynth."""
