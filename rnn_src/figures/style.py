"""The one look of the book: what each colour means, and Matplotlib's settings."""

__all__ = ["COLORS", "STYLE"]

#: What each colour means, in every chapter. The hues are those of Okabe and Ito (2008), safe for
#: colour-blind readers.
#:
#: :meta hide-value:
COLORS = {
    "rnn": "#0072B2",
    "relu": "#56B4E9",
    "gru": "#009E73",
    "lstm": "#D55E00",
    "window": "#CC79A7",
    "bag": "#E69F00",
    "direct": "#E69F00",
    "wrong": "#D55E00",
    "theory": "#000000",
    "chance": "#767676",
}

#: Matplotlib settings of every figure.
#:
#: :meta hide-value:
STYLE = {
    "figure.figsize": (6.4, 3.6),
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "font.size": 10.5,
    "lines.linewidth": 1.8,
    "image.cmap": "RdBu_r",
}
