"""PSNR and both SSIMs against scikit-image, and the Frechet distance against SciPy's sqrtm in pytorch-fid."""

from collections.abc import Callable, Sequence

import numpy as np

from harness.types import Frames
from metrics.bench.material import Material
from metrics.bench.timing import Case, Numbers, Round, alternate
from metrics.features.frechet import frechet_distance
from metrics.features.inception import DIMENSIONS
from metrics.psnr import frame_psnr
from metrics.ssim import frame_ssim
from metrics.ssim_wang import frame_ssim_wang

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


def _formula(ours: FrameScores, peer: FrameScores) -> Callable[[Material], Sequence[Round]]:
    def run(material: Material) -> Sequence[Round]:
        generated, reference = material.frames(FRAMES)
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


CASES = (
    Case("psnr", "scikit-image", 10, _formula(frame_psnr, psnr_peer), absolute=1e-9),
    Case("ssim", "scikit-image", 6, _formula(frame_ssim, ssim_peer), absolute=1e-9),
    Case("ssim_wang", "scikit-image", 1, _formula(frame_ssim_wang, ssim_wang_peer), absolute=1e-9),
    Case("frechet", "pytorch-fid, N 3000 > D 2048", 6, _frechet(3000, 3), relative=1e-6),
    Case("frechet_100", "pytorch-fid, N 100", 100, _frechet(100, 3), relative=1e-6),
)
