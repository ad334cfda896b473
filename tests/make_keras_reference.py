"""Write tests/data/keras.npz: weights of Keras layers, one batch, and what Keras makes of it.

    KERAS_BACKEND=tensorflow python tests/make_keras_reference.py

Run by hand, where TensorFlow, Keras 3 and tf_keras (Keras 2) are installed; `test_interop.py` and
`test_rosetta.py` read the file. It shares no line with `rnn_src`. Every weight is drawn, so that no
bias is 0. All is float64: on other backends `keras.ops.matmul` multiplies float64 in float32.

For each cell of the package: the weights, x, the outputs, the last state, and the derivatives of
sum(loss * outputs) by all weights and by x. "bidirectional": the list of a Bidirectional LSTM and
its outputs. "cudnn_gru" and "cudnn_lstm": weights as the CuDNN layers of Keras 2 kept them, turned
by Keras 2 into those of a plain layer, whose outputs are stored. "tf1_": the cells of TensorFlow 1.
"""

from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data" / "keras.npz"
T, B, D, H = 9, 3, 2, 4


def plain_layers(rng, x):
    """SimpleRNN, GRU and LSTM with their gradients."""
    import keras
    import tensorflow as tf

    options = {"return_sequences": True, "return_state": True}
    layers = {
        "rnn": keras.layers.SimpleRNN(H, **options),
        "rnn_relu": keras.layers.SimpleRNN(H, activation="relu", **options),
        "gru": keras.layers.GRU(H, **options),
        "lstm": keras.layers.LSTM(H, **options),
    }
    for cell, layer in layers.items():
        layer.build(x.shape)
        layer.set_weights([0.5 * rng.standard_normal(w.shape) for w in layer.weights])
        loss, variable = rng.standard_normal((B, T, H)), tf.Variable(x)
        with tf.GradientTape() as tape:
            outputs, *state = layer(variable)
            total = tf.reduce_sum(loss * outputs)
        named = {w.name: w.value for w in layer.weights} | {"x": variable}
        yield cell, {name: value.numpy() for name, value in named.items() if name != "x"}
        yield cell, {"outputs": outputs, "state": np.concatenate(state, axis=1), "loss": loss}
        grads = tape.gradient(total, [*named.values()])
        yield cell, {f"d{name}": g.numpy() for name, g in zip(named, grads)}


def bidirectional(rng, x):
    import keras

    layer = keras.layers.Bidirectional(keras.layers.LSTM(H, return_sequences=True))
    layer.build(x.shape)
    layer.set_weights([0.5 * rng.standard_normal(w.shape) for w in layer.weights])
    yield "bidirectional", {str(k): w for k, w in enumerate(layer.get_weights())}
    yield "bidirectional", {"outputs": layer(x)}


def cudnn_layers(rng, x):
    import tf_keras
    from tf_keras.src.saving.legacy.hdf5_format import preprocess_weights_for_loading

    for cell, gates in (("gru", 3), ("lstm", 4)):
        shapes = {"kernel": (D, gates * H), "recurrent_kernel": (H, gates * H)}
        shapes["bias"] = (2 * gates * H,)
        weights = {name: 0.5 * rng.standard_normal(shape) for name, shape in shapes.items()}
        layer = getattr(tf_keras.layers, cell.upper())(H, return_sequences=True, dtype="float64")
        layer.build(x.shape)
        layer.set_weights(preprocess_weights_for_loading(layer, [*weights.values()], "2.0.8"))
        yield f"cudnn_{cell}", weights | {"outputs": layer(x).numpy()}


def cells_of_tensorflow_1(rng, x):
    import tensorflow as tf
    from tf_keras.src.layers.rnn import legacy_cells

    for name in ("BasicRNNCell", "GRUCell", "BasicLSTMCell"):
        cell = getattr(legacy_cells, name)(H, dtype=tf.float64)
        cell.build(tf.TensorShape((B, D)))
        cell.set_weights([0.5 * rng.standard_normal(w.shape) for w in cell.weights])
        state, outputs = cell.zero_state(B, tf.float64), []
        for x_t in x.swapaxes(0, 1):
            output, state = cell(tf.constant(x_t), state)
            outputs.append(output.numpy())
        weights = {w.name.split(":")[0].replace("/", "_"): w.numpy() for w in cell.weights}
        yield f"tf1_{name}", weights | {"outputs": np.stack(outputs, axis=1)}


def write(path=DATA):
    import keras
    import tensorflow as tf
    import tf_keras

    keras.config.set_floatx("float64")
    made = {"keras": keras, "tensorflow": tf, "tf_keras": tf_keras, "numpy": np}
    rng = np.random.default_rng(0)
    x = rng.standard_normal((B, T, D))
    arrays = {"made": np.array([f"{k} {lib.__version__}" for k, lib in made.items()]), "x": x}
    for source in (plain_layers, bidirectional, cudnn_layers, cells_of_tensorflow_1):
        for group, found in source(rng, x):
            arrays |= {f"{group}/{name}": np.asarray(array) for name, array in found.items()}
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    write()
