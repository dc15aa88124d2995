"""How a model of scores and tags is trained."""

from dataclasses import dataclass

from scoring.supervised.network import ScoreHead, TagHead


@dataclass(frozen=True)
class SupervisedConfig:
    """Heads, sizes, weights of losses, and the optimiser's settings."""

    score_head: ScoreHead | None = ScoreHead.DISTRIBUTION
    tag_head: TagHead | None = TagHead.CORRELATED
    hidden: int = 256
    latent: int = 32
    dropout: float = 0.5
    expectation_weight: float = 0.0
    """Of the distribution's second term (DLDL-v2). Beside tags it was rather a loss, see `docs/supervised.md`."""
    correlation_weight: float = 0.1
    """Of the correlation of the tags' two codes."""
    constraint_weight: float = 0.5
    """Of the codes' covariance within it."""
    balanced: bool = True
    """Two tasks are weighed by their own noise; else alike."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    clips_per_step: int = 128
    most_epochs: int = 100
    patience: int = 12
    """Epochs without a better result on held-out videos after which training stops."""
