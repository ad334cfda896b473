"""Seeded data sets, each with the loss that knowing none of the input would get.

Real input needs no download: the English of the Python manual that every interpreter carries
(`pydoc_data.topics`) and the handwritten digits inside scikit-learn. Introduced in
:ref:`ch-memory`, :ref:`ch-letters` and :ref:`ch-sequences`.
"""

from rnn_src.tasks.base import Batch, Task
from rnn_src.tasks.digits import digit_pixels, digit_rows
from rnn_src.tasks.sentences import PLACES, sky, sky_vocabulary
from rnn_src.tasks.symbols import one_hot, pad
from rnn_src.tasks.synthetic import adding, copying, temporal_order
from rnn_src.tasks.text import ALPHABET, arrow, characters, decode, encode, manual_text, words

__all__ = [
    "ALPHABET",
    "PLACES",
    "TASKS",
    "Batch",
    "Task",
    "adding",
    "arrow",
    "characters",
    "copying",
    "decode",
    "digit_pixels",
    "digit_rows",
    "encode",
    "manual_text",
    "one_hot",
    "pad",
    "sky",
    "sky_vocabulary",
    "temporal_order",
    "words",
]

#: Every task by name; each is called with `length`.
#:
#: :meta hide-value:
TASKS = {
    task.__name__: task
    for task in (
        sky,
        arrow,
        characters,
        words,
        digit_rows,
        digit_pixels,
        adding,
        copying,
        temporal_order,
    )
}
