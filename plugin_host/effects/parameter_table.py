"""What pedalboard's signatures do not say: what an effect is for, and the range of each parameter that is safe to play.

Names and defaults come from pedalboard itself (`introspection.py`); a test holds this table against every class there.
The ranges are narrower than what pedalboard takes where its limit is unstable (feedback of 1, resonance of 1), may hurt
(gain) or fails (MP3 quality 10).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Span:
    """Range, unit and meaning of one parameter; limits only for numbers.

    below_nyquist: a filter frequency. Where the range passes what the sample rate can hold (a 15 kHz filter at
    8 kHz) the value is lowered when the effect is built, so that one preset fits every song.
    glides: whether a playing effect takes new values without a click; a delay time, for one, tears the sound apart.
    """

    description: str
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    below_nyquist: bool = False
    glides: bool = True


@dataclass(frozen=True, slots=True)
class Card:
    """What an effect is for, how late its output is, whether it can run block by block.

    steady: no parameter of it can move while it plays; a change builds it anew.
    """

    purpose: str
    spans: Mapping[str, Span] = field(default_factory=dict)
    latency: str = "none"
    streamable: bool = True
    steady: bool = False


def _corner(description: str, lowest: float = 20.0) -> Span:
    return Span(description, lowest, 20_000.0, "Hz", below_nyquist=True)


_MIX = Span("share of the effect in its output: 0 dry, 1 effect only", 0.0, 1.0)
_ATTACK = Span("time to react to a rising level", 0.01, 500.0, "ms")
_RELEASE = Span("time to let go after the level falls", 1.0, 5000.0, "ms")
_QUALITY = Span("resampling method: the WindowedSinc numbers are clean, the others alias on purpose")
_BAND = {
    "cutoff_frequency_hz": _corner("corner or centre frequency"),
    "gain_db": Span("boost or cut", -24.0, 24.0, "dB"),
    "q": Span("narrowness: 0.7 is wide, 10 is a needle", 0.1, 10.0),
}

CARDS: Mapping[str, Card] = {
    "bitcrush": Card(
        "fewer bits per sample: grit and digital noise",
        {"bit_depth": Span("bits kept", 1.0, 32.0, "bit")},
    ),
    "brickwall_limiter": Card(
        "keep every sample under a ceiling, without colour below it",
        {
            "ceiling_db": Span("no sample leaves louder than this", -24.0, 0.0, "dB"),
            "release_ms": Span("time to recover after a peak", 1.0, 1000.0, "ms"),
            "lookahead_ms": Span("how early it sees a peak; this is its latency", 0.1, 20.0, "ms"),
            "true_peak": Span("watch the wave between samples too (4x oversampled detector)"),
        },
        latency="the lookahead, 5 ms unless set; 60 frames more with true_peak",
        steady=True,
    ),
    "chorus": Card(
        "several slightly detuned copies: width and shimmer",
        {
            "rate_hz": Span("speed of the detuning", 0.01, 20.0, "Hz"),
            "depth": Span("amount of detuning", 0.0, 1.0),
            "centre_delay_ms": Span("delay of the copies", 1.0, 100.0, "ms", glides=False),
            "feedback": Span("copies fed back; negative hollows the sound", -0.95, 0.95),
            "mix": _MIX,
        },
    ),
    "clipping": Card(
        "cut peaks off flat: the hardest distortion",
        {"threshold_db": Span("level above which the wave is cut", -60.0, 0.0, "dB")},
    ),
    "compressor": Card(
        "even out the level: loud parts down",
        {
            "threshold_db": Span("level above which it works", -60.0, 0.0, "dB"),
            "ratio": Span("dB in per dB out above the threshold; 1 does nothing", 1.0, 30.0, ":1"),
            "attack_ms": _ATTACK,
            "release_ms": _RELEASE,
        },
    ),
    "convolution": Card(
        "the sound of a room, speaker or device from its impulse response",
        {
            "impulse_response_filename": Span("audio file with the impulse response, mono or stereo, up to 60 s"),
            "mix": _MIX,
        },
    ),
    "delay": Card(
        "echoes",
        {
            "delay_seconds": Span("time between echoes", 0.0, 5.0, "s", glides=False),
            "feedback": Span("level of each echo against the one before", 0.0, 0.95),
            "mix": _MIX,
        },
    ),
    "distortion": Card(
        "soft saturation that thickens and grinds",
        {"drive_db": Span("gain into the saturation", 0.0, 60.0, "dB")},
    ),
    "gsm_full_rate_compressor": Card(
        "a 1990s mobile phone call: mono, 8 kHz, GSM speech codec",
        {"quality": _QUALITY},
        latency="rendered ahead",
        streamable=False,
        steady=True,
    ),
    "gain": Card("louder or quieter", {"gain_db": Span("level change", -80.0, 24.0, "dB")}),
    "high_shelf_filter": Card("treble up or down", _BAND),
    "highpass_filter": Card(
        "remove rumble: 6 dB per octave below the corner",
        {"cutoff_frequency_hz": _corner("corner frequency", 5.0)},
    ),
    "invert": Card("flip the polarity"),
    "ladder_filter": Card(
        "the resonant synthesiser filter",
        {
            "mode": Span("low-, high- or band-pass, 12 or 24 dB per octave"),
            "cutoff_hz": _corner("corner frequency"),
            "resonance": Span("emphasis at the corner", 0.0, 0.95),
            "drive": Span("saturation", 1.0, 20.0, "x"),
        },
    ),
    "limiter": Card(
        "loudness: two compressors and a clip at 0 dB; it raises what is below the threshold",
        {
            "threshold_db": Span("level above which it holds back", -60.0, 0.0, "dB"),
            "release_ms": Span("time to let go", 1.0, 5000.0, "ms"),
        },
    ),
    "low_shelf_filter": Card("bass up or down", _BAND),
    "lowpass_filter": Card(
        "remove treble: 6 dB per octave above the corner",
        {"cutoff_frequency_hz": _corner("corner frequency")},
    ),
    "mp3_compressor": Card(
        "the losses of a low-quality MP3",
        {"vbr_quality": Span("0 best, 9.9 worst", 0.0, 9.9)},
        latency="84 ms at 44.1 kHz (one coder and decoder round trip)",
        steady=True,
    ),
    "noise_gate": Card(
        "silence between the notes",
        {
            "threshold_db": Span("level below which it closes", -100.0, 0.0, "dB"),
            "ratio": Span("how far it closes", 1.0, 100.0, ":1"),
            "attack_ms": _ATTACK,
            "release_ms": _RELEASE,
        },
    ),
    "peak_filter": Card("one band up or down", _BAND),
    "phaser": Card(
        "notches that sweep through the spectrum",
        {
            "rate_hz": Span("speed of the sweep", 0.01, 20.0, "Hz"),
            "depth": Span("width of the sweep", 0.0, 1.0),
            "centre_frequency_hz": Span("middle of the sweep", 50.0, 15_000.0, "Hz", below_nyquist=True),
            "feedback": Span("sharpness of the notches", -0.9, 0.9),
            "mix": _MIX,
        },
    ),
    "pitch_shift": Card(
        "higher or lower at the same speed (Rubber Band)",
        {"semitones": Span("shift; 12 is one octave up", -24.0, 24.0, "semitones")},
        latency="rendered ahead",
        streamable=False,
        steady=True,
    ),
    "resample": Card(
        "down to another sample rate and back: old samplers, telephones",
        {
            "target_sample_rate": Span("the rate in between", 1000.0, 96_000.0, "Hz"),
            "quality": _QUALITY,
        },
        latency="about 11 ms at 44.1 kHz by way of 8 kHz; more for lower rates and longer filters",
        steady=True,
    ),
    "reverb": Card(
        "a room around the sound",
        {
            "room_size": Span("0 small, 1 a hall that hardly fades", 0.0, 1.0),
            "damping": Span("how fast treble dies", 0.0, 1.0),
            "wet_level": Span("level of the room", 0.0, 1.0),
            "dry_level": Span("level of the direct sound", 0.0, 1.0),
            "width": Span("0 mono, 1 wide", 0.0, 1.0),
            "freeze_mode": Span("0.5 and above holds the sound for ever", 0.0, 1.0),
        },
    ),
    "parallel": Card(
        "several chains that all hear the input, summed in time with each other",
        latency="that of its slowest branch",
    ),
    "vst3": Card(
        "an external VST3 plugin by path, with its saved state; parameters by the plugin's own names",
        latency="what the plugin reports, and 63 frames",
    ),
}
