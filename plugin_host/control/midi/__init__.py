"""MIDI controllers: ports, what their messages mean, what they are bound to, and what they are shown."""
