"""Measurements that are too slow for a build of the book.

Every other module of this folder holds one grid, but for `grid` and those whose names begin with an
underscore, which help; `experiments.grid` says what a grid is, runs it and loads its results.
"""

from experiments.grid import load, lookup

__all__ = ["load", "lookup"]
