"""`highlights evaluate ranking`: rankers that learn from few viewers, judged by the others."""

from collections.abc import Iterator
from pathlib import Path

from schemas.errors import ConfigurationError
from scoring.evaluation.opinions import ViewerOpinions
from streams.cli.evaluate import DataOption, JsonOption, SeedsOption, show
from streams.cli.output import errors


def ranking(data: DataOption, seeds: SeedsOption = 8, json: JsonOption = False) -> None:
    """Rankers that learn from few viewers, judged by viewers they never saw: plain, confidence, GCN, and both.

    Reads `movielens/` (ratings.csv, movies.csv) and `tvsum/` below the folder, whichever are there. 5, 15 and 30 % of the
    viewers make the weak pairs; at 15 %, up to 40 % of the pairs are turned round. Eight seeds of both sets take about half
    an hour on one core.

    Example: `highlights evaluate ranking --data ../shared/data --seeds 2`
    """
    from scoring.evaluation.ranking import find
    from scoring.evaluation.ranking_report import report_of
    from scoring.ranker.training import RankerConfig

    found = {}
    with errors.status("reading") as status:
        for opinions in _data_sets(data):
            found[opinions.name] = find(opinions, seeds, RankerConfig(), status.update)
    show(report_of(found, seeds), json)


def _data_sets(data: Path) -> Iterator[ViewerOpinions]:
    from streams.datasets.movielens import read_movielens
    from streams.datasets.tvsum import read_tvsum_opinions

    readers = {"movielens": read_movielens, "tvsum": read_tvsum_opinions}
    there = [name for name in readers if (data / name).is_dir()]
    if not there:
        message = f"--data {data}: holds neither {' nor '.join(readers)}; give the folder that one of them lies in"
        raise ConfigurationError(message)
    for name in there:
        yield readers[name](data)
