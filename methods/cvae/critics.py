"""The frozen and the fine-tuned networks that judge generated frames while `cvae` trains."""

from torch import Tensor, nn
from torch.optim import Adam

from harness.contracts import Training
from methods.cvae.config import Config
from methods.nets.blocks import frozen
from methods.nets.emotion_critic import EmotionCritic
from methods.nets.experts import descend, stored
from methods.nets.loop import Stateful
from methods.nets.perceptual import PerceptualLoss, Spot, perceptual_loss
from methods.nets.sampling import Windows
from methods.nets.sync_expert import SyncExpert, sync_loss


class Critics:
    """The networks that judge generated frames in `fit`, each None where its term weighs 0.

    `judge` is a frozen twin of `critic`: the generator's loss must leave no gradient in the weights that
    the critic's own optimiser, and its averaging over workers, own.
    """

    def __init__(self, config: Config, training: Training) -> None:
        device = training.device
        self.expert: SyncExpert | None = None
        self.perceptual: PerceptualLoss | None = None
        self.critic: EmotionCritic | None = None
        if config.alpha > 0:
            self.expert = stored(training, "sync_expert", make_expert(config))
            frozen(self.expert)
        if config.beta > 0:
            self.perceptual = perceptual_loss(config.perceptual, training.weights).to(device)
        if config.gamma > 0:
            self.critic = stored(training, "emotion_critic", make_critic(config))
            self.judge = frozen(make_critic(config)).to(device)
            self.judge.load_state_dict(self.critic.state_dict())
            self.wrapped = training.wrap(self.critic)
            self.optimiser = Adam(self.critic.parameters(), config.critic_tuning_rate)

    def parts(self) -> dict[str, Stateful]:
        """Return what a checkpoint must keep."""
        if self.critic is None:
            return {}
        return {"critic": self.critic, "judge": self.judge, "critic_optimiser": self.optimiser}

    def terms(self, frames: Tensor, windows: Windows, spot: Spot) -> dict[str, Tensor]:
        """Return the unweighted terms on (B, T, 3, S, S) frames; perceptual at `spot`."""
        found = {}
        if self.expert is not None:
            found["sync"] = sync_loss(self.expert, frames, windows.speech)
        if self.perceptual is not None:
            found["perceptual"] = self.perceptual(spot.of(frames), spot.of(windows.target))
        if self.critic is not None:
            found["emotion"] = nn.functional.cross_entropy(self.judge(frames), windows.emotion)
        return found

    def tune(self, windows: Windows) -> dict[str, Tensor]:
        """Fine-tune the emotion discriminator on the batch's real frames (section 2.1)."""
        if self.critic is None:
            return {}
        loss = nn.functional.cross_entropy(self.wrapped(windows.target), windows.emotion)
        descend(self.optimiser, loss)
        self.judge.load_state_dict(self.critic.state_dict())
        return {"critic": loss}


def make_expert(config: Config) -> SyncExpert:
    """Return an untrained sync expert of the configured size."""
    return SyncExpert(config.sync_width, config.image_size)


def make_critic(config: Config) -> EmotionCritic:
    """Return an untrained emotion discriminator of the configured size."""
    return EmotionCritic(config.critic_width, config.image_size, len(config.emotions))
