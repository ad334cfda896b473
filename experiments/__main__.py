"""Run the unfinished points of the named grids, or of all: `make experiments GRIDS=...`."""

import os
import sys

from experiments.grid import names, run

if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:] or names(), os.environ.get("SCHEDULER")))
    except ValueError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped. What was finished is kept; the same command does the rest.")
