"""The one table of everything that can be controlled: OSC, MIDI, OSCQuery, feedback and the reference page read it."""
