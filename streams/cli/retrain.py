"""`highlights retrain`: a ranker, or a fusion, of what the workers know."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.environment import load_settings
from streams.cli.output import JsonOption
from streams.cli.schedule import EveryOption, give_way, period_of

SeedOption = Annotated[int, typer.Option(min=0, help="The same seed and the same state make the same release.")]


def retrain(
    every: EveryOption = "",
    labels: Annotated[
        Path | None, typer.Option(help="File of scored clips to learn from, too: video_id, clip_index, score (.parquet, .npz).")
    ] = None,
    fusion: Annotated[bool, typer.Option("--fusion", help="Learn a fusion from --labels, and no ranker.")] = False,
    seed: SeedOption = 1,
    json: JsonOption = False,
) -> None:
    """Train a ranker on what viewers have done so far; it takes the place of the one before unless it is worse.

    Builds weak pairs from the workers' state, trains, judges the new ranker by pairs of videos that it has not seen, and sends
    the scores to the workers. With --every, the next is made that time after the last release, refused ones too: a restart
    changes nothing, and one that was interrupted is made again at once. With --labels, annotators' scores (0-10) of some of the
    library's clips are learned together with the pairs, and held-out labels judge, too. Needs the extra `training`. With
    --fusion, what each signal is worth is learned from the labels instead; it holds unless it is worse than the built-in fusion
    or than the best single signal.

    Example: `highlights retrain --labels clips.parquet`
    """
    from streams.cli.fusion_releases import learn as learn_fusion
    from streams.cli.ranker_training import train

    settings = load_settings()
    period = period_of(every)
    give_way()
    if fusion:
        if period:
            raise typer.BadParameter("--every is of rankers: a fusion is learned when there are new labels")
        learn_fusion(settings, labels, seed, json)
        return
    train(settings, period, labels, seed, json)
