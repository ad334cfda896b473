r"""Numbers that a cell hands to the text look as they do on paper.

Python writes 7e-09, -0.12 and 0e+00; a text has $7 \times 10^{-9}$, a minus sign and 0. What cells
print is left as Python writes it.
"""

import re
from decimal import Decimal

from docutils import nodes
from sphinx.transforms import SphinxTransform

NUMBER = re.compile(r"(?P<digits>[+-]?\d[\d,]*(\.\d+)?)(e(?P<power>[+-]\d+))?(?P<unit>%?)")


def typeset(text):
    """The nodes of a number as Python formats it; none if it is no number, or fine as it is."""
    number = NUMBER.fullmatch(text)
    if not number:
        return []
    digits, power = number["digits"], int(number["power"] or 0)
    if not float(digits.replace(",", "")):
        digits, power = digits.lstrip("+-"), 0  # nothing is less than nothing
    if abs(power) > 3:
        return [nodes.math("", rf"{digits} \times 10^{{{power}}}")]
    if power:  # small enough to be written out
        digits = f"{Decimal(f'{digits}e{power}'):,f}"
    plain = digits.replace("-", "\N{MINUS SIGN}") + number["unit"]
    return [] if plain == text else [nodes.Text(plain)]


class Numbers(SphinxTransform):
    """Typeset what `{glue:text}` put into the text."""

    default_priority = 400

    def apply(self):
        for place in list(self.document.findall(nodes.inline)):
            if "pasted-text" in place["classes"] and (parts := typeset(place.astext())):
                place.children = []
                place += parts


def setup(app):
    app.add_transform(Numbers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
