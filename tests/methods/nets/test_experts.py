import math
from types import ModuleType

import pytest
import torch

from harness.weights import Weights
from methods.nets.emotion_critic import EmotionCritic
from methods.nets.perceptual import PerceptualLoss, perceptual_loss
from methods.nets.sync_expert import SyncExpert, expert_loss, sync_loss


@pytest.mark.parametrize("size", [64, 96, 128])
def test_expert_embeds_any_size_to_unit_vectors_without_negatives(size: int) -> None:
    face, speech = SyncExpert(4, size)(torch.rand(3, 5, 3, size, size), torch.randn(3, 1, 80, 16))
    for embedding in (face, speech):
        assert embedding.shape == (3, 64)
        assert embedding.min() >= 0
        torch.testing.assert_close(embedding.norm(dim=1), torch.ones(3))


def test_expert_sees_the_lower_half_only() -> None:
    expert = SyncExpert(4, 64).eval()
    frames, mel = torch.rand(1, 5, 3, 64, 64), torch.randn(1, 1, 80, 16)
    upper, lower = frames.clone(), frames.clone()
    upper[:, :, :, :32] = 0
    lower[:, :, :, 32:] = 0
    assert torch.equal(expert(frames, mel)[0], expert(upper, mel)[0])
    assert not torch.equal(expert(frames, mel)[0], expert(lower, mel)[0])


def test_expert_loss_in_closed_form() -> None:
    """Two windows of one clip: own pairs at cosine 0.6, crossed pairs at cosine 0.8."""
    face = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    speech = torch.tensor([[0.6, 0.8], [0.8, 0.6]])
    expected = (-math.log(0.6) - math.log(1 - 0.8)) / 2
    assert expert_loss((face, speech), 2).item() == pytest.approx(expected, rel=1e-5)


def test_windows_of_other_clips_are_no_negatives() -> None:
    torch.manual_seed(0)
    face, speech = torch.rand(4, 8), torch.rand(4, 8)
    face, speech = (torch.nn.functional.normalize(x, dim=1) for x in (face, speech))
    apart = [expert_loss((face[i : i + 2], speech[i : i + 2]), 2) for i in (0, 2)]
    torch.testing.assert_close(expert_loss((face, speech), 2), torch.stack(apart).mean())


def test_sync_loss_is_finite_for_orthogonal_embeddings() -> None:
    class Orthogonal(SyncExpert):
        def forward(self, frames: torch.Tensor, mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])

    loss = sync_loss(Orthogonal(4, 64), torch.zeros(1), torch.zeros(1))
    assert loss.item() == pytest.approx(-math.log(1e-7), rel=1e-5)


def test_critic_at_the_papers_width_has_2048_features() -> None:
    critic = EmotionCritic(64, 64, 6)
    assert critic.project.in_features == 2048 and critic.lstm.hidden_size == 512
    assert critic(torch.rand(2, 5, 3, 64, 64)).shape == (2, 6)


def test_critic_keeps_colour_and_time_apart() -> None:
    """Only the order of different frames matters."""
    torch.manual_seed(0)
    critic = EmotionCritic(4, 64, 6)
    frames = torch.rand(1, 5, 3, 64, 64)
    still = frames[:, :1].expand_as(frames)
    assert torch.allclose(critic(still), critic(still.flip(1)))
    assert not torch.allclose(critic(frames), critic(frames.flip(1)), atol=1e-6)


def test_embedded_trunk_equals_the_package_that_bundles_it(stlpips: ModuleType) -> None:
    theirs = stlpips.inv_net.vggnet(variant="shift_tolerant")
    stored = Weights().state_dict("st-lpips-vgg")
    theirs.load_state_dict({k.removeprefix("net."): v for k, v in stored.items() if k.startswith("net.")})
    images = torch.rand(2, 3, 64, 64)
    scaled = (2 * images - 1 - stored["scaling_layer.shift"]) / stored["scaling_layer.scale"]
    wanted = theirs.slice2(theirs.slice1(scaled))
    found = perceptual_loss("embedded", Weights())._features(images)[1]
    torch.testing.assert_close(found, wanted, atol=2e-4, rtol=1e-4)


def test_perceptual_loss_is_zero_for_equals_and_grows() -> None:
    loss: PerceptualLoss = perceptual_loss("embedded", Weights())
    image, noise = torch.rand(1, 3, 64, 64), torch.randn(1, 3, 64, 64)
    values = [loss(image + amount * noise, image).item() for amount in (0.0, 0.05, 0.1)]
    assert values[0] == 0 < values[1] < values[2]
    assert not any(p.requires_grad for p in loss.parameters())
