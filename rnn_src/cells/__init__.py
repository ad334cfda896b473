"""The cells of the book, one file each, and the registry `CELLS` that names them.

A new cell is one file with a `Cell` record and one line below. The tests run over `CELLS`, so they
pick it up. Introduced in :ref:`ch-cell`.
"""

from rnn_src import checks
from rnn_src.cells.base import Cell
from rnn_src.cells.gru import GRU, GRUParams
from rnn_src.cells.leaky import RNN_LEAKY, leak_rates
from rnn_src.cells.lstm import LSTM, LSTMParams
from rnn_src.cells.rnn import RNN, RNN_LINEAR, RNN_RELU, RNNParams

__all__ = ["CELLS", "Cell", "GRUParams", "LSTMParams", "RNNParams", "leak_rates"]

#: Every cell by name.
#:
#: :meta hide-value:
CELLS = {cell.name: cell for cell in (RNN, RNN_RELU, RNN_LINEAR, RNN_LEAKY, GRU, LSTM)}


def as_cell(cell):
    """The record of that name, or the record itself: for the modules of the package."""
    return cell if isinstance(cell, Cell) else checks.choice("cell", cell, CELLS)
