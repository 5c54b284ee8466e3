"""metrics/features/s3fd.py: equal to the peer's network and detector on the same random weights."""

import importlib
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from harness.types import BadInput
from metrics.features.s3fd import S3FD, FaceDetector


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """He-initialised layers, with heads whose faces have sane sizes and scores that differ."""
    generator, net = torch.Generator().manual_seed(0), S3FD()
    for name, parameter in net.named_parameters():
        if name.startswith("L2Norm"):
            parameter.data.fill_(8.0)
        elif parameter.dim() == 4:
            deviation = (2 / parameter[0].numel()) ** 0.5
            if name.startswith(("conf", "loc")):
                deviation = 0.06 if name.split(".")[1] in "012" else 1.5 / parameter[0].numel() ** 0.5
            parameter.data = deviation * torch.randn(parameter.shape, generator=generator)
        else:
            parameter.data.zero_()
    net.vgg[0].weight.data /= 60
    return net.state_dict()


def picture(height: int, width: int) -> Any:
    small = np.random.default_rng(0).integers(0, 256, (height // 16, width // 16, 3)).astype(np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(("height", "width"), [(512, 640), (403, 530)])
def test_faces_equal_the_peers(weights: dict[str, torch.Tensor], height: int, width: int) -> None:
    pytest.importorskip("syncnet_python", reason="the peer comes with the extra bench")
    net = importlib.import_module("syncnet_python.detectors.s3fd.nets").S3FDNet(device="cpu")
    net.load_state_dict(weights)
    peer = importlib.import_module("syncnet_python.detectors.s3fd").S3FD(net=net, device="cpu")
    shown = picture(height, width)
    expected = peer.detect_faces(shown, conf_th=0.9, scales=[0.25])
    assert len(expected) > 1  # else the parity would be of nothing
    np.testing.assert_allclose(FaceDetector(weights).faces(shown), expected[:, :4], rtol=1e-4, atol=1e-2)


def test_faces_hardly_overlap_and_lie_in_the_pictures_pixels(weights: dict[str, torch.Tensor]) -> None:
    found = FaceDetector(weights).faces(picture(512, 640))
    assert found.dtype == np.float64 and found.shape[1] == 4
    assert (found[:, 2:] > found[:, :2]).all()
    centres = (found[:, :2] + found[:, 2:]) / 2
    assert centres.max() > 320  # not those of the quarter-size picture


def test_a_picture_without_faces_gives_none(weights: dict[str, torch.Tensor]) -> None:
    blind = {k: v - 9 * (k == "conf.0.bias") if "conf" not in k else 0 * v for k, v in weights.items()}
    assert FaceDetector(blind).faces(picture(256, 256)).shape == (0, 4)


def test_a_file_of_other_layers_is_refused(weights: dict[str, torch.Tensor]) -> None:
    with pytest.raises(BadInput, match=r"extras\.3\.bias"):
        FaceDetector({key: value for key, value in weights.items() if key != "extras.3.bias"})
