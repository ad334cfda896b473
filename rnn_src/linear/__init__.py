"""Linear recurrences, h_t = a_t h_{t-1} + b_t: in a loop, in parallel, and back.

The recurrence and its adjoint; the same for positive numbers by their logarithms; the ring of the
linear recurrent unit; the minimal gated units; one step of each family that is built on them; and
Newton's method, which makes of a nonlinear recurrence a few linear ones. Introduced in
:ref:`ch-linear`, :ref:`ch-linear-memory`, :ref:`ch-counting`, :ref:`ch-parallel` and
:ref:`ch-families`.
"""

from rnn_src.linear.diagonal import (
    lru_step,
    mamba_step,
    rg_lru_step,
    s4d_lin,
    s4d_step,
    slstm_step,
)
from rnn_src.linear.logarithms import log_scan
from rnn_src.linear.memories import gated_delta_step, mlstm_step, rwkv7_step
from rnn_src.linear.minimal import (
    MinimalParams,
    MinimalTape,
    init_minimal,
    minimal_backward,
    minimal_forward,
)
from rnn_src.linear.newton import matrix_scan, newton
from rnn_src.linear.recurrence import adjoint, compose, loop, parallel_scan
from rnn_src.linear.ring import Ring, ring_eigenvalues, ring_init

__all__ = [
    "MinimalParams",
    "MinimalTape",
    "Ring",
    "adjoint",
    "compose",
    "gated_delta_step",
    "init_minimal",
    "log_scan",
    "loop",
    "lru_step",
    "mamba_step",
    "matrix_scan",
    "minimal_backward",
    "minimal_forward",
    "mlstm_step",
    "newton",
    "parallel_scan",
    "rg_lru_step",
    "ring_eigenvalues",
    "ring_init",
    "rwkv7_step",
    "s4d_lin",
    "s4d_step",
    "slstm_step",
]
