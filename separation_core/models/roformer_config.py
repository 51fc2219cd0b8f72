"""The sizes of a band-split RoFormer, as published configuration files and checkpoints tell them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from separation_core.errors import ModelError

TRAINING_ONLY = frozenset(
    {
        "flash_attn", "sage_attention", "dim_freqs_in", "use_torch_checkpoint", "match_input_audio_length",
        "multi_stft_resolution_loss_weight", "multi_stft_resolutions_window_sizes", "multi_stft_hop_size",
        "multi_stft_normalized",
    }
)  # fmt: skip
"""Published settings that do not change what a trained network gives (they choose a loss, a kernel or nothing)."""

MAY_BE_ZERO = frozenset({"linear_transformer_depth", "context"})

UNSUPPORTED = {"use_pope": False, "stft_window_fn": None}
"""Published settings of which only the default can be run here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoformerConfig:
    """Sizes of a RoFormer; the names are the published ones, and so are the defaults of what may be left out.

    dim: width of the vectors. depth: blocks. time_, freq_, linear_transformer_depth: layers of each transformer in a
    block. dim_head, heads: of attention. attn_dropout, ff_dropout: act in training only. zero_dc: silence bin 0 of
    the estimates. mask_estimator_depth, mlp_expansion_factor: of the mask networks. skip_connection: blocks hear the
    sum of all before them. use_shared_bias: all attentions share two bias vectors.

    Ours: stems names the `num_stems` estimates; one name more is the remainder, the mix minus all estimates.
    sample_rate in Hz; segment and context in frames, see `ModelSpec`. Raises ModelError for sizes that contradict.
    """

    architecture: ClassVar[str] = "RoFormer"

    dim: int = 384
    depth: int = 6
    stereo: bool = False
    num_stems: int = 1
    time_transformer_depth: int = 2
    freq_transformer_depth: int = 2
    linear_transformer_depth: int = 0
    dim_head: int = 64
    heads: int = 8
    attn_dropout: float = 0.0
    ff_dropout: float = 0.0
    sample_rate: int = 44100
    stft_n_fft: int = 2048
    stft_hop_length: int = 512
    stft_win_length: int = 2048
    stft_normalized: bool = False
    zero_dc: bool = True
    mask_estimator_depth: int = 2
    mlp_expansion_factor: int = 4
    skip_connection: bool = False
    use_shared_bias: bool = False
    stems: tuple[str, ...] = ("vocals", "other")
    segment: int = 352_800
    context: int = 0

    def __post_init__(self) -> None:
        self._check_numbers()
        if len(self.stems) - self.num_stems not in (0, 1):
            raise ModelError(
                f"{self.architecture} with num_stems {self.num_stems} cannot give {len(self.stems)} stems "
                f"({', '.join(self.stems)}): name {self.num_stems}, or one more for the remainder"
            )
        if self.dim_head % 2:
            raise ModelError(f"{self.architecture} with dim_head {self.dim_head}: rotary positions need an even number")
        if not 2 * self.stft_hop_length <= self.stft_win_length <= self.stft_n_fft:
            raise ModelError(
                f"stft_hop_length {self.stft_hop_length} must be at most half of stft_win_length "
                f"{self.stft_win_length}, and that at most stft_n_fft {self.stft_n_fft}"
            )

    def _check_numbers(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in MAY_BE_ZERO else 1
            if type(field.default) is int and (type(value) is not int or value < least):
                raise ModelError(
                    f"{self.architecture} with {field.name} {value!r}: it must be a whole number, {least} or more"
                )

    @classmethod
    def from_published(cls, settings: Mapping[str, Any], **ours: Any) -> Self:
        """The configuration for the `model` section of a published configuration file, and for fields of ours.

        Settings that only matter in training are dropped. Raises ModelError for one that is unknown, or that asks
        for something not built here.
        """
        kept = {key: value for key, value in settings.items() if key not in TRAINING_ONLY}
        for key, default in UNSUPPORTED.items():
            if kept.pop(key, default) != default:
                raise ModelError(f"{cls.architecture} with {key} {settings[key]!r} is not supported: use another model")
        known = {field.name for field in fields(cls)}
        for key in sorted((kept | ours).keys() - known):
            raise ModelError(f"{cls.architecture} has no setting {key!r}: it has {', '.join(sorted(known))}")
        return cls(**{key: _frozen(value) for key, value in (kept | ours).items()})

    @property
    def channels(self) -> int:
        """Audio channels in and out."""
        return 2 if self.stereo else 1

    @property
    def bins(self) -> int:
        """Bins of the spectrum."""
        return self.stft_n_fft // 2 + 1


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
