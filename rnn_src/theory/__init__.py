"""What is predicted, before anything is run: bounds, limits and baselines.

Numbers go in and a number, or one for each lag, comes out. Nothing here runs a network, and the
package imports nothing of the others but the checks of its arguments: a prediction that ran the
simulation would not be one.
"""

from rnn_src.theory.baselines import adding_baseline, copy_baseline
from rnn_src.theory.gates import chrono_decay, forget_half_life
from rnn_src.theory.linear import delta_recall, linear_sensitivity, linear_variance, ring_gain
from rnn_src.theory.many_units import MeanField, mean_field, tanh_lyapunov
from rnn_src.theory.one_unit import cliff_gradient, fold_points, latch_threshold, rests
from rnn_src.theory.precision import rounding_lag, underflow_lag
from rnn_src.theory.products import (
    fresh_gaussian_exponent,
    kreiss_constant,
    transient_norm,
    vanishing_bound,
)
from rnn_src.theory.sweeps import newton_errors

__all__ = [
    "MeanField",
    "adding_baseline",
    "chrono_decay",
    "cliff_gradient",
    "copy_baseline",
    "delta_recall",
    "fold_points",
    "forget_half_life",
    "fresh_gaussian_exponent",
    "kreiss_constant",
    "latch_threshold",
    "linear_sensitivity",
    "linear_variance",
    "mean_field",
    "newton_errors",
    "rests",
    "ring_gain",
    "rounding_lag",
    "tanh_lyapunov",
    "transient_norm",
    "underflow_lag",
    "vanishing_bound",
]
