"""PSNR and SSIM against scikit-image and torchmetrics, the distances of FID and KID on the same features."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from harness.types import Frames
from metrics.bench.material import Material
from metrics.bench.timing import Case, Numbers, Round, alternate
from metrics.features.frechet import frechet_distance
from metrics.features.inception import DIMENSIONS
from metrics.kid import kernel_distance
from metrics.psnr import frame_psnr
from metrics.ssim import frame_ssim
from metrics.ssim_wang import MARGIN, frame_ssim_wang

FRAMES, ROUNDS = 25, 15
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}

FrameScores = Callable[[Frames, Frames], Numbers]


def psnr_peer(generated: Frames, reference: Frames) -> Numbers:
    """scikit-image, frame by frame."""
    from skimage.metrics import peak_signal_noise_ratio as psnr

    return np.array([psnr(r, g, data_range=255) for g, r in zip(generated, reference, strict=True)])


def ssim_peer(generated: Frames, reference: Frames) -> Numbers:
    """scikit-image's defaults, frame by frame."""
    from skimage.metrics import structural_similarity as ssim

    both = zip(generated, reference, strict=True)
    return np.array([ssim(r, g, channel_axis=2, data_range=255) for g, r in both])


def ssim_wang_peer(generated: Frames, reference: Frames) -> Numbers:
    """scikit-image with Wang's window, frame by frame."""
    from skimage.metrics import structural_similarity as ssim

    both = zip(generated, reference, strict=True)
    return np.array([ssim(r, g, channel_axis=2, data_range=255, **WANG) for g, r in both])


def psnr_torchmetrics(generated: Frames, reference: Frames) -> Numbers:
    """torchmetrics on all frames at once, a value a frame, in single precision as it is used."""
    from torchmetrics.functional.image import peak_signal_noise_ratio as psnr

    pair = _planes(generated), _planes(reference)
    return np.asarray(psnr(*pair, data_range=255.0, dim=(1, 2, 3), reduction="none"), np.float64)


def ssim_torchmetrics(generated: Frames, reference: Frames) -> Numbers:
    """torchmetrics' defaults, which are Wang's window, in single precision.

    Its own mean takes in the margin, where windows reach over the reflected border, and is up to 0.003 off
    that of the paper's code and scikit-image; the map that it gives beside is averaged without the margin.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    pair = _planes(generated), _planes(reference)
    _, values = ssim(*pair, data_range=255.0, reduction="none", return_full_image=True)
    inner = values[..., MARGIN:-MARGIN, MARGIN:-MARGIN].double()
    return np.asarray(inner.mean((1, 2, 3)), np.float64)


def _planes(frames: Frames) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float()


def _formula(ours: FrameScores, peer: FrameScores) -> Callable[[Material], Sequence[Round]]:
    def run(material: Material) -> Sequence[Round]:
        torch.set_num_threads(1)
        generated, reference = material.frames(FRAMES)
        peer(generated[:1], reference[:1])  # imports its package, which is no part of its speed
        return alternate(lambda: ours(generated, reference), lambda: peer(generated, reference), ROUNDS)

    return run


def _frechet(rows: int, rounds: int) -> Callable[[Material], Sequence[Round]]:
    def run(_: Material) -> Sequence[Round]:
        from pytorch_fid.fid_score import calculate_frechet_distance

        random = np.random.default_rng(0)
        first, second = (np.abs(random.normal(0, scale, (rows, DIMENSIONS))) for scale in (1.0, 1.1))

        def peer() -> Numbers:
            moments = [(x.mean(axis=0), np.cov(x, rowvar=False)) for x in (first, second)]
            return np.array([calculate_frechet_distance(*moments[0], *moments[1])])

        return alternate(lambda: np.array([frechet_distance(first, second)]), peer, rounds)

    return run


def _kernel(rows: int, rounds: int) -> Callable[[Material], Sequence[Round]]:
    def run(_: Material) -> Sequence[Round]:
        from torch_fidelity.metric_kid import kid_features_to_metric

        torch.set_num_threads(1)
        random = np.random.default_rng(0)
        first, second = (np.abs(random.normal(0, scale, (rows, DIMENSIONS))) for scale in (1.0, 1.1))
        features = torch.from_numpy(first), torch.from_numpy(second)

        def peer() -> Numbers:
            asked = {"kid_subsets": 100, "kid_subset_size": 1000, "rng_seed": 2020, "verbose": False}
            return np.array([kid_features_to_metric(*features, **asked)["kernel_inception_distance_mean"]])

        return alternate(lambda: np.array([kernel_distance(first, second)]), peer, rounds)

    return run


def _of_frames(
    name: str, peer: str, bar: float | None, sides: tuple[FrameScores, FrameScores], absolute: float
) -> Case:
    return Case(name, peer, bar, _formula(*sides), absolute, amount=FRAMES, unit="frames/s")


CASES = (
    _of_frames("psnr", "scikit-image", 10, (frame_psnr, psnr_peer), 1e-9),
    _of_frames("psnr_torch", "torchmetrics", None, (frame_psnr, psnr_torchmetrics), 1e-4),
    _of_frames("ssim", "scikit-image", 6, (frame_ssim, ssim_peer), 1e-9),
    _of_frames("ssim_wang", "scikit-image", 1, (frame_ssim_wang, ssim_wang_peer), 1e-9),
    _of_frames("ssim_torch", "torchmetrics", None, (frame_ssim_wang, ssim_torchmetrics), 1e-4),
    Case("frechet", "pytorch-fid, N 3000 > D 2048", 6, _frechet(3000, 3), relative=1e-6),
    Case("frechet_100", "pytorch-fid, N 100", 100, _frechet(100, 3), relative=1e-6),
    Case("kernel", "torch-fidelity's KID, N 1200", None, _kernel(1200, 1), 1e-6, relative=1e-6),
)
