"""`highlights evaluate label-distribution`, `tags` and `multitask`: what is learned from labels, beside its baselines."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import ConfigurationError
from streams.cli.evaluate import DataOption, SeedsOption, show
from streams.cli.output import JsonOption, steps

if TYPE_CHECKING:
    from scoring.evaluation.labelled import LabelledSet
    from scoring.evaluation.opinions import ViewerOpinions
    from scoring.evaluation.report import Report


def label_distribution(data: DataOption, seeds: SeedsOption = 5, json: JsonOption = False) -> None:
    """Scores learned as distributions, beside regression and cross-entropy over bins: error, and coverage of intervals.

    Reads `tvsum/` and `movielens/` below the folder, whichever are there; a score is what all viewers think of a clip on the
    whole. Five seeds of both take some 25 minutes of one core.

    Example: `highlights evaluate label-distribution --data DATA --seeds 2`
    """
    from scoring.evaluation import labelled, supervised

    sets = [labelled.scored_set(opinions) for opinions in _opinions(data, ("tvsum", "movielens"))]
    _run(supervised.label_distribution, sets, seeds, json)


def tags(data: DataOption, seeds: SeedsOption = 5, json: JsonOption = False) -> None:
    """Tags learned by C2AE joined with binary cross-entropy, beside binary cross-entropy alone: macro average precision.

    Reads every set below `mulan/` of the folder; where one has no test part of its own, each seed draws a quarter. Five seeds
    of four sets take about five minutes on one core.

    Example: `highlights evaluate tags --data DATA --seeds 2`
    """
    from scoring.evaluation import supervised
    from streams.datasets.mulan import read_mulan

    _there(data, ("mulan",))
    _run(supervised.tags, list(read_mulan(data)), seeds, json)


def multitask(data: DataOption, seeds: SeedsOption = 5, json: JsonOption = False) -> None:
    """One extractor for scores and tags, beside a network for each: errors of both tasks, and parameters.

    Reads `movielens/` below the folder: who watched a film tells its mean rating by others, and its genres. Five seeds take
    about five minutes on one core.

    Example: `highlights evaluate multitask --data DATA --seeds 2`
    """
    from scoring.evaluation import labelled, supervised

    try:
        sets = [labelled.watched_set(opinions) for opinions in _opinions(data, ("movielens",))]
    except ValueError as error:
        message = f"--data {data}: {error}"
        raise ConfigurationError(message) from error
    _run(supervised.multitask, sets, seeds, json)


def _run(
    compare: "Callable[[Iterable[LabelledSet], int, Callable[[str], None]], Report]",
    sets: "Sequence[LabelledSet]",
    seeds: int,
    json: bool,
) -> None:
    with steps("learning") as told:
        report = compare(sets, seeds, told)
    show(report, json)


def _opinions(data: Path, names: Sequence[str]) -> "Iterator[ViewerOpinions]":
    from streams.datasets.movielens import read_movielens
    from streams.datasets.tvsum import read_tvsum_opinions

    readers = {"movielens": read_movielens, "tvsum": read_tvsum_opinions}
    for name in _there(data, names):
        yield readers[name](data)


def _there(data: Path, names: Sequence[str]) -> list[str]:
    there = [name for name in names if (data / name).is_dir()]
    if not there:
        message = f"--data {data}: holds neither {' nor '.join(names)}; give the folder that one of them lies in"
        raise ConfigurationError(message)
    return there
