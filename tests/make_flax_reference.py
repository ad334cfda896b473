"""Write tests/data/flax.npz: cells of Flax, one batch, and what Flax and JAX make of it.

    python tests/make_flax_reference.py

Run by hand, where Flax is installed; `test_interop.py` reads the file. It shares no line with
`rnn_src`. Every parameter is drawn, so that no bias is 0. All is float64.

A name such as "gru/params/ir/kernel" is the way through the nested parameters. Under "grads" stand,
in the same way, the derivatives of sum(loss * outputs), and beside them those of x and of the first
state.
"""

from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data" / "flax.npz"
T, B, D, H = 9, 3, 2, 4


def flat(tree, path=""):
    for name, value in tree.items():
        if hasattr(value, "items"):
            yield from flat(value, f"{path}{name}/")
        else:
            yield f"{path}{name}", np.asarray(value)


def write(path=DATA):
    import flax
    import jax
    from flax import linen
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
    cells = {
        "rnn": linen.SimpleCell(H, param_dtype=float),
        "rnn_relu": linen.SimpleCell(H, activation_fn=linen.relu, param_dtype=float),
        "gru": linen.GRUCell(H, param_dtype=float),
        "lstm": linen.OptimizedLSTMCell(H, param_dtype=float),
        "lstm_plain": linen.LSTMCell(H, param_dtype=float),
    }
    rng = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(rng.standard_normal(shape))  # noqa: E731
    arrays = {"made": np.array([f"flax {flax.__version__}", f"jax {jax.__version__}"])}
    for name, cell in cells.items():
        x, loss = draw(T, B, D), draw(T, B, H)
        carry = cell.initialize_carry(jax.random.key(0), x[0].shape)
        carry = jax.tree.map(lambda zeros: draw(*zeros.shape), carry)
        params = cell.init(jax.random.key(0), carry, x[0])["params"]
        params = jax.tree.map(lambda leaf: 0.5 * draw(*leaf.shape), params)

        def run(params, x, carry, cell=cell):
            outputs = []
            for x_t in x:
                carry, output = cell.apply({"params": params}, carry, x_t)
                outputs.append(output)
            return jnp.stack(outputs)

        def total(*given, loss=loss, run=run):
            return jnp.sum(loss * run(*given))

        grads, dx, dcarry = jax.grad(total, (0, 1, 2))(params, x, carry)
        # the carry of an LSTM is (c, h)
        start, dstart = (
            np.concatenate(s[::-1], axis=1) if isinstance(s, tuple) else s for s in (carry, dcarry)
        )
        group = {"x": x, "loss": loss, "s0": start, "outputs": run(params, x, carry)}
        group |= {"dx": dx, "ds0": dstart, "params": params, "grads": grads}
        arrays |= dict(flat(group, f"{name}/"))
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    write()
