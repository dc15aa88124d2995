"""Compilation of the hot paths by numba, with a cache that cannot be stale.

Numba keys its cache by the file of a function alone, and does not notice when a function that it calls, in another file,
has changed. So the cache lies in a folder named after the content of all compiled packages.

Compiled functions have no annotations, which numba would not read: it infers types from each call, and one function serves
several.
"""

import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numba
from platformdirs import user_cache_path

_PACKAGES = ("schemas", "scoring")


def _digest_of_sources() -> str:
    root = Path(__file__).parents[1]
    digest = blake2b(numba.__version__.encode(), digest_size=8)
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


os.environ["NUMBA_CACHE_DIR"] = str(user_cache_path("highlights") / "numba" / _digest_of_sources())
numba.config.reload_config()

compiled: Callable[..., Any] = numba.njit(cache=True, nogil=True, _nrt=False)
"""Compile a function when it is first called, and keep the result. It lets other threads of Python go on, as the fetcher.

It may make no array and hold no object: nothing counts references to the arrays that it is given, as numba does otherwise, with
an atomic operation wherever one is taken out of a tuple. That was half of the time of reading a message.
"""

compiled_counting: Callable[..., Any] = numba.njit(cache=True, nogil=True)
"""The same for functions that make arrays or draw from a generator of random numbers: references are counted."""

inlined: Callable[..., Any] = numba.njit(inline="always", _nrt=False)
"""Compile a small function into its callers."""
