"""A trained model of scores and tags."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from scoring.features import FeatureScale
from scoring.supervised.network import ScoreHead, SupervisedNetwork, SupervisedShape, TagHead, inputs_of
from scoring.supervised.outputs import Outputs, outputs_of
from scoring.supervised.reliability import Reliability


@dataclass(frozen=True)
class SupervisedModel:
    """Network, and what is needed to use it."""

    network: SupervisedNetwork
    shape: SupervisedShape
    tag_names: tuple[str, ...]
    group_names: tuple[str, ...]
    scale: FeatureScale
    reliability: Reliability
    quality: float
    """On held-out videos, see `training.Progress`."""

    def raw_outputs(self, features: NDArray[np.float32]) -> Outputs:
        """Return what the network says of clips with features [n, d].

        Raises:
            ValueError: the number of columns is not what was learned.
        """
        return outputs_of(self.network, self.shape, inputs_of(features, self.shape.groups, self.scale))

    def outputs(self, features: NDArray[np.float32]) -> Outputs:
        """Return the same with the sd of calibrated intervals."""
        found = self.raw_outputs(features)
        return found if found.sd is None else found._replace(sd=found.sd * self.reliability.sd_factor)

    @property
    def parameters(self) -> int:
        """Number of learned weights."""
        return sum(weights.numel() for weights in self.network.parameters())

    def description(self) -> dict[str, Any]:
        """Return what is to be known to build the network again, as JSON has it."""
        return {
            "shape": asdict(self.shape),
            "tag_names": self.tag_names,
            "group_names": self.group_names,
            "quality": self.quality,
        }

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return all arrays of the model, as safetensors can keep them."""
        weights = {f"network.{name}": value.numpy() for name, value in self.network.state_dict().items()}
        others = {**_named("scale", self.scale), **_named("reliability", self.reliability)}
        return {**weights, **others}

    @classmethod
    def of(cls, description: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> Self:
        """Return the model of what `description` and `tensors` gave.

        Raises:
            KeyError: a part is missing.
            RuntimeError: the parts do not fit each other.
        """
        sizes = dict(description["shape"])
        sizes["groups"] = tuple(sizes["groups"])
        sizes["score_head"] = ScoreHead(sizes["score_head"]) if sizes["score_head"] else None
        sizes["tag_head"] = TagHead(sizes["tag_head"]) if sizes["tag_head"] else None
        shape = SupervisedShape(**sizes)
        network, prefix = SupervisedNetwork(shape), "network."
        network.load_state_dict(
            {name.removeprefix(prefix): torch.from_numpy(value) for name, value in tensors.items() if name.startswith(prefix)}
        )
        scale = FeatureScale(*(tensors[f"scale.{name}"] for name in FeatureScale._fields))
        reliability = Reliability(*(tensors[f"reliability.{name}"] for name in Reliability._fields))
        names = tuple(description["tag_names"]), tuple(description["group_names"])
        return cls(network, shape, *names, scale, reliability, float(description["quality"]))


def _named(prefix: str, arrays: FeatureScale | Reliability) -> dict[str, NDArray[Any]]:
    return {f"{prefix}.{name}": value for name, value in arrays._asdict().items()}
