"""A worker whose first looks at the broker show it no topics, as happens right after a broker's start."""

import time
from typing import Any

from aiokafka.cluster import ClusterMetadata

from streams.cli.main import main

_BLIND_S = 10.0
_sees_from = time.monotonic() + _BLIND_S
_update_metadata = ClusterMetadata.update_metadata


def _update_without_topics(self: ClusterMetadata, metadata: Any) -> None:
    if time.monotonic() < _sees_from:
        metadata.topics = []
    _update_metadata(self, metadata)


ClusterMetadata.update_metadata = _update_without_topics

if __name__ == "__main__":
    main()
