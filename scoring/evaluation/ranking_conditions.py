"""What is tried in the evaluation of rankers: what viewers tell, and what a ranker may use of it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

WEAK_SHARES: Final = (0.05, 0.15, 0.30)
WRONG_SHARES: Final = (0.1, 0.2, 0.3, 0.4)
"""Parts of the pairs that are turned round, beside those that are wrong anyway."""
MIDDLE_SHARE: Final = 0.15
"""Part of the viewers at which pairs are turned round, and clips labelled."""
LABELLED_SHARE: Final = 0.1
"""Part of the lists of clips, or where there is one list, of the clips, that are labelled."""


class Condition(NamedTuple):
    """What viewers tell in an experiment."""

    weak: float
    """Part of the viewers whose likings make the pairs."""
    wrong: float
    """Part of the pairs that is turned round."""
    labelled: float = 0.0
    """Part of the clips that is labelled."""


class Method(NamedTuple):
    """What a ranker may use."""

    name: str
    weighted: bool
    graph: bool
    places: bool
    """Whether the clips' places in the graph are among its inputs."""
    pairs: bool = True
    """Whether it learns from viewers' pairs; else from pairs of labelled clips."""
    labels: bool = False
    """Whether it learns from labelled clips."""


PLAIN: Final = Method("plain", weighted=False, graph=False, places=False)
BOTH: Final = Method("both", weighted=True, graph=True, places=True)
METHODS: Final = (
    PLAIN,
    Method("confidence", weighted=True, graph=False, places=False),
    Method("GCN", weighted=False, graph=True, places=True),
    BOTH,
)
PARTS: Final = (
    Method("plain with places", weighted=False, graph=False, places=True),
    Method("both without places", weighted=True, graph=True, places=False),
)
"""What the graph gives by each of the two ways that the ranker uses it."""
WITH_LABELS: Final = (
    PLAIN,
    BOTH,
    BOTH._replace(name="labels alone", pairs=False, labels=True),
    BOTH._replace(name="both and labels", labels=True),
)
"""What labelled clips give, alone and trained jointly with the pairs."""


def words_of(condition: Condition) -> str:
    """Return a condition in words."""
    parts = ((condition.wrong, "pairs turned round"), (condition.labelled, "clips labelled"))
    return ", ".join([f"{condition.weak:.0%} of viewers", *(f"{part:.0%} of {what}" for part, what in parts if part)])


Trials = Mapping[Condition, tuple[Method, ...]]
"""Which methods are tried under which conditions."""


def all_trials() -> Trials:
    """Return what the report is about."""
    clean = {Condition(weak, 0.0): METHODS for weak in WEAK_SHARES}
    middle = Condition(MIDDLE_SHARE, 0.0)
    wrong = {middle._replace(wrong=wrong): METHODS for wrong in WRONG_SHARES}
    return clean | {middle: (*METHODS, *PARTS)} | wrong | {middle._replace(labelled=LABELLED_SHARE): WITH_LABELS}
