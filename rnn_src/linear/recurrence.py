"""h_t = a_t h_{t-1} + b_t, one step after the other or in parallel, and its reverse in time."""

import numpy as np

from rnn_src import checks

__all__ = ["adjoint", "compose", "loop", "parallel_scan"]


def compose(first, second):
    """Two steps in one: h -> a h + b, then h -> a' h + b', is h -> (a' a) h + (a' b + b').

    Parameters
    ----------
    first, second : pair of arrays
        (a, b) of the earlier and (a', b') of the later step.

    Returns
    -------
    pair of arrays
        (a' a, a' b + b').

    Notes
    -----
    Associative, which is what a parallel scan needs (Blelloch 1990); :eq:`eq-linear-product` in
    :ref:`ch-linear`.

    Examples
    --------
    >>> compose((0.5, 1.0), (2.0, 3.0))
    (1.0, 5.0)
    """
    (a, b), (a2, b2) = first, second
    return a2 * a, a2 * b + b2


def loop(a, b, h0=None):
    """Run the recurrence one step after the other: T steps, each waiting for the last.

    Parameters
    ----------
    a, b : (T, ...) array
        Real or complex, of one shape: factors and inputs. What is constant over time can come as
        ``np.broadcast_to(a, b.shape)``, which copies nothing.
    h0 : (...) array, optional
        The state before the first step; 0 if not given.

    Returns
    -------
    (T+1, ...) ndarray
        All states; the first is `h0`.

    Raises
    ------
    ValueError
        If the shapes do not match, or a value is not a finite number in float32, float64 or
        complex128.

    See Also
    --------
    parallel_scan : The same in O(log T) parallel steps.

    Notes
    -----
    :eq:`eq-linear-recurrence` in :ref:`ch-linear`.

    Examples
    --------
    >>> loop(np.array([0.5, 0.5, 2.0]), np.array([1.0, 1.0, 0.0]))
    array([0. , 1. , 1.5, 3. ])
    """
    a, b, states = _read(a, b, h0)
    for t in range(len(a)):
        np.multiply(a[t], states[t], out=states[t + 1, ...])
        states[t + 1] += b[t]
    return states


def parallel_scan(a, b, h0=None):
    """Run the recurrence by composing steps in pairs: work O(T), depth O(log T).

    Parameters
    ----------
    a, b : (T, ...) array
        As in `loop`.
    h0 : (...) array, optional
        As in `loop`.

    Returns
    -------
    (T+1, ...) ndarray
        All states, equal to those of `loop` but for rounding, as long as no product of neighbouring
        factors leaves the range of the numbers.

    Raises
    ------
    ValueError
        As in `loop`.

    See Also
    --------
    loop : The definition.

    Notes
    -----
    The scan multiplies factors with each other, the loop factors with states. So with factors above
    1 in size a product may overflow where no state of the loop does: of two factors of 1e200 and
    states of 0 it makes infinity times 0, which is NaN. Factors of at most 1 in size cannot
    overflow; a product of them that underflows to 0 loses only what the loop would hold below the
    smallest number, too, if states are of size 1 or less.

    On the way up neighbouring steps become one, until one is left; on the way down every second
    state is known, and one step from it gives the next (Blelloch 1990). Each level is a few calls
    over whole arrays; what runs in parallel is inside them. Derived in :ref:`ch-linear`.

    Examples
    --------
    >>> parallel_scan(np.array([0.5, 0.5, 2.0]), np.array([1.0, 1.0, 0.0]))
    array([0. , 1. , 1.5, 3. ])
    """
    a, b, states = _read(a, b, h0)
    states[1:] = b
    states[1] += a[0] * states[0]
    sweep(a, states[1:], np.multiply, np.add)
    return states


def adjoint(a, states, dstates):
    """Send the losses back: the adjoint of the recurrence is the same recurrence in reverse time.

    Parameters
    ----------
    a : (T, ...) array
        The factors.
    states : (T+1, ...) array
        As `loop` or `parallel_scan` gave them.
    dstates : (T, ...) array
        The immediate derivatives of the loss by ``states[1:]``.

    Returns
    -------
    da, db : (T, ...) ndarray
        The total derivatives by the factors and by the inputs; those by the inputs are the total
        derivatives by the states.
    dh0 : (...) ndarray
        The derivative by the first state.

    Raises
    ------
    ValueError
        As in `loop`.

    Notes
    -----
    :eq:`eq-linear-adjoint` in :ref:`ch-linear`. The derivative of a real loss by a complex number
    is that by its real part plus i times that by its imaginary part, as PyTorch has it. So a step
    back multiplies by the conjugate of the factor. If `a` is real, so is `da`.

    Examples
    --------
    >>> a, b = np.array([0.5, 0.5, 2.0]), np.array([1.0, 1.0, 0.0])
    >>> da, db, dh0 = adjoint(a, loop(a, b), np.array([0.0, 0.0, 1.0]))
    >>> da, db, dh0.item()
    (array([0. , 2. , 1.5]), array([1., 2., 1.]), 0.5)
    """
    a = _factors(a)
    states = checks.array("states", states, (len(a) + 1, *a.shape[1:]))
    dstates = checks.array("dstates", dstates, a.shape)
    total = dstates[::-1].astype(np.result_type(a, states, dstates))
    back = np.conj(a)
    # a reversed step multiplies by the factor of the step after it; the last has none
    sweep(np.concatenate([back[:1], back[:0:-1]]), total, np.multiply, np.add)
    db = total[::-1]
    da = db * np.conj(states[:-1])
    return da if np.iscomplexobj(a) else da.real, db, back[0] * db[0]


# Below so many steps the sweep goes on one by one.
SHORT = 8


def sweep(a, h, times, plus):
    """Turn the inputs in `h` into the states after each step, in place; h_0 is in the first input.

    `times` and `plus` are ufuncs: np.multiply and np.add, or np.add and np.logaddexp for numbers
    that stand for their logarithms.
    """
    if len(h) <= SHORT:
        for t in range(1, len(h)):
            h[t] = plus(times(a[t], h[t - 1]), h[t])
        return
    odd, n = a[1::2], len(h) // 2 * 2
    pairs = plus(times(odd, h[0:n:2]), h[1::2])  # up: two steps in one
    sweep(times(odd, a[0:n:2]), pairs, times, plus)
    h[1::2] = pairs
    before = h[1 : len(h) - 1 : 2]  # down: from each known state one step
    h[2::2] = plus(times(a[2::2], before), h[2::2])


def _factors(a):
    a = checks.array("a", a, ("...",))
    if a.ndim == 0:
        raise ValueError("a must be (T, ...), got a number")
    return a


def _read(a, b, h0):
    """The factors, the inputs, and room for the states, with the first in its place."""
    a = _factors(a)
    b = checks.array("b", b, a.shape)
    h0 = np.zeros(a.shape[1:], b.dtype) if h0 is None else h0
    h0 = checks.array("h0", h0, a.shape[1:])
    states = np.empty((len(a) + 1, *a.shape[1:]), np.result_type(a, b, h0))
    states[0] = h0
    return a, b, states
