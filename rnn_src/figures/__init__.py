"""What a page shows: arrays drawn onto axes, and the numbers quoted in its text.

Only chapters import it, it imports nothing of the package but the checks of its arguments, and
nothing here computes a result. One look for the whole book: measurement is solid, prediction is
dashed, a prediction whose height was fitted to the measurement is dash-dotted, and a level to
compare with is dotted. A model keeps its colour in every chapter (`COLORS`), and curves are
labelled where they end.
"""

from rnn_src.figures.claims import quote
from rnn_src.figures.cobwebs import cobweb
from rnn_src.figures.curves import end_label, level, measured, predicted, seeds
from rnn_src.figures.drawings import draw_cell, draw_loop, draw_task, unit_paths, weight_paths
from rnn_src.figures.growth import checkup_figure
from rnn_src.figures.matrices import heat, spectrum
from rnn_src.figures.sequences import text_strip, unrolled
from rnn_src.figures.sliders import explorable
from rnn_src.figures.style import COLORS, STYLE

__all__ = [
    "COLORS",
    "STYLE",
    "checkup_figure",
    "cobweb",
    "draw_cell",
    "draw_loop",
    "draw_task",
    "end_label",
    "explorable",
    "heat",
    "level",
    "measured",
    "predicted",
    "quote",
    "seeds",
    "spectrum",
    "text_strip",
    "unit_paths",
    "unrolled",
    "weight_paths",
]
