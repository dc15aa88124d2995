"""The most memory that a process has had, by the same measure for all systems."""

import re
import subprocess
from pathlib import Path


def peak_mib(process: int) -> float:
    """Return the peak of a process's resident memory; where there is no /proc, what it has now."""
    status = Path("/proc", str(process), "status")
    if not status.exists():
        return int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(process)])) / 1024
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) / 1024
