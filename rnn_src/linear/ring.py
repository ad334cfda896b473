"""Complex factors on a ring: how the linear recurrent unit begins."""

from typing import NamedTuple

import numpy as np

from rnn_src import checks

__all__ = ["Ring", "ring_eigenvalues", "ring_init"]


class Ring(NamedTuple):
    """Factors lambda = exp(-exp(nu) + i exp(theta)): any nu and theta are stable.

    Parameters
    ----------
    nu : (H,) ndarray
        Logarithm of the decay a step.
    theta : (H,) ndarray
        Logarithm of the turn a step.

    Notes
    -----
    The parameters of Orvieto et al. (2023); see :ref:`ch-linear-memory`.

    Examples
    --------
    >>> Ring(nu=np.log([np.log(2)]), theta=np.log([np.pi])).nu.shape
    (1,)
    """

    nu: np.ndarray
    theta: np.ndarray


def ring_init(hidden_size, rng, r0=0.0, r1=0.99, max_phase=2 * np.pi):
    """Draw factors uniformly, by area, from a ring of the complex plane.

    Parameters
    ----------
    hidden_size : int
        H, the number of factors.
    rng : numpy.random.Generator
        Source of randomness.
    r0, r1 : float
        Inner and outer radius, 0 <= r0 < r1 < 1.
    max_phase : float
        Phases are uniform from 0 to here, above 0.

    Returns
    -------
    Ring
        Its nu and theta, (H,) each.

    Raises
    ------
    ValueError
        If a number is outside its range.
    TypeError
        If `rng` is not a Generator.

    Notes
    -----
    The squared radius is uniform on [r0^2, r1^2] (Orvieto et al. 2023); see
    :ref:`ch-linear-memory`.

    Examples
    --------
    >>> ring = ring_init(1000, np.random.default_rng(0), r0=0.9, r1=0.99)
    >>> sizes = abs(ring_eigenvalues(ring)[0])
    >>> bool((sizes >= 0.9).all() and (sizes <= 0.99).all())
    True
    """
    H, rng = checks.positive_integer("hidden_size", hidden_size), checks.generator("rng", rng)
    r1 = checks.number("r1", r1, 0, 1, low_open=True, high_open=True)
    r0 = checks.number("r0", r0, 0, r1, high_open=True)
    max_phase = checks.number("max_phase", max_phase, 0, low_open=True, high_open=True)
    share, phase = 1 - rng.random((2, H))  # in (0, 1]
    square = r0**2 + share * (r1**2 - r0**2)
    return Ring(np.log(-0.5 * np.log(square)), np.log(max_phase * phase))


def ring_eigenvalues(ring):
    """The factors of a ring, and the input scales that give every unit a mean square of 1.

    Parameters
    ----------
    ring : Ring
        Its nu and theta, (H,) each.

    Returns
    -------
    lam : (H,) ndarray of complex128
        exp(-exp(nu) + i exp(theta)).
    gamma : (H,) ndarray
        sqrt(1 - abs(lam)^2).

    Raises
    ------
    TypeError
        If `ring` is not a Ring.
    ValueError
        If its arrays are not finite or differ in shape.

    Notes
    -----
    With inputs that are independent over time, of mean 0 and mean square 1, lam h + gamma x has a
    mean square of 1 in the long run. :eq:`eq-linear-ring` in :ref:`ch-linear-memory`.

    Examples
    --------
    >>> lam, gamma = ring_eigenvalues(Ring(np.log([np.log(2)]), np.log([np.pi])))
    >>> lam.round(12), gamma.round(4)
    (array([-0.5+0.j]), array([0.866]))
    """
    checks.instance("ring", ring, Ring)
    nu = checks.array("ring.nu", ring.nu, ("H",))
    theta = checks.array("ring.theta", ring.theta, nu.shape)
    decay = np.exp(nu)
    return np.exp(-decay + 1j * np.exp(theta)), np.sqrt(-np.expm1(-2 * decay))
