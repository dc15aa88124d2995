"""Networks that others have trained, from files of their published weights."""

from collections.abc import Callable, Mapping
from hashlib import file_digest
from pathlib import Path
from pickle import UnpicklingError
from typing import Final, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from schemas.errors import ConfigurationError
from scoring.extraction.clip import Extractor
from scoring.extraction.hashed_words import HashedWords
from scoring.extraction.log_mel import LogMel
from scoring.extraction.residual_3d import Residual3D
from scoring.extraction.vggish import Vggish
from streams.extraction.groups import Group


class _Published(NamedTuple):
    """A network whose weights its authors publish."""

    extractor: Callable[[Mapping[str, Tensor]], Extractor]
    what: str
    where: str


_TRAINED: Final = {
    Group.VISUAL: _Published(
        Residual3D,
        "r3d_18 of torchvision, trained on Kinetics-400: file r3d_18-b3b3357e.pth",
        "torchvision.models.get_model_weights('r3d_18').DEFAULT.get_state_dict() puts it into torch's cache",
    ),
    Group.AUDIO: _Published(
        Vggish,
        "VGGish in its conversion to torch: file vggish-10086976.pth",
        "torch.hub.load('harritaylor/torchvggish', 'vggish') puts it into torch's cache",
    ),
}
_UNTRAINED: Final[dict[Group, Callable[[], Extractor]]] = {Group.LOG_MEL: LogMel, Group.TEXT: HashedWords}


class Extraction(NamedTuple):
    """Extractors, and what tells them from others."""

    extractors: list[Extractor]
    weights: dict[str, str]
    """By extractor: SHA-256 of its weights, empty where it has none."""


def extraction_of(groups: list[Group], weights: Mapping[Group, Path | None]) -> Extraction:
    """Return the extractors of some groups.

    Args:
        groups: that are wanted.
        weights: file of each that needs one.

    Raises:
        ConfigurationError: there is no group; a file is not named, cannot be read, or is not of that network.
    """
    if not groups:
        message = f"no group of features is left: --without may name some of {', '.join(Group)}, not all"
        raise ConfigurationError(message)
    made = [_extractor(group, weights.get(group)) for group in groups]
    return Extraction([one for one, _ in made], {one.name: digest for one, digest in made})


def _extractor(group: Group, path: Path | None) -> tuple[Extractor, str]:
    if group in _UNTRAINED:
        return _UNTRAINED[group](), ""
    published = _TRAINED[group]
    if path is None:
        message = (
            f"{group} features need the weights of {published.what} ({published.where}). Name the file with --{group}-weights, "
            f"or do without them: --without {group}"
        )
        raise ConfigurationError(message)
    try:
        weights = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
        extractor = published.extractor(weights)
    except FileNotFoundError as error:
        message = f"there is no file {path}: --{group}-weights is to name {published.what}"
        raise ConfigurationError(message) from error
    except (OSError, RuntimeError, ValueError, TypeError, AttributeError, EOFError, UnpicklingError, SafetensorError) as error:
        why = (str(error) or type(error).__name__).splitlines()[-1].strip()[:200]
        message = f"{path} does not hold the weights of {published.what}: {why}"
        raise ConfigurationError(message) from error
    with path.open("rb") as file:
        return extractor, file_digest(file, "sha256").hexdigest()
