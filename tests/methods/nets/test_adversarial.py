import pytest
import torch
from torch import Tensor, nn

from harness.contracts import Training, TrainingData
from harness.weights import Weights
from methods.nets.adversarial import (
    Player,
    WassersteinLoss,
    gradient_penalty,
    held,
    wasserstein_loss,
)
from methods.nets.convlstm import ConvLSTM
from methods.nets.discriminators import EmotionLoss, FrameCritic, SequenceCritic, SyncCritic


class Slope(nn.Module):
    """Scores a clip by `slope` times the sum of its values."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, clips: Tensor) -> Tensor:
        return self.slope * clips.flatten(1).sum(1)


def training(corpus: TrainingData) -> Training:
    return Training(data=corpus, artefacts={}, report=lambda *_: None, seed=0, weights=Weights())


def test_gradient_penalty_in_closed_form() -> None:
    """Each of 12 values has slope 0.5: the norm is 0.5 * sqrt(12)."""
    real, fake = torch.randn(3, 2, 6), torch.randn(3, 2, 6)
    found = gradient_penalty(Slope(0.5), (real,), fake, torch.rand(3))
    assert found.item() == pytest.approx((0.5 * 12**0.5 - 1) ** 2, rel=1e-5)


def test_gradient_penalty_looks_between_fake_and_real() -> None:
    seen = []

    class Watch(nn.Module):
        def forward(self, clips: Tensor) -> Tensor:
            seen.append(clips.detach().clone())
            return clips.flatten(1).sum(1)

    real, fake = torch.ones(3, 4), torch.zeros(3, 4)
    gradient_penalty(Watch(), (real,), fake, torch.tensor([0.0, 0.25, 1.0]))
    assert seen[0].mean(1).tolist() == [0, 0.25, 1]


def test_wasserstein_loss_in_closed_form_and_trains_through_its_penalty() -> None:
    critic = Slope(2.0)
    loss = WassersteinLoss(critic, penalty=10.0)
    real, fake = torch.full((1, 4), 0.5), torch.full((1, 4), 0.25)
    value = loss((real,), (fake,), (torch.ones(1),))
    assert value.item() == pytest.approx(2 * (1 - 2) + 10 * (2 * 2 - 1) ** 2)
    value.backward()
    assert critic.slope.grad.item() == pytest.approx(-1 + 10 * 2 * (2 * 2 - 1) * 2)
    assert wasserstein_loss(critic(fake)).item() == pytest.approx(-2)


def test_player_steps_down_its_own_loss_and_its_rate_falls_to_0(corpus: TrainingData) -> None:
    player = Player(WassersteinLoss(Slope(3.0), 1.0), 0.5, (0.5, 0.9), 20, training(corpus))
    real, fake = torch.ones(2, 4), torch.zeros(2, 4)
    values = [player.step((real,), (fake,), (torch.rand(2),)).item() for _ in range(20)]
    assert values[-1] < values[0]
    assert player.schedule.get_last_lr()[0] == pytest.approx(0, abs=1e-9)
    assert set(player.parts("d")) == {"d", "d_optimiser", "d_schedule"}


def test_wide_layers_learn_slower_in_proportion_and_outputs_move_alike(corpus: TrainingData) -> None:
    narrow, wide = nn.Linear(4, 1), nn.Linear(64, 1)
    player = Player(nn.ModuleList([narrow, wide]), 0.1, (0.9, 0.999), 10, training(corpus), even=4)
    rates = [group["lr"] for group in player.optimiser.param_groups]
    assert rates == pytest.approx([0.1, 0.1, 0.1 * 4 / 64, 0.1])
    before = [layer(torch.ones(1, layer.in_features)).item() for layer in (narrow, wide)]
    player.descend(sum(layer(torch.ones(1, layer.in_features)).sum() for layer in (narrow, wide)))
    after = [layer(torch.ones(1, layer.in_features)).item() for layer in (narrow, wide)]
    assert [b - a for b, a in zip(before, after, strict=True)] == pytest.approx([0.5, 0.5], rel=1e-3)


def test_held_players_pass_gradients_on_and_keep_none(corpus: TrainingData) -> None:
    player = Player(WassersteinLoss(Slope(3.0), 1.0), 0.5, (0.5, 0.9), 20, training(corpus))
    clips = torch.ones(2, 4, requires_grad=True)
    with held([player]):
        player.loss.critic(clips).sum().backward()
    assert (clips.grad == 3).all() and player.loss.critic.slope.grad is None
    assert player.loss.critic.slope.requires_grad


def test_emotion_loss_knows_generated_frames_as_the_last_class() -> None:
    class Answers(nn.Module):
        def forward(self, logits: Tensor) -> Tensor:
            return logits

    sure = 20 * torch.eye(7)
    loss = EmotionLoss(Answers())
    assert loss((sure[:2], torch.tensor([0, 1])), (sure[[6, 6]],)).item() < 1e-6
    assert loss((sure[:2], torch.tensor([0, 1])), (sure[[5, 5]],)).item() == pytest.approx(10, rel=1e-3)


@pytest.mark.parametrize(("height", "breadth"), [(64, 64), (128, 96)])
def test_discriminators_score_any_shape(height: int, breadth: int) -> None:
    frames, still = torch.rand(2, 5, 3, height, breadth), torch.rand(2, 3, height, breadth)
    hear = nn.Sequential(nn.Flatten(), nn.Linear(3200, 4))
    assert FrameCritic(2, height, breadth)(frames, still).shape == (2, 5)
    assert SequenceCritic(2, height, breadth)(frames).shape == (2,)
    sync = SyncCritic(2, height, breadth, hear, 4)
    scores = sync(frames, torch.randn(2, 3200))
    assert scores.shape == (2,)


def test_sync_discriminator_sees_the_lower_half_and_hears() -> None:
    torch.manual_seed(0)
    hear = nn.Sequential(nn.Flatten(), nn.Linear(3200, 4))
    critic = SyncCritic(4, 64, 64, hear, 4)
    frames, wave = torch.rand(1, 5, 3, 64, 64), torch.randn(1, 3200)
    upper, lower = frames.clone(), frames.clone()
    upper[:, :, :, :32] = 0
    lower[:, :, :, 32:] = 0
    assert torch.equal(critic(frames, wave), critic(upper, wave))
    assert not torch.equal(critic(frames, wave), critic(lower, wave))
    assert not torch.equal(critic(frames, wave), critic(frames, -wave))


def test_sequence_discriminator_sees_time() -> None:
    torch.manual_seed(0)
    critic = SequenceCritic(4, 64, 64)
    frames = torch.rand(1, 5, 3, 64, 64)
    assert not torch.allclose(critic(frames), critic(frames.flip(1)), atol=1e-7)


def test_convlstm_remembers_across_calls_as_within_one() -> None:
    torch.manual_seed(0)
    layer = ConvLSTM(3, 2, 4)
    x, skip = torch.randn(2 * 6, 3, 5, 5), torch.randn(2, 2, 5, 5)
    whole, _ = layer(x, skip, None)
    clips = x.view(2, 6, 3, 5, 5)
    first, state = layer(clips[:, :2].flatten(0, 1), skip, None)
    second, _ = layer(clips[:, 2:].flatten(0, 1), skip, state)
    joined = torch.cat([first.view(2, 2, 4, 5, 5), second.view(2, 4, 4, 5, 5)], 1)
    torch.testing.assert_close(joined.flatten(0, 1), whole)
    forgetful = [layer(clips[:, t], skip, None)[0] for t in range(6)]
    assert not torch.allclose(torch.stack(forgetful, 1).flatten(0, 1), whole)
