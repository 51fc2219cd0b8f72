"""Where sound goes: PortAudio, JACK, a file, or a clock alone; all pull their samples the same way."""
