"""`highlights extract`: features of videos, for `highlights train-supervised` and `highlights score`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from schemas.errors import ConfigurationError
from streams.cli.output import complain, console, errors, print_json
from streams.extraction.groups import Group

if TYPE_CHECKING:
    from streams.extraction.extract import Extracted
    from streams.extraction.feature_folder import FeatureFolder
    from streams.extraction.weights import Extraction


def extract(
    videos: Annotated[list[Path], typer.Argument(help="Videos; a file's name without its suffix is the video's id.")],
    out: Annotated[Path, typer.Option(help="Folder of the features; what it holds already is not made again.")],
    visual_weights: Annotated[Path | None, typer.Option(help="File of r3d_18's weights (.pth or .safetensors).")] = None,
    audio_weights: Annotated[Path | None, typer.Option(help="File of VGGish's weights (.pth or .safetensors).")] = None,
    without: Annotated[list[Group] | None, typer.Option(help="Leave out a group of features; may be given again.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text.")] = False,
) -> None:
    """Extract features of each ten seconds of videos: pictures, sound, and the subtitles beside them (.srt, .vtt).

    `OUT/clips.parquet` is what `highlights train-supervised` and `highlights score` read: groups visual (a 3D network of
    Kinetics), audio (VGGish), log_mel and text; null where a video has no such thing. The two networks need their published
    weights; `--without visual --without audio` does without. A run that was cut short is repeated and goes on where it was. A
    video that cannot be read is named, the others go on, and the exit status is 1. Needs the extra `extraction`.

    Example: `highlights extract *.mp4 --out features --visual-weights r3d_18-b3b3357e.pth --audio-weights vggish-10086976.pth`
    """
    try:
        from streams.extraction.extract import video_ids
        from streams.extraction.feature_folder import FeatureFolder
        from streams.extraction.weights import extraction_of
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed: extracting needs the extra `extraction`, pip install 'highlights[extraction]'"
        raise ConfigurationError(message) from error

    named = video_ids(videos)
    groups = [group for group in Group if group not in (without or ())]
    extraction = extraction_of(groups, {Group.VISUAL: visual_weights, Group.AUDIO: audio_weights})
    folder = FeatureFolder(out, extraction)
    done = _extract(named, folder, extraction)
    if json:
        print_json({"file": str(folder.clips), **done._asdict()})
    else:
        console.print(
            f"{folder.clips} has {done.clips:,} clips; {done.videos:,} of {len(named):,} videos have features, "
            f"{done.unchanged:,} had them already"
        )
    raise typer.Exit(1 if done.refused else 0)


def _extract(videos: dict[str, Path], folder: "FeatureFolder", extraction: "Extraction") -> "Extracted":
    from streams.extraction.extract import Told, extract

    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("")
        told = Told(
            begun=lambda path, clips: bar.reset(task, description=path.name, total=clips),
            clip=lambda: bar.advance(task),
            refused=complain,
        )
        return extract(videos, folder, extraction, told)
