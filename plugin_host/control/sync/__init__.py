"""Playing in step with others: MIDI clock, MTC, MMC and Ableton Link in, MIDI clock and MTC out."""
