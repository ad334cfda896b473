r"""Numbers and formulas in the text look as they do on paper.

Python writes 7e-09, -0.12 and 0e+00; a text has $7 \times 10^{-9}$, a minus sign and 0. What cells
print is left as Python writes it. And a browser, which may end a line on either side of a formula,
is told to keep the full stop, the bracket or the ending that belongs to it on the same line.
"""

import re
from decimal import Decimal

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

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


OPENS = re.compile(r"[(\[\u201c\u2018]+$")
CLOSES = re.compile(r"[.,;:!?)\]\u201d\u2019]+|-\w{1,6}")


class Together(SphinxPostTransform):
    """Put a formula, and what stands at it without a space, into one span: no line ends in it."""

    default_priority = 950
    formats = ("html",)

    def run(self):
        for formula in list(self.document.findall(nodes.math)):
            while isinstance(formula.parent, nodes.inline) and len(formula.parent) == 1:
                formula = formula.parent  # what was pasted
            parent, at = formula.parent, formula.parent.index(formula)
            beside = [None, *parent.children, None]
            before, after = beside[at], beside[at + 2]
            opens = OPENS.search(before) if isinstance(before, nodes.Text) else None
            closes = CLOSES.match(after) if isinstance(after, nodes.Text) else None
            if not opens and not closes:
                continue
            span = nodes.inline("", "", classes=["together"])
            parent[at] = span  # by their places, as texts that say the same count as equal
            if opens:
                parent[at - 1] = nodes.Text(before[: opens.start()])
                span += nodes.Text(opens[0])
            span += formula
            if closes:
                parent[at + 1] = nodes.Text(after[closes.end() :])
                span += nodes.Text(closes[0])


def setup(app):
    app.add_transform(Numbers)
    app.add_post_transform(Together)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
