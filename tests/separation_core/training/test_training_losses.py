import torch

from separation_core.models.band_unet import BandUNet, BandUNetConfig
from separation_core.training.losses import LossWeights, gathered, separation_loss, share_loss


def test_the_loss_is_zero_for_the_truth_and_sees_leaks_into_silence() -> None:
    stems = torch.randn(2, 4, 2, 4000) * 0.1
    stems[:, 3] = 0
    mix = stems.sum(dim=1)
    perfect, _ = separation_loss(mix, stems, stems, LossWeights(square=1.0))
    assert perfect.item() < 5e-4
    _, clean = separation_loss(mix, stems, stems, LossWeights())
    leaky = stems.clone()
    leaky[:, 3] = 0.1 * mix
    _, parts = separation_loss(mix, stems, leaky, LossWeights())
    assert parts["silence"] > clean["silence"] + 0.5


def test_errors_and_leaks_of_shares_are_those_of_the_spectra() -> None:
    network = BandUNet(BandUNetConfig(window=1024, hop=256, folds=((512, 4),), widths=(8, 16), depth=1))
    stems = 0.1 * torch.randn(2, 4, 2, 4000)
    stems[1, 2] = 0
    mix, truth = network.analyse(stems.sum(dim=1)), network.analyse(stems)
    shares = torch.randn(2, 4, 2, mix.shape[2], 128).softmax(dim=1)
    _, parts = share_loss(network, mix, truth, shares, LossWeights(bels=1.0, cells=1.0))
    error = (shares.repeat_interleave(4, dim=-1) * mix[:, None, ..., :-1] - truth[..., :-1]).abs().square()
    level = mix[..., :-1].abs().square().mean(dim=(1, 2, 3))[:, None]
    bels = torch.log10(1000 * error.mean(dim=(2, 3, 4)) / level + 1)
    torch.testing.assert_close(parts["silence"], bels[1, 2])
    torch.testing.assert_close(parts["bels"], (bels.sum() - bels[1, 2]) / 7)
    assert parts["cells"] > 0


def test_how_an_instrumental_is_parted_does_not_matter_but_the_voice_does() -> None:
    stems = 0.1 * torch.randn(3, 4, 2, 4000)
    stems[:, :2] = 0
    mix = stems.sum(dim=1)
    parted = stems.clone()
    parted[:, 0] += 0.5 * parted[:, 2]
    parted[:, 2] *= 0.5
    leaky = parted.clone()
    leaky[:, 3] += 0.3 * leaky[:, 0]
    unparted = torch.tensor([True, True, False])
    for weights in (LossWeights(), LossWeights(wave=0.0, spectrum=0.0, square=1.0, silence=0.0)):
        judged = [
            separation_loss(mix[:2], stems[:2], gathered(estimates, unparted)[:2], weights)[0].item()
            for estimates in (stems, parted, leaky)
        ]
        assert abs(judged[0] - judged[1]) < 1e-6
        assert judged[2] > judged[0] + 1e-3
    torch.testing.assert_close(gathered(parted, unparted)[2], parted[2])
