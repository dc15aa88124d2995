"""Mulan's multi-label sets: any folder of that shape."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("arff", reason="the extra `data` is not installed")

from schemas.errors import ConfigurationError
from streams.datasets.mulan import read_mulan

_NAMESPACE = ' xmlns="http://mulan.sourceforge.net/labels"'
_HEAD = "@relation r\n@attribute f numeric\n@attribute g {x,y}\n@attribute A %s\n@attribute 'B b' %s\n@data\n"


def _write(data: Path, files: dict[str, str], namespace: str = _NAMESPACE, labels: tuple[str, ...] = ("A", "B b")) -> None:
    folder = data / "mulan" / "made"
    folder.mkdir(parents=True)
    named = "".join(f'<label name="{label}"></label>' for label in labels)
    (folder / "made.xml").write_text(f"<labels{namespace}>{named}</labels>")
    for name, text in files.items():
        (folder / name).write_text(text)


@pytest.mark.parametrize("namespace", [_NAMESPACE, ""])
@pytest.mark.parametrize(("kind", "yes", "no"), [("{0,1}", "1", "0"), ("numeric", "1", "0"), ("{FALSE,TRUE}", "TRUE", "FALSE")])
def test_labels_become_tags(tmp_path: Path, namespace: str, kind: str, yes: str, no: str) -> None:
    """However a set writes them; every other attribute is a feature, a nominal one as indicators."""
    _write(tmp_path, {"made.arff": _HEAD % (kind, kind) + f"0.5,y,{yes},{no}\n?,x,{no},{yes}\n"}, namespace)
    (found,) = read_mulan(tmp_path)
    assert found.clips.tag_names == ("A", "B b")
    np.testing.assert_array_equal(found.clips.tags, [[1, 0], [0, 1]])
    np.testing.assert_array_equal(found.clips.features, [[0.5, 0, 1], [np.nan, 1, 0]])


def test_a_given_test_part_is_kept_apart(tmp_path: Path) -> None:
    """Also where the file leaves zeros out."""
    head = _HEAD % ("{0,1}", "{0,1}")
    _write(tmp_path, {"made-train.arff": head + "{0 1.5, 2 1}\n{}\n", "made-test.arff": head + "{1 y, 3 1}\n"})
    (found,) = read_mulan(tmp_path)
    learned, test = found.sides(seed=0)
    np.testing.assert_array_equal(learned.tags, [[1, 0], [0, 0]])
    np.testing.assert_array_equal(test.tags, [[0, 1]])
    np.testing.assert_array_equal(test.features, [[0, 0, 1]])


def test_a_set_without_labels_is_named(tmp_path: Path) -> None:
    """The error names the file and what it lacks."""
    _write(tmp_path, {"made.arff": _HEAD % ("{0,1}", "{0,1}")}, labels=())
    with pytest.raises(ConfigurationError, match=r"made\.xml names no label"):
        list(read_mulan(tmp_path))


def test_a_label_that_is_no_truth_is_named(tmp_path: Path) -> None:
    """The error names the label."""
    _write(tmp_path, {"made.arff": _HEAD % ("{low,high}", "{0,1}") + "0.5,y,low,0\n"})
    with pytest.raises(ConfigurationError, match="label 'A'"):
        list(read_mulan(tmp_path))
