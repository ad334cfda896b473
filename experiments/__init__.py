"""Measurements that are too slow for a build of the book.

Every other module of this folder but `grid` holds one grid; `experiments.grid` says what a grid is,
runs it and loads its results.
"""

from experiments.grid import load, lookup

__all__ = ["load", "lookup"]
