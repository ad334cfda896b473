"""Where a benchmark ran, and where its result is kept."""

import datetime
import json
import platform
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"


def processor():
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def here():
    """What every result begins with: the command, the day, the machine, the versions."""
    return {
        "command": "make bench",
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def keep(name, result):
    """Write a result for the book to read."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
