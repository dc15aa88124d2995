"""`highlights evaluate fusion`: a fusion learned from labelled clips, beside the best single signal."""

from streams.cli.evaluate import DataOption, SeedsOption, show
from streams.cli.output import JsonOption, steps


def fusion(data: DataOption, seeds: SeedsOption = 5, json: JsonOption = False) -> None:
    """A fusion of models' scores that is learned from labelled clips, beside the best single score: accuracy and coverage.

    Reads `qvhighlights/` below the folder: people's saliency of clips, and a file of scores for each model. A model's score
    counts by its distance from the best clip of the list. Clips of 2 and of 10 seconds; five folds by video for each seed.
    Five seeds take several minutes on one core.

    Example: `highlights evaluate fusion --data DATA --seeds 2`
    """
    from scoring.evaluation.fusion import LENGTHS_S, find, report_of
    from streams.datasets.qvhighlights import read_qvhighlights

    clips = read_qvhighlights(data)
    with steps("learning") as told:
        found = [(part, find(part, seeds, told)) for part in (clips.joined(length) for length in LENGTHS_S)]
    show(report_of(found, seeds), json)
