"""Run the unfinished points of the named grids, or of all: `make experiments GRIDS=...`."""

import os
import sys

from experiments.grid import names, run

if __name__ == "__main__":
    try:
        failed = run(sys.argv[1:] or names(), os.environ.get("SCHEDULER"))
        if failed:  # an exit code holds a byte, in which 256 would be 0
            sys.exit(f"{failed} points failed; the reasons are above.")
    except ValueError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped. What was finished is kept; the same command does the rest.")
