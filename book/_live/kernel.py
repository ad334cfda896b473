"""What runs a box inside a page, as the kernels run a cell while the book is built.

The worker of the page loads it into Pyodide; the tests load it into the Python that they run on.
"""

import base64
import contextlib
import dataclasses
import io
import linecache
import logging
import re
import sys
import threading
import traceback
import types
import warnings

if sys.platform == "emscripten":
    # A page has no threads. Matplotlib would start one, to warn if its search for fonts takes long.
    threading.Timer.start = lambda timer: None
    # The page is served a few fonts of many; Matplotlib asks for others that it then does not use.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


class Lines(io.TextIOBase):
    """A stream that hands on what is printed, in whole lines."""

    def __init__(self, hand_on):
        self.hand_on, self.rest = hand_on, ""

    def writable(self):
        return True

    def write(self, text):
        lines, line_break, self.rest = (self.rest + text).rpartition("\n")
        if line_break:
            self.hand_on(lines + line_break)
        return len(text)

    def finish(self):
        if self.rest:
            self.hand_on(self.rest)
        self.rest = ""


def run(code, namespace, hand_on=lambda text: None, file="<box>", strict=False):
    """Run the code of a box; return its figures, and what went wrong if something did.

    `hand_on` gets what is printed, as it comes. A warning is printed with its line; with `strict`
    it is an error, as it is while the book is built.
    """
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    stream, error, figures = Lines(hand_on), None, []

    def show_warning(message, category, name, line, *_):
        where = f" (line {line})" if name == file else ""
        stream.write(f"{category.__name__}: {message}{where}\n")

    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(stream))
        stack.enter_context(contextlib.redirect_stderr(stream))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("error" if strict else "default")
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning):
            warnings.simplefilter("ignore", category)
        warnings.simplefilter("ignore", ResourceWarning)
        warnings.showwarning = show_warning
        namespace.setdefault("__name__", "__main__")
        try:
            exec(compile(code, file, "exec", dont_inherit=True), namespace)
            figures = drawn()
        except BaseException as found:
            error = failure(found, file)
        finally:
            stream.finish()
            if plt := sys.modules.get("matplotlib.pyplot"):
                plt.close("all")
    return {"figures": figures, "error": error}


def check(code, namespace):
    """Run the check of a box on what the box computed; return what went wrong, if anything did.

    As in every chapter, NumPy is `np` and the book's `quote` is at hand.
    """
    import numpy as np

    from rnn_src.figures import quote

    namespace.setdefault("np", np)
    namespace.setdefault("quote", quote)
    return run(code, namespace, file="<check>", strict=True)["error"]


def failure(error, file):
    """What went wrong, in the reader's own lines: the number of the line and a text."""
    reason = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    if isinstance(error, SyntaxError) and error.filename == file:
        line, deeper = error.lineno or 1, ""
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename == file]
        line, last = own[-1].lineno if own else None, frames[-1]
        module = re.sub(r".*/(site-packages|python\d[^/]*)/", "", last.filename)
        inside = not own or last.filename != file
        deeper = f"\n(found in {module}, line {last.lineno})" if inside else ""
    if line is None:  # in the drawing of a figure, which comes after the last line
        return {"line": None, "text": f"After the last line:\n{reason}{deeper}"}
    source = linecache.getline(file, line).rstrip()
    return {"line": line, "text": f"Line {line}:\n{source}\n{reason}{deeper}"}


def drawn():
    """The open figures as SVG, each with a description of what stands on it."""
    plt, found = sys.modules.get("matplotlib.pyplot"), []
    for number in plt.get_fignums() if plt else ():
        figure, picture = plt.figure(number), io.StringIO()
        # As the kernels do: cut to what is drawn.
        figure.savefig(picture, format="svg", bbox_inches="tight", metadata={"Date": None})
        found.append({"svg": picture.getvalue(), "alt": description(figure)})
    return found


def description(figure):
    """What stands on a figure: its axes with their ranges, its curves, its words."""
    panels = [axes for axes in figure.axes if axes.axison]
    count = f"{len(panels)} panels" if len(panels) > 1 else "one panel"
    says = [f"A figure of {count}, drawn by the code above."]
    for number, axes in enumerate(panels, 1):
        parts = [axes.get_title()] if axes.get_title() else []
        for name, axis, limits in (
            ("across", axes.xaxis, axes.get_xlim()),
            ("up", axes.yaxis, axes.get_ylim()),
        ):
            label = axis.get_label_text() or "no label"
            scale = ", logarithmic" if axis.get_scale() == "log" else ""
            parts.append(f"{name} {label}, {limits[0]:.3g} to {limits[1]:.3g}{scale}")
        lines = [line for line in axes.get_lines() if line.get_visible()]
        names = [str(line.get_label()) for line in lines]
        names = [name for name in names if name and not name.startswith("_")]
        words = [text.get_text() for text in axes.texts if text.get_text().strip()]
        if lines:
            parts.append(f"{len(lines)} line{'s' * (len(lines) > 1)}")
        if images := len(axes.images) + len(axes.collections):
            parts.append(f"{images} field{'s' * (images > 1)} or set{'s' * (images > 1)} of marks")
        if names or words:
            parts.append("with the words " + ", ".join(dict.fromkeys([*names, *words])))
        panel = f"Panel {number}: " if len(panels) > 1 else ""
        says.append(f"{panel}{'; '.join(parts)}.")
    return re.sub(r"[${}]|\\(?=\w)", "", " ".join(says)).replace("\n", " ")


def numbers(value, name=""):
    """Every floating-point number in a value, by its path: for the comparison of two machines."""
    import numpy as np

    if isinstance(value, float | complex | np.inexact) or (
        isinstance(value, np.ndarray) and value.dtype.kind in "fc"
    ):
        return {name: np.atleast_1d(np.asarray(value))}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    elif isinstance(value, list | tuple):
        value = dict(enumerate(value))
    elif not isinstance(value, dict):
        return {}
    found = {}
    for key, part in value.items():
        hidden = name == "" and str(key).startswith("_")
        if not hidden and not isinstance(part, types.ModuleType):
            found |= numbers(part, f"{name}.{key}" if name else str(key))
    return found


def packed_numbers(namespace):
    """The numbers of a namespace as text: of each its type and its bytes."""
    return {
        name: [array.dtype.str, base64.b64encode(array.tobytes()).decode()]
        for name, array in numbers(namespace).items()
    }
