"""`highlights evaluate ranking`: rankers that learn from few viewers, judged by the others."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import ConfigurationError
from streams.cli.evaluate import DataOption, SeedsOption, show
from streams.cli.output import JsonOption, steps

if TYPE_CHECKING:
    from scoring.evaluation.opinions import ViewerOpinions


def ranking(data: DataOption, seeds: SeedsOption = 8, json: JsonOption = False) -> None:
    """Rankers that learn from few viewers, judged by viewers they never saw: plain, confidence, GCN, and both.

    Reads every folder with ratings.csv and movies.csv, as MovieLens has them, that the folder is or holds, and `tvsum/` in it. 5,
    15 and 30 % of the viewers make the weak pairs; at 15 %, up to 40 % of the pairs are turned round, or a tenth of the clips is
    labelled. Eight seeds of MovieLens and TVSum take about half an hour on one core.

    Example: `highlights evaluate ranking --data DATA --seeds 2`
    """
    from scoring.evaluation.ranking import find
    from scoring.evaluation.ranking_report import report_of
    from scoring.ranker.training import RankerConfig

    found = {}
    with steps("reading") as told:
        for opinions in data_sets(data):
            found[opinions.name] = find(opinions, seeds, RankerConfig(), told)
    show(report_of(found, seeds), json)


def data_sets(data: Path) -> "Iterator[ViewerOpinions]":
    """Yield what there is to evaluate in a folder.

    Raises:
        ConfigurationError: there is nothing, or it is not of its shape.
    """
    from streams.datasets.movielens import holds_ratings, read_ratings
    from streams.datasets.tvsum import read_tvsum_opinions

    ratings = [folder for folder in (data, *sorted(data.glob("*/"))) if holds_ratings(folder)]
    tvsum = (data / "tvsum").is_dir()
    if not ratings and not tvsum:
        message = f"--data {data}: neither it nor a folder in it has ratings.csv and movies.csv, and there is no tvsum in it"
        raise ConfigurationError(message)
    for folder in ratings:
        yield read_ratings(folder, folder.resolve().name)
    if tvsum:
        yield read_tvsum_opinions(data)
