"""What a page says, in Markdown that any notebook shows: directives and roles are gone."""

import base64
import mimetypes
import re
from pathlib import Path
from urllib.parse import urljoin

from docutils import nodes
from sphinx import addnodes
from sphinx.errors import ExtensionError


class Writer:
    """The nodes of a page as Markdown and cells."""

    def __init__(self, app, docname, cells):
        self.app, self.docname, self.cells, self.pictures = app, docname, cells, {}
        site = app.config.html_baseurl
        self.address = site and site + app.builder.get_target_uri(docname)

    def number(self, kind, node):
        """What numbers a figure, table, equation or exercise, as "4.1"; nothing if nothing does."""
        numbers = self.app.env.toc_fignumbers.get(self.docname, {}).get(kind, {})
        return ".".join(map(str, next((numbers[i] for i in node["ids"] if i in numbers), ())))

    def tex(self, node):
        """A formula without the macros of the book."""
        text = node.astext().strip()
        for name, body in self.app.config.mathjax3_config["tex"]["macros"].items():
            text = re.sub(rf"\\{name}(?![a-zA-Z])", lambda _, body=body: body, text)
        return text

    def words(self, node):
        """What stands in a line."""
        inner = "".join(map(self.words, node.children))
        match node:
            case nodes.Text():
                text = node.astext().replace("\n", " ")
                return re.sub(r"[\\`*$<]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)
            case nodes.math():
                return f"${' '.join(self.tex(node).split())}$"
            case nodes.literal():
                return f"`{node.astext()}`"
            case nodes.emphasis():
                return f"*{inner}*"
            case nodes.strong():
                return f"**{inner}**"
            case nodes.footnote_reference():
                return f"[{inner}]"
            case nodes.reference():
                address = node.get("refuri") or f"#{node.get('refid')}"
                if "://" not in address:  # a notebook that stands alone can lead nowhere
                    address = self.address and urljoin(self.address, address)
                space = " " * inner.startswith(" ")
                return f"{space}[{inner.strip()}]({address})" if address else inner
            case nodes.image():
                path = Path(self.app.srcdir) / node["uri"]
                kind, data = mimetypes.guess_type(path)[0], base64.b64encode(path.read_bytes())
                self.pictures[path.name] = {kind: data.decode()}
                return f"![{node.get('alt', '')}](attachment:{path.name})"
            case nodes.Invisible() | nodes.raw():
                return ""
            case nodes.inline() | nodes.TextElement() | nodes.entry():
                return inner
        raise ExtensionError(f"{self.docname}: no notebook can hold a {node.tagname} in a line")

    def below(self, node, depth, indent="", first=None):
        """The blocks below a node as one, each line indented."""
        text = "\n\n".join(block for child in node for block in self.blocks(child, depth))
        lines = [(indent + line).rstrip() for line in text.splitlines()]
        return "\n".join(lines) if first is None else first + "\n".join(lines)[len(first) :]

    def blocks(self, node, depth=0):
        """Yield one after the other what stands below each other: Markdown, and cells of code."""
        match node:
            case nodes.container(attributes={"nb_element": "cell_code", "cell_index": index}):
                yield self.cells[index]
                for figure in node.findall(nodes.figure):
                    yield self.caption("Fig.", "figure", figure)
            case nodes.title():
                chapter = self.app.env.toc_secnumbers.get(self.docname, {}).get("", ())
                number = f"{'.'.join(map(str, chapter))}. " if depth == 1 and chapter else ""
                yield f"{'#' * depth} {number}{self.words(node)}"
            case nodes.figure():
                if picture := next(iter(node.findall(nodes.image)), None):
                    yield self.words(picture)
                yield self.caption("Fig.", "figure", node)
            case nodes.table():
                yield self.caption("Table", "table", node)
                yield self.table(node)
            case nodes.math_block():
                tex, number = self.tex(node), self.number("displaymath", node)
                if r"\\" in tex and not tex.startswith(r"\begin"):
                    tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
                tag = rf"\tag{{{number}}}" if number else ""
                yield f"$$\n{tex}{tag}\n$$"
            case nodes.literal_block() | nodes.doctest_block():
                language = {"none": ""}.get(node.get("language"), "python")
                yield f"```{language}\n{node.astext().rstrip()}\n```"
            case nodes.bullet_list():
                yield "\n".join(self.below(item, depth, "  ", "- ") for item in node)
            case nodes.enumerated_list():
                numbered = enumerate(node, node.get("start", 1))
                yield "\n".join(self.below(item, depth, "   ", f"{k}. ") for k, item in numbered)
            case nodes.block_quote():
                yield self.below(node, depth, "> ")
            case nodes.definition_list_item():
                terms = [self.words(term) for term in node if isinstance(term, nodes.term)]
                yield f"**{', '.join(terms)}**: {self.below(node[-1], depth)}"
            case nodes.footnote():
                yield f"[{node[0].astext()}] {self.below(node[1:], depth)}"
            case nodes.Admonition():
                title, *rest = node.children
                if not isinstance(title, nodes.title):
                    title, rest = nodes.title("", node.tagname.capitalize()), node.children
                name = title.get("title", "").replace("%s", self.number("exercise", node))
                yield f"{'#' * (depth + 1)} {name}{self.words(title)}"
                for child in rest:
                    yield from self.blocks(child, depth + 1)
            case nodes.paragraph() | nodes.caption() | nodes.rubric() | nodes.attribution():
                yield self.words(node)
            case nodes.transition():
                yield "---"
            case nodes.Invisible() | nodes.raw() | addnodes.tabular_col_spec():
                return
            case nodes.section():
                for child in node:
                    yield from self.blocks(child, depth + 1)
            case nodes.document() | nodes.container() | nodes.definition_list():
                for child in node:
                    yield from self.blocks(child, depth)
            case _:
                raise ExtensionError(f"{self.docname}: no notebook can hold a {node.tagname}")

    def caption(self, name, kind, node):
        texts = [n for n in node if isinstance(n, nodes.caption | nodes.title)]
        number = self.number(kind, node)
        label = f"**{name} {number}.** " if number else ""
        return label + "".join(map(self.words, texts))

    def table(self, node):
        def entry(cell):
            parts = re.split(r"((?<!\\)\$.*?(?<!\\)\$)", " ".join(map(self.words, cell)))
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
            tex = [part.replace(r"\|", r"\Vert ").replace("|", r"\vert ") for part in parts[1::2]]
            parts[1::2] = tex
            return "".join(parts)

        rows = [[entry(cell) for cell in row] for row in node.findall(nodes.row)]
        if not list(node.findall(nodes.thead)):
            rows.insert(0, [""] * len(rows[0]))
        rows.insert(1, ["---"] * len(rows[0]))
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)
