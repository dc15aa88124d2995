"""Training: pairs in, out the network that orders best the pairs that it did not learn from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scoring.features import FeatureScale
from scoring.pairs.consistency import fit_consistency
from scoring.ranker.batches import Views, draw_pairs
from scoring.ranker.dataset import RankedPairs, RankingDataset
from scoring.ranker.inputs import scale_of_library
from scoring.ranker.labels import LabelLoss
from scoring.ranker.network import NetworkShape, RankerNetwork
from scoring.ranker.trained import TrainedRanker, embeddings_of
from scoring.ranker.uncertainty import fit_posterior

_HELD_OUT_CLIPS: Final = 0.1
_LABELS_PER_STEP: Final = 4_096


@dataclass(frozen=True)
class RankerConfig:
    """How a ranker is trained."""

    weighted: bool = True
    """Weigh each pair by its confidence and by how well it agrees with the other pairs; else all alike."""
    hidden: int = 32
    layers: int = 2
    dropout: float = 0.3
    learning_rate: float = 3e-3
    weight_decay: float = 0.3
    pairs_per_step: int = 16_384
    steps_per_epoch: int = 5
    most_epochs: int = 60
    patience: int = 8
    """Epochs without a better result on held-out pairs after which training stops."""
    whole_graph_up_to: int = 20_000
    """Clips; in a larger library each step sees a sample of its clips' neighbourhood."""
    fanout: int = 8
    """Neighbours that are drawn of each clip in such a sample."""
    label_weight: float = 1.0
    """Weight of the labelled clips' loss against the pairs' loss, where there are labels."""


class TooFewPairsError(ValueError):
    """There is nothing to learn from, or nothing to hold out."""


class Progress(NamedTuple):
    """Where training stands after an epoch."""

    epoch: int
    epochs: int
    """At most."""
    loss: float
    held_out_accuracy: float
    """Share of held-out pairs that are ordered rightly, by weight."""


def train(
    dataset: RankingDataset,
    config: RankerConfig,
    seed: int,
    progress: Callable[[Progress], None] = lambda _: None,
    device: torch.device | None = None,
) -> TrainedRanker:
    """Train a ranker. On one machine's CPU the same arguments give the same ranker, to the bit.

    A tenth of the clips is held out: pairs that touch one decide which epoch is kept and how wide the scores' uncertainty
    is, and none of them is learned from. Where pairs are weighted, contradictions are found among all pairs first, those too:
    these are not what a release is judged by (`scoring.ranker.gate`), and left as they are they stop worse (`docs/learning.md`).

    Args:
        dataset: a library with its pairs, and perhaps labels.
        config: how.
        seed: of everything that is drawn.
        progress: called after every epoch.
        device: where; the GPU if there is one.

    Raises:
        TooFewPairsError: no pair is left to learn from or to hold out.
    """
    rng = np.random.default_rng(seed)
    if config.weighted and len(dataset.pairs.preferred):
        dataset = replace(dataset, pairs=_without_contradictions(dataset.pairs, dataset.library.clips))
    learned, held_out = _split(dataset, rng)
    scale = scale_of_library(dataset.library)
    columns = len(scale.mean) + 1
    shape = NetworkShape(columns, config.hidden, config.layers, config.dropout)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = RankerNetwork(shape).to(device or torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        embeddings = _fit(network, dataset, scale, config, (learned, held_out), rng, progress)
    network.cpu()
    return TrainedRanker(network, shape, scale, fit_posterior(embeddings, network.head_weights(), learned, held_out))


def _without_contradictions(pairs: RankedPairs, clips: int) -> RankedPairs:
    """Return the pairs the way round that the others make more probable, with what confidence is left."""
    sign = 2 * fit_consistency(*pairs, clips).right - 1
    preferred, other = np.where(sign < 0, (pairs.other, pairs.preferred), (pairs.preferred, pairs.other))
    return RankedPairs(preferred, other, pairs.confidence * np.abs(sign)).take(sign != 0)


def _split(dataset: RankingDataset, rng: np.random.Generator) -> tuple[RankedPairs, RankedPairs]:
    pairs = dataset.pairs
    of_held_out_clip = rng.random(dataset.library.clips) < _HELD_OUT_CLIPS
    held_out = of_held_out_clip[pairs.preferred] | of_held_out_clip[pairs.other]
    if held_out.all() or not held_out.any():
        message = f"{len(held_out)} pairs, of which {held_out.sum()} are held out: too few to learn from; build more pairs first"
        raise TooFewPairsError(message)
    return pairs.take(~held_out), pairs.take(held_out)


def _fit(
    network: RankerNetwork,
    dataset: RankingDataset,
    scale: FeatureScale,
    config: RankerConfig,
    pairs: tuple[RankedPairs, RankedPairs],
    rng: np.random.Generator,
    progress: Callable[[Progress], None],
) -> NDArray[np.float32]:
    """Train the network in place, leave it as it was after its best epoch, and return its embeddings."""
    learned, held_out = pairs
    steps = _Steps(network, dataset, scale, config, learned, rng)
    best, best_accuracy, since = _copy(network), -1.0, 0
    for epoch in range(1, config.most_epochs + 1):
        network.train()
        loss = float(np.mean([steps.step() for _ in range(config.steps_per_epoch)]))
        worth = steps.embeddings() @ network.head_weights()
        right = worth[held_out.preferred] > worth[held_out.other]
        accuracy = float(np.average(right, weights=held_out.confidence if config.weighted else None))
        progress(Progress(epoch, config.most_epochs, loss, accuracy))
        since += 1
        if accuracy > best_accuracy:
            best, best_accuracy, since = _copy(network), accuracy, 0
        if since >= config.patience:
            break
    network.load_state_dict(best)
    return steps.embeddings()


class _Steps:
    """Steps of one training."""

    def __init__(
        self,
        network: RankerNetwork,
        dataset: RankingDataset,
        scale: FeatureScale,
        config: RankerConfig,
        pairs: RankedPairs,
        rng: np.random.Generator,
    ) -> None:
        device = network.head.weight.device
        self._network, self._config, self._pairs, self._rng = network, config, pairs, rng
        self._views = Views(dataset.library, scale, config.whole_graph_up_to, device)
        self._labels = None if dataset.labels is None else LabelLoss(dataset.labels).to(device)
        parameters = [*network.parameters(), *(self._labels.parameters() if self._labels else ())]
        self._optimiser = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)

    def embeddings(self) -> NDArray[np.float32]:
        """Return what the network's head sees of every clip now, [n, hidden]."""
        return embeddings_of(self._network, self._views.whole.inputs, self._views.whole.propagation)

    def step(self) -> float:
        """Take one step and return its loss."""
        pairs = draw_pairs(self._pairs, self._config.pairs_per_step, self._rng)
        labelled = self._labels.draw(_LABELS_PER_STEP, self._rng) if self._labels else np.empty(0, np.int64)
        clips = np.concatenate([pairs.preferred, pairs.other, labelled])
        view = self._views.around(clips, self._config.layers, self._config.fanout, self._rng)
        worth = self._network(view.inputs, view.propagation)
        placed = pairs._replace(preferred=view.place[pairs.preferred], other=view.place[pairs.other])
        loss = pair_loss(worth, placed, self._config)
        if self._labels:
            of_labelled = worth[torch.from_numpy(view.place[labelled])]
            loss = loss + self._config.label_weight * self._labels(of_labelled, labelled)
        self._optimiser.zero_grad()
        torch.autograd.backward(loss)
        self._optimiser.step()
        return float(loss.detach())


def pair_loss(worth: Tensor, pairs: RankedPairs, config: RankerConfig) -> Tensor:
    """Return the mean of `log(1 + exp(worth of the other - worth of the preferred))`, weighted by confidence or not.

    The logistic loss of RankNet (Burges et al. 2005).
    """
    preferred, other = torch.from_numpy(pairs.preferred), torch.from_numpy(pairs.other)
    losses = nn.functional.softplus(worth[other] - worth[preferred])
    if not config.weighted:
        return losses.mean()
    weight = torch.from_numpy(pairs.confidence).to(losses)
    return (losses * weight).sum() / weight.sum()


def _copy(network: RankerNetwork) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
