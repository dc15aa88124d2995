"""Training: labelled clips in, out the model that does best on videos that it did not learn from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scoring.features import FeatureScale, scale_of
from scoring.supervised.clips import LabelledClips
from scoring.supervised.config import SupervisedConfig
from scoring.supervised.losses import JointLoss
from scoring.supervised.model import SupervisedModel
from scoring.supervised.network import SupervisedNetwork, SupervisedShape, inputs_of
from scoring.supervised.outputs import Outputs, outputs_of
from scoring.supervised.quality import quality_of, score_variance_of
from scoring.supervised.reliability import Reliability, fit_reliability

_HELD_OUT_VIDEOS: Final = 0.15
_FOLDS: Final = 5
_LEAST_VIDEOS: Final = 2
"""With labels of a task: one to learn from, one to hold out."""


class Progress(NamedTuple):
    """Where training stands after an epoch."""

    epoch: int
    epochs: int
    """At most."""
    loss: float
    quality: float
    """On held-out videos: the share of the scores' variance that is explained, and the tags' mean average precision, added."""


def _ignore(_progress: Progress) -> None:
    """Tell nobody."""


def train(
    clips: LabelledClips,
    config: SupervisedConfig,
    seed: int,
    progress: Callable[[Progress], None] = _ignore,
    held_out: NDArray[np.bool_] | None = None,
) -> SupervisedModel:
    """Train a model. On one machine's CPU the same arguments give the same model, to the bit.

    A part of the videos is held out: they decide which epoch is kept, how wide intervals are and where tags begin, and no weight
    is learned from them.

    Args:
        clips: with labels; a task whose labels are missing altogether is left out.
        config: how.
        seed: of everything that is drawn.
        progress: called after every epoch.
        held_out: [n] the clips of videos that are held out; where they have no label, and when not given, videos are drawn from
            the others.

    Raises:
        ValueError: there is nothing to learn, or nothing to hold out, or what was learned is no number.
    """
    rng = np.random.default_rng(seed)
    shape = _shape(clips, config)
    labelled = _labelled(clips, shape)
    clips, given = clips.take(labelled), None if held_out is None else held_out[labelled]
    judges = _drawn(clips, shape, rng) if given is None or not given.any() else given
    learned, judged = clips.take(~judges), clips.take(judges)
    _check(clips, learned, shape)
    scale, variance = scale_of(learned.features), score_variance_of(learned)
    inputs = inputs_of(judged.features, shape.groups, scale)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = SupervisedNetwork(shape)
        training = _Training(network, shape, scale, config, learned)
        quality = training.run(rng, lambda: quality_of(outputs_of(network, shape, inputs), judged, variance), progress)
    outputs = outputs_of(network, shape, inputs)
    _check_finite(
        [
            *scale,
            *(values.numpy() for values in network.state_dict().values()),
            *(values for values in outputs if values is not None),
        ]
    )
    reliability = fit_reliability(outputs, judged)
    return SupervisedModel(network, shape, clips.tag_names, tuple(clips.groups), scale, reliability, quality)


def best_of(
    clips: LabelledClips, configs: Sequence[SupervisedConfig], seed: int, progress: Callable[[Progress], None] = _ignore
) -> tuple[SupervisedModel, SupervisedConfig]:
    """Train a model under each configuration; return the best by held-out videos, with its configuration."""
    models = [(train(clips, config, seed, progress), config) for config in configs]
    return max(models, key=lambda pair: pair[0].quality)


def with_cross_fitted_reliability(
    model: SupervisedModel, config: SupervisedConfig, clips: LabelledClips, seed: int
) -> SupervisedModel:
    """Return the model with its reliability measured on all videos, each judged by a model that did not learn from it.

    A few held-out videos say little: what is wrong with one clip of a video is wrong with the next. A fold is passed over that
    leaves a task of the model too few labels; of a task that no fold could judge, the reliability stays as it is.
    """
    rng, clips = np.random.default_rng(seed), clips.take(_labelled(clips, model.shape))
    config = replace(config, score_head=model.shape.score_head, tag_head=model.shape.tag_head)
    videos = rng.permutation(np.unique(clips.video))
    judged, outputs = [], []
    for fold in np.array_split(videos, _FOLDS):
        within = np.isin(clips.video, fold)
        if within.any() and all(count >= _LEAST_VIDEOS for count in _videos_of(clips.take(~within), model.shape).values()):
            judged.append(np.flatnonzero(within))
            outputs.append(train(clips.take(~within), config, seed).raw_outputs(clips.features[within]))
    if not judged:
        return model
    joined = Outputs(*(None if values[0] is None else np.concatenate(values) for values in zip(*outputs, strict=True)))
    by = clips.take(np.concatenate(judged))
    found, before = fit_reliability(joined, by), model.reliability
    factor = found.sd_factor if by.scored.any() else before.sd_factor
    return replace(model, reliability=Reliability(factor, found.thresholds if by.tagged.any() else before.thresholds))


def _shape(clips: LabelledClips, config: SupervisedConfig) -> SupervisedShape:
    score_head = config.score_head if clips.scored.any() else None
    tag_head = config.tag_head if clips.tagged.any() else None
    if not score_head and not tag_head:
        raise ValueError("no clip has a score or tags: there is nothing to learn")
    return SupervisedShape(
        tuple(clips.groups.values()), len(clips.tag_names), score_head, tag_head, config.hidden, config.latent,
        dropout=config.dropout,
    )  # fmt: skip


def _labelled(clips: LabelledClips, shape: SupervisedShape) -> NDArray[np.bool_]:
    """Return which clips have a label that one of the heads learns from, [n]."""
    labelled: NDArray[np.bool_] = np.any(list(_of_heads(clips, shape).values()), axis=0)
    return labelled


def _of_heads(clips: LabelledClips, shape: SupervisedShape) -> dict[str, NDArray[np.bool_]]:
    """Return which clips have labels of each head's task, [n], by its name."""
    heads = {"score": (shape.score_head, clips.scored), "tags": (shape.tag_head, clips.tagged)}
    return {task: labelled for task, (head, labelled) in heads.items() if head}


def _videos_of(clips: LabelledClips, shape: SupervisedShape) -> dict[str, int]:
    """Return how many videos have labels of each head's task, by its name."""
    return {task: len(np.unique(clips.video[labelled])) for task, labelled in _of_heads(clips, shape).items()}


def _drawn(clips: LabelledClips, shape: SupervisedShape, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw videos to hold out, [n]; of those of a task that would have none left, one is left to learn from."""
    held_out = clips.side(_HELD_OUT_VIDEOS, rng)
    for labelled in _of_heads(clips, shape).values():
        if not (labelled & ~held_out).any():
            held_out = held_out & (clips.video != clips.video[labelled][0])
    return held_out


def _check(clips: LabelledClips, learned: LabelledClips, shape: SupervisedShape) -> None:
    """Raise an error if a task has too few labels, among all clips and among those that are learned from."""
    all_, left = _videos_of(clips, shape), _videos_of(learned, shape)
    for task, count in all_.items():
        if count < _LEAST_VIDEOS or not left[task]:
            message = (
                f"task {task!r}: {count} videos with labels, {left[task]} of them to learn from; at least two are needed, one of "
                "them to learn from, as the others are held out: label clips of more videos, or leave the task's labels out"
            )
            raise ValueError(message)


def _check_finite(arrays: Iterable[NDArray[np.float32]]) -> None:
    """Raise an error if a number of a model, or one that it says, is none."""
    if not all(bool(np.isfinite(values).all()) for values in arrays):
        message = (
            "training came to numbers that are not finite, so there is no model: are there features near the largest numbers "
            "(3e38)? Bring them to a usual size"
        )
        raise ValueError(message)


class _Training:
    """One training of one network, in place."""

    def __init__(
        self, network: SupervisedNetwork, shape: SupervisedShape, scale: FeatureScale, config: SupervisedConfig,
        clips: LabelledClips,
    ) -> None:  # fmt: skip
        self._network, self._config, self._clips = network, config, len(clips)
        self._inputs = inputs_of(clips.features, shape.groups, scale)
        self._loss = JointLoss(shape, clips, config)
        self._optimiser = torch.optim.AdamW(
            [
                {"params": network.parameters(), "weight_decay": config.weight_decay},
                {"params": self._loss.parameters(), "weight_decay": 0.0},
            ],
            config.learning_rate,
        )
        self._start_at_frequencies()

    def run(self, rng: np.random.Generator, judge: Callable[[], float], progress: Callable[[Progress], None]) -> float:
        """Train, and leave the network as it was after its best epoch; return the quality of that."""
        config = self._config
        best, best_quality, since = _copy(self._network), judge(), 0
        for epoch in range(1, config.most_epochs + 1):
            loss = self._epoch(rng)
            quality = judge()
            progress(Progress(epoch, config.most_epochs, loss, quality))
            since += 1
            if quality > best_quality:
                best, best_quality, since = _copy(self._network), quality, 0
            if since >= config.patience:
                break
        self._network.load_state_dict(best)
        return best_quality

    def _epoch(self, rng: np.random.Generator) -> float:
        self._network.train()
        parts = np.array_split(rng.permutation(self._clips), max(1, round(self._clips / self._config.clips_per_step)))
        return float(np.mean([self._step(part) for part in parts]))

    def _step(self, rows: NDArray[np.int64]) -> float:
        loss: Tensor = self._loss(self._network, self._inputs, rows)
        self._optimiser.zero_grad()
        torch.autograd.backward(loss)
        self._optimiser.step()
        return float(loss.detach())

    def _start_at_frequencies(self) -> None:
        """Let the heads say at first what is true of all clips together: from there on only what features tell is learned."""
        network = self._network
        if self._loss.score:
            _start(network.score, self._loss.score.start())
        if self._loss.tags:
            for head in (network.tags, network.decode) if network.correlated else (network.tags,):
                _start(head, self._loss.tags.start())


@torch.no_grad()
def _start(head: nn.Linear, bias: Tensor) -> None:
    nn.init.zeros_(head.weight)
    head.bias.copy_(bias)


def _copy(network: SupervisedNetwork) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
