"""Weights of PyTorch, Keras, ONNX and Flax as parameters of the package, and back to the first two.

No library is imported: weights come and go as arrays, by name or in a list. Each library is a file
with a table of its names and shapes and its order of the gates; what they share is one join.
Equations and gate order are PyTorch's (r, z, n and i, f, g, o). Shown in :ref:`ch-bring`.

Arrays do not tell in which order their gates stand, nor what squashes them. Under PyTorch's names,
gates in the order of ONNX (i, o, f, g and z, r, n) are taken for PyTorch's, and what comes of it is
another network. Where a shape or a name gives another layout away, it is refused. No cell here has
peepholes, projections, or a reset before the product: networks that have them stay outside.
"""

from rnn_src.interop.flax import from_flax
from rnn_src.interop.keras import from_keras, to_keras
from rnn_src.interop.onnx import from_onnx
from rnn_src.interop.pytorch import from_pytorch, to_pytorch

__all__ = ["from_flax", "from_keras", "from_onnx", "from_pytorch", "to_keras", "to_pytorch"]
