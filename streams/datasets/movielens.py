"""MovieLens, or whatever has its shape: people's ratings of films, as viewers' opinions of clips.

Harper and Konstan, "The MovieLens datasets: history and context", ACM TiiS 2015.
"""

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from schemas.errors import ConfigurationError
from scoring.evaluation.opinions import ViewerOpinions

_FILES: Final = ("ratings.csv", "movies.csv")
_NO_GENRES: Final = "(no genres listed)"
_YEAR: Final = r"\((?P<year>\d{4})\)\s*$"


def holds_ratings(folder: Path) -> bool:
    """Return whether the two files are in a folder."""
    return all((folder / name).is_file() for name in _FILES)


def read_movielens(data: Path) -> ViewerOpinions:
    """Read the ratings in `movielens/` below a folder; raises what `read_ratings` raises."""
    return read_ratings(data / "movielens", "MovieLens")


def read_ratings(folder: Path, name: str) -> ViewerOpinions:
    """Read `ratings.csv` (userId, movieId, rating) and `movies.csv` (movieId, title, genres) in a folder.

    Features are the genres and the year; a film without them has NaN. Where a user rated a film more than once, the last
    rating in the file counts.

    Raises:
        ConfigurationError: a file is missing, or is not of that shape.
    """
    ratings = _read(folder / _FILES[0], {"userId": pa.int64(), "movieId": pa.int64(), "rating": pa.float64()})
    movies = _read(folder / _FILES[1], {"movieId": pa.int64(), "title": pa.string(), "genres": pa.string()})
    films, clip = np.unique(ratings["movieId"].to_numpy(), return_inverse=True)
    viewer = np.unique(ratings["userId"].to_numpy(), return_inverse=True)[1]
    last = len(clip) - 1 - np.unique((viewer * len(films) + clip)[::-1], return_index=True)[1]
    return ViewerOpinions(
        name=name,
        viewer=viewer[last],
        clip=clip[last],
        opinion=ratings["rating"].to_numpy()[last],
        features=_features(movies, films),
        ranked_with=np.zeros(len(films), np.int64),
        chosen=True,
    )


def _read(path: Path, columns: dict[str, pa.DataType]) -> pa.Table:
    try:
        table = csv.read_csv(path, convert_options=csv.ConvertOptions(column_types=columns, include_columns=list(columns)))
    except FileNotFoundError as error:
        wanted = " and ".join(f"{path.parent.name}/{name}" for name in _FILES)
        message = f"there is no {path}: give the folder that holds {wanted} with --data"
        raise ConfigurationError(message) from error
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        message = f"{path} is no CSV with the columns {', '.join(columns)} ({error}): fetch it again"
        raise ConfigurationError(message) from error
    if not len(table) or any(table[name].null_count for name in columns):
        message = f"{path} has no rows, or rows without one of {', '.join(columns)}: fetch it again"
        raise ConfigurationError(message)
    return table


def _features(movies: pa.Table, films: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return [films, genres + 1]: which genres it has, and its year."""
    genres = [text.split("|") if text != _NO_GENRES else [] for text in movies["genres"].to_pylist()]
    names = {name: place for place, name in enumerate(sorted({name for of_film in genres for name in of_film}))}
    years = pc.struct_field(pc.extract_regex(movies["title"], _YEAR), "year").to_pylist()
    row_of = {film: row for row, film in enumerate(films.tolist())}
    features = np.full((len(films), len(names) + 1), np.nan, np.float32)
    for film, of_film, year in zip(movies["movieId"].to_pylist(), genres, years, strict=True):
        if film not in row_of:
            continue
        row = features[row_of[film]]
        if of_film:
            row[:-1] = 0
            row[[names[name] for name in of_film]] = 1
        row[-1] = int(year) if year else np.nan
    return features
