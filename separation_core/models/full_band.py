"""Full-band stereo stems out of a separator that hears mono at a lower rate.

Two ways. MASKS (the default): the separator hears the mean of the channels once; its stems, brought back to the song's
rate, say how much of every cell of time and frequency belongs to whom, and these shares are applied to the song's own
spectrum, channel by channel. The stems keep the song's stereo image and phase and sum to the song. CHANNELS: the
separator hears every channel on its own and its waveforms are kept, at as many times the cost.

Above the separator's band (87 % of half its rate, where the resampling filter begins to fade) there is nothing to go by
but the song: there, in both ways, the song's spectrum is shared out as the band just below it (70 to 87 %) is, column
by column. Cells that no stem can claim, such as what the mean of the channels cancels, go to "other".
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import torch

from separation_core.dsp.resampling import require_small_ratio, resample
from separation_core.dsp.stft import Stft
from separation_core.dsp.wiener import wiener_masks
from separation_core.errors import ModelError
from separation_core.models.contract import ModelSpec, Separator
from separation_core.units import Hertz

EDGE = 0.87
"""Share of the separator's band below which its stems are taken at their word."""
BELOW = 0.70
"""Where the band begins, as a share of the separator's band, whose shares are used above the edge."""
_HEARD_SHARE = 1e-4
"""Where the mix is 40 dB above all stems, none of them knows whose that is, and the prior decides."""
_CATCH_ALL = "other"


class FullBandWay(StrEnum):
    """What is made of the separator's mono stems; see the module's docstring."""

    MASKS = "masks"
    CHANNELS = "channels"


@dataclass(frozen=True, slots=True)
class FullBand:
    """`inner` as a separator at another `rate` and with `channels` channels; meets `Separator`.

    inner: takes one channel and any number of frames. refit: whether its stems are first scaled, each by one factor
    per call (and per channel in CHANNELS), to the least squared difference between their sum and the mix: a separator
    trained on a scale-invariant loss, as Meta-TasNet, leaves their levels open.
    Digital silence at the ends of a block is not shown to `inner` (statistics over the block would take it for part
    of the song) and comes back as silence. Raises ModelError for an `inner` that is not mono, or a rate with no small
    ratio to its.
    """

    inner: Separator
    rate: Hertz
    channels: int = 2
    way: FullBandWay = FullBandWay.MASKS
    refit: bool = True

    def __post_init__(self) -> None:
        spec = self.inner.spec
        if spec.channels != 1:
            raise ModelError(f"{spec.name} takes {spec.channels} channels: only a mono separator is made full-band")
        if self.channels < 1:
            raise ModelError(f"{self.channels} channels: choose 1 or more")
        require_small_ratio(self.rate, spec.rate)

    @property
    def spec(self) -> ModelSpec:
        """The inner separator's facts at this rate and with these channels."""
        inner = self.inner.spec
        segment, context = (max(1, round(size * self.rate / inner.rate)) for size in (inner.segment, inner.context))
        version = f"{inner.version}-{self.way}{'' if self.refit else '-raw'}-1"
        return replace(
            inner, version=version, rate=self.rate, channels=self.channels, segment=segment,
            context=context if inner.context else 0,
        )  # fmt: skip

    def to(self, device: torch.device) -> "FullBand":
        """The same with the inner separator on `device`."""
        return replace(self, inner=self.inner.to(device))

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        """Separate `mix` (batch, channel, frame) into (batch, stem, channel, frame), float32, any length and level."""
        mix = mix.float()
        ends = [_sounding(item) for item in mix]
        if all(part == slice(0, mix.shape[-1]) for part in ends) and mix.shape[-1]:
            return self._separate(mix)
        # Blocks that begin or end in silence have lengths of their own, so they cannot share a batch.
        stems = mix.new_zeros(len(mix), len(self.inner.spec.stems), *mix.shape[1:])
        for item, part in enumerate(ends):
            if part.stop:
                stems[item, ..., part] = self._separate(mix[item : item + 1, :, part])[0]
        return stems

    def _separate(self, mix: torch.Tensor) -> torch.Tensor:
        heard = mix.mean(1, keepdim=True) if self.way is FullBandWay.MASKS else mix
        # One channel after the other: both at once would take twice the memory.
        estimates = torch.stack([self._mono_stems(channel) for channel in heard.unbind(1)], dim=2)
        if self.way is FullBandWay.CHANNELS and self.inner.spec.rate >= self.rate:
            return estimates
        # Powers of very soft or loud songs leave the range of float32.
        peak = mix.abs().amax(dim=(1, 2)).view(-1, 1, 1, 1)
        return self._from_spectrum(mix / peak[:, 0], estimates / peak) * peak

    def _mono_stems(self, heard: torch.Tensor) -> torch.Tensor:
        """The inner separator's stems (batch, stem, frame) of `heard` (batch, frame), at the outer rate."""
        low = self.inner(resample(heard, self.rate, self.inner.spec.rate)[:, None])
        stems = resample(low[:, :, 0], self.inner.spec.rate, self.rate, heard.shape[-1])
        return refitted(heard, stems) if self.refit else stems

    def _from_spectrum(self, mix: torch.Tensor, estimates: torch.Tensor) -> torch.Tensor:
        """Stems (batch, stem, channel, frame) from the mix and its estimates (batch, stem, 1 or channel, frame)."""
        stft = _stft(self.rate)
        song = stft.forward(mix)[:, None]
        guessed = stft.forward(estimates)
        spectrum = self._shares(song, guessed) * song
        if self.way is FullBandWay.CHANNELS:
            edge = self._bin(EDGE)
            spectrum = torch.cat([guessed[..., :edge], spectrum[..., edge:]], dim=-1)
        return stft.inverse(spectrum, mix.shape[-1])

    def _shares(self, song: torch.Tensor, guessed: torch.Tensor) -> torch.Tensor:
        """Masks, summing to one over the stems (second axis), for spectra (batch, stem, channel, column, bin)."""
        power, heard = guessed.abs().square(), song.abs().square()
        if self.way is FullBandWay.MASKS:
            heard = heard.mean(2, keepdim=True)
        power, heard = self._continued(power), self._continued(heard)
        floor = _HEARD_SHARE * heard[:, 0]
        return wiener_masks(power.transpose(0, 1), self._prior(power), floor).transpose(0, 1)

    def _continued(self, power: torch.Tensor) -> torch.Tensor:
        """`power` (…, bin) with the mean of the band just below the edge in all bins above it."""
        below, edge = self._bin(BELOW), self._bin(EDGE)
        if edge < power.shape[-1]:
            power[..., edge:] = power[..., below:edge].mean(-1, keepdim=True)
        return power

    def _prior(self, like: torch.Tensor) -> torch.Tensor:
        """What no stem can claim goes to "other" where there is one, and is else shared evenly."""
        names = self.inner.spec.stems
        even = [1.0 / len(names)] * len(names)
        chosen = [float(name == _CATCH_ALL) for name in names] if _CATCH_ALL in names else even
        return like.new_tensor(chosen).view(-1, 1, 1, 1, 1)

    def _bin(self, share: float) -> int:
        """The bin at that share of the inner separator's band; beyond the last bin where that band is the wider one."""
        bins = _stft(self.rate).bins
        if self.inner.spec.rate >= self.rate:
            return bins
        return max(1, round(share * self.inner.spec.rate / self.rate * (bins - 1)))


def _stft(rate: Hertz) -> Stft:
    """Columns of about 90 ms at any rate."""
    hop = max(64, 1 << round(math.log2(rate * 0.023)))
    return Stft(4 * hop, hop)


def _sounding(item: torch.Tensor) -> slice:
    """From the first to the last frame of `item` (channel, frame) that is not exactly zero."""
    heard = item.abs().amax(dim=0).nonzero()
    return slice(int(heard[0]), int(heard[-1]) + 1) if len(heard) else slice(0, 0)


def refitted(mix: torch.Tensor, stems: torch.Tensor) -> torch.Tensor:
    """`stems` (batch, stem, frame) scaled to the least squared difference of their sum and `mix` (batch, frame).

    As Meta-TasNet's authors do over a whole song. Factors are free in sign, as the loss it was trained on is; silent
    stems and stems that are copies of each other keep the sum finite through a pull towards zero 60 dB down.
    """
    peak, level = (wave.abs().amax(dim=-1, keepdim=True).clamp_min(1e-30) for wave in (mix, stems))
    unit = stems / level
    length = torch.linalg.vector_norm(unit, dim=-1, keepdim=True).clamp_min(1e-6)
    unit = unit / length
    products = unit @ unit.mT + 1e-6 * torch.eye(stems.shape[1], device=stems.device)
    scales = torch.linalg.solve(products, unit @ (mix / peak)[..., None])
    refitted: torch.Tensor = unit * scales * peak[:, None]
    return refitted
