"""Names of clips."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.limits import IDENTIFIER_PATTERN, clip_id, parse_clip_id


@given(st.from_regex(IDENTIFIER_PATTERN, fullmatch=True), st.integers(0, 8640))
def test_a_clip_s_name_reads_back(video_id: str, clip_index: int) -> None:
    """`parse_clip_id` undoes `clip_id` for every video identifier, colons included."""
    assert parse_clip_id(clip_id(video_id, clip_index)) == (video_id, clip_index)


@pytest.mark.parametrize("text", ["", "v1", ":4", "v1:", "v1:x", "v1:-1", "v1:1.5", "v1: 1", "v1:²", "v1:٣"])
def test_other_names_are_refused_with_an_example(text: str) -> None:
    """What is no clip's name is refused; the message shows what was given and what is expected."""
    with pytest.raises(ValueError, match="expected VIDEO_ID:CLIP_INDEX") as refused:
        parse_clip_id(text)
    assert repr(text) in str(refused.value)
