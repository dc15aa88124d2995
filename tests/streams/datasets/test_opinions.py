"""Loaders of viewers' opinions, and the evaluation of rankers from end to end on a small world."""

from pathlib import Path

import numpy as np
import pytest

from schemas.errors import ConfigurationError
from scoring.ranker.training import RankerConfig
from streams.datasets.movielens import read_movielens
from streams.datasets.tvsum import read_tvsum_opinions


def _write(folder: Path, ratings: str, movies: str) -> None:
    (folder / "movielens").mkdir()
    (folder / "movielens" / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + ratings)
    (folder / "movielens" / "movies.csv").write_text("movieId,title,genres\n" + movies)


def _small_world(folder: Path) -> None:
    """Write 40 users who like films of even numbers better and watch neighbouring ones."""
    draw = np.random.default_rng(1)
    rows = [
        f"{user},{film},{np.clip(round(3 + (film % 2 == 0) + draw.normal()), 1, 5)},0"
        for user in range(40)
        for film in draw.choice(60, 30, replace=False)
    ]
    films = [f"{film},Film {film} (19{film + 10}),{'Drama|War' if film % 2 else 'Comedy'}" for film in range(60)]
    _write(folder, "\n".join(rows), "\n".join(films))


def test_films_become_clips(tmp_path: Path) -> None:
    """Genres and year are features; what is not known is NaN; the last of two ratings counts."""
    _write(tmp_path, "7,3,1.0,0\n7,3,4.5,0\n9,1,2.0,0\n9,5,3.0,0\n", '3,"A, the (2001)",Drama|War\n1,B,(no genres listed)\n')
    data = read_movielens(tmp_path)
    assert data.opinion[(data.viewer == 0) & (data.clip == 1)].tolist() == [4.5]
    np.testing.assert_array_equal(data.features, [[np.nan] * 3, [1, 1, 2001], [np.nan] * 3])


def test_a_folder_without_the_files_is_named(tmp_path: Path) -> None:
    """The error names the file that is missing and the option that gives the folder."""
    with pytest.raises(ConfigurationError, match=r"ratings\.csv.*--data"):
        read_movielens(tmp_path)


def test_a_file_of_another_shape_is_named(tmp_path: Path) -> None:
    """The error names the columns that are needed."""
    _write(tmp_path, "a,b,c,0\n", "1,B,Drama\n")
    with pytest.raises(ConfigurationError, match="userId, movieId, rating"):
        read_movielens(tmp_path)


def test_evaluation_runs_on_any_folder_of_that_shape(tmp_path: Path) -> None:
    """Forty made-up users give a figure for every method under every condition."""
    from scoring.evaluation.ranking import find
    from scoring.evaluation.ranking_conditions import all_trials
    from scoring.evaluation.ranking_report import report_of

    _small_world(tmp_path)
    findings = find(read_movielens(tmp_path), 2, RankerConfig(most_epochs=1))
    rows = report_of({"small": findings}, 2).rows
    assert sum(row.metric == "tau" for row in rows) == sum(map(len, all_trials().values()))
    assert all(np.isfinite(row.value.mean) for row in rows)


def test_real_data_is_read(data_dir: Path) -> None:
    """TVSum has 20 viewers who saw all clips; MovieLens has viewers who chose."""
    pytest.importorskip("h5py", reason="the extra `data` is not installed")
    tvsum, films = read_tvsum_opinions(data_dir), read_movielens(data_dir)
    assert (tvsum.viewers, tvsum.clips, len(tvsum.opinion)) == (20, 1_283, 20 * 1_283)
    assert len(films.features) == films.clips
    assert films.chosen
    assert not tvsum.chosen


def test_a_ranker_without_pairs_says_the_same_of_all(tmp_path: Path) -> None:
    """A single weak viewer who likes everything alike makes no pair: tau is 0, and the evaluation goes on."""
    from scoring.evaluation.ranking import find
    from scoring.evaluation.ranking_conditions import METHODS, WEAK_SHARES, Condition

    rows = [f"{user},{film},{3 if user < 10 else 1 + (user * film) % 5},0" for user in range(20) for film in range(6)]
    _write(tmp_path, "\n".join(rows), "\n".join(f"{film},Film {film},Drama" for film in range(6)))
    findings = find(read_movielens(tmp_path), 2, RankerConfig(most_epochs=1))
    assert all(np.isfinite(findings.tau[Condition(WEAK_SHARES[0], 0.0), method]).all() for method in METHODS)


def test_any_folder_of_that_shape_is_evaluated(tmp_path: Path) -> None:
    """Whatever it is called, and the folder that is given itself, too; without one the error says what is looked for."""
    from streams.cli.evaluate_ranking import data_sets

    with pytest.raises(ConfigurationError, match=r"ratings\.csv and movies\.csv"):
        list(data_sets(tmp_path))
    _small_world(tmp_path)
    (tmp_path / "movielens").rename(tmp_path / "other-users")
    assert [data.name for data in data_sets(tmp_path)] == ["other-users"]
    assert [data.name for data in data_sets(tmp_path / "other-users")] == ["other-users"]


def test_settings_are_chosen_without_the_judges(tmp_path: Path) -> None:
    """Whatever the judges say, what settings may be chosen by stays the same; and it is half of the viewers."""
    from dataclasses import replace

    from scoring.evaluation.ranking import judges_and_watchers, without_judges

    _small_world(tmp_path)
    data = read_movielens(tmp_path)
    judges, _ = judges_and_watchers(data)
    other = replace(data, opinion=np.where(data.by_viewers(judges), 0.0, data.opinion))
    assert without_judges(data).viewers == 20
    np.testing.assert_array_equal(without_judges(data).opinion, without_judges(other).opinion)


def test_two_tasks_need_tags(tmp_path: Path) -> None:
    """Films without genres are refused in one line; with them, who watched is told apart from who rates."""
    from scoring.evaluation.labelled import watched_set

    _write(tmp_path, "7,3,1.0,0\n9,1,2.0,0\n", "3,A,(no genres listed)\n1,B,(no genres listed)\n")
    with pytest.raises(ValueError, match="features that are yes or no"):
        watched_set(read_movielens(tmp_path))


def test_no_viewer_tells_both_features_and_scores(tmp_path: Path) -> None:
    """Features are of one half of the viewers, scores of the other: without the first half's opinions scores stay the same."""
    from dataclasses import replace

    from scoring.evaluation.labelled import watched_set

    _small_world(tmp_path)
    data = read_movielens(tmp_path)
    other = replace(data, opinion=np.where(data.viewer % 2 == 0, 1.0, data.opinion))
    one, changed = watched_set(data).clips, watched_set(other).clips
    assert np.array_equal(one.score, changed.score, equal_nan=True)
    assert one.features.shape[1] == 20


def test_two_tasks_need_opinions(tmp_path: Path) -> None:
    """Fewer than five viewers on the other side are refused in one line."""
    from scoring.evaluation.labelled import watched_set

    _write(tmp_path, "1,1,1.0,0\n2,2,2.0,0\n3,1,2.0,0\n", "1,A (2000),Drama\n2,B (2000),War")
    with pytest.raises(ValueError, match="opinions of 5 viewers"):
        watched_set(read_movielens(tmp_path))


@pytest.mark.parametrize(
    ("viewers", "films", "genres"),
    [(40, 30, ("(no genres listed)",)), (12, 30, ("Drama", "War|Comedy")), (40, 2, ("Drama",))],
    ids=["no genres", "few users", "two films"],
)
def test_evaluation_copes_with_what_is_missing(tmp_path: Path, viewers: int, films: int, genres: tuple[str, ...]) -> None:
    """Ids with gaps, films without a year, genres or viewers, too few to learn from: each condition has a figure or is NaN."""
    from scoring.evaluation.ranking import find
    from scoring.evaluation.ranking_report import report_of

    draw = np.random.default_rng(2)
    rows = [
        f"{7 * user + 100_000},{13 * film + 5},{draw.integers(1, 11) / 2},0"
        for user in range(viewers)
        for film in range(films)
        if film % 3 == 0 or draw.random() < 0.8 or films < 3
    ]
    _write(
        tmp_path, "\n".join(rows), "\n".join(f"{13 * film + 5},Film,{genres[film % len(genres)]}" for film in range(films + 9))
    )
    findings = find(read_movielens(tmp_path), 2, RankerConfig(most_epochs=1))
    assert all(np.isfinite(row.value.mean) for row in report_of({"small": findings}, 2).rows)


def test_too_few_viewers_to_judge_are_refused(tmp_path: Path) -> None:
    """Six viewers make three judges, where five are needed: the error says so and what to do."""
    from scoring.evaluation.ranking import find

    _write(tmp_path, "\n".join(f"{user},{film},{film},0" for user in range(6) for film in range(5)), "0,Film,Drama\n")
    with pytest.raises(ConfigurationError, match=r"half of the 6 viewers are judges.*give more viewers"):
        find(read_movielens(tmp_path), 2, RankerConfig(most_epochs=1))
