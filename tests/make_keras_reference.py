"""Write tests/data/keras.npz: weights of Keras layers, one batch, and what Keras makes of it.

    KERAS_BACKEND=torch python tests/make_keras_reference.py

Run by hand, where Keras is installed; `test_interop.py` reads the file. It shares no line with
`rnn_src`. Every weight is drawn, so that no bias is 0.

All is float64, but `keras.ops.matmul` multiplies float64 in float32 on every backend except
TensorFlow. SimpleRNN uses it, so its outputs are good to about 1e-7; the loops that the backend
torch has for GRU and LSTM do not.
"""

from importlib import import_module
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data" / "keras.npz"
T, B, D, H = 9, 3, 2, 4


def write(path=DATA):
    import keras

    keras.config.set_floatx("float64")
    layers = {
        "rnn": keras.layers.SimpleRNN(H, return_sequences=True, return_state=True),
        "rnn_relu": keras.layers.SimpleRNN(
            H, activation="relu", return_sequences=True, return_state=True
        ),
        "gru": keras.layers.GRU(H, return_sequences=True, return_state=True),
        "lstm": keras.layers.LSTM(H, return_sequences=True, return_state=True),
    }
    backend = keras.backend.backend()
    made = [f"keras {keras.__version__}", f"{backend} {import_module(backend).__version__}"]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((B, T, D))
    arrays = {"made": np.array([*made, f"numpy {np.__version__}"]), "x": x}
    for cell, layer in layers.items():
        layer.build(x.shape)
        layer.set_weights([0.5 * rng.standard_normal(w.shape) for w in layer.weights])
        outputs, *state = (keras.ops.convert_to_numpy(y) for y in layer(x))
        arrays |= {f"{cell}/{w.name}": w.numpy() for w in layer.weights}
        arrays |= {f"{cell}/outputs": outputs, f"{cell}/state": np.concatenate(state, axis=1)}
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    write()
