"""The rules of this book that no library holds."""

import functools
import gc
import re
from pathlib import Path
from urllib.parse import unquote

from docutils import nodes
from jupyter_cache import get_cache
from sphinx import addnodes
from sphinx.errors import ExtensionError
from sphinx.pycode import ModuleAnalyzer
from sphinx.transforms import SphinxTransform


def create_cache(app, config):
    """Create the cache's database before parallel workers race to do so."""
    Path(config.nb_execution_cache_path).mkdir(parents=True, exist_ok=True)
    get_cache(config.nb_execution_cache_path).db  # noqa: B018 (reading it creates it)


def ancestors(node):
    while node := node.parent:
        yield node


def in_cell(node):
    """Whether a cell wrote it."""
    return any(n.get("nb_element") for n in ancestors(node) if isinstance(n, nodes.container))


@functools.cache
def glossary_terms(path):
    """The terms of the glossary: its lines that begin with neither a space nor a mark."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line and line[0] not in " `(:#"]


class IndexTerms(SphinxTransform):
    """Index where a page's headings or stressed words bring in a term of the glossary."""

    default_priority = 400  # before Sphinx collects the index

    def apply(self):
        glossary = Path(self.app.srcdir) / "book" / "glossary.md"
        if self.env.docname == "book/glossary" or not glossary.exists():
            return
        places = [*self.document.findall(lambda n: isinstance(n, (nodes.title, nodes.emphasis)))]
        for term in glossary_terms(glossary):
            found = re.compile(rf"\b{re.escape(term)}s?\b", re.IGNORECASE)
            for words in places:
                whole = isinstance(words, nodes.title) and isinstance(words.parent, nodes.section)
                if (found.search if whole else found.fullmatch)(words.astext()):
                    # The place holds text, which is what the search shows of it.
                    place = words.parent if whole else words
                    if not place["ids"]:
                        place["ids"].append(f"index-{nodes.make_id(term)}")
                    entry = ("single", term, place["ids"][0], "", None)
                    number = 1 if whole else words.parent.index(words)
                    words.parent.insert(number, addnodes.index(entries=[entry]))
                    break


def require_texts(app, doctree):
    """Stop any build at an image without alt text, or a drawn figure without name or caption."""
    for image in doctree.findall(nodes.image):
        alt, uri = image.get("alt", "").strip(), image["uri"]
        missing = [] if alt and Path(alt).name != Path(uri).name else ["alt text"]
        figure = next((n for n in ancestors(image) if isinstance(n, nodes.figure)), None)
        if in_cell(image):
            missing += [] if figure and figure["names"] else ["name"]
            missing += [] if figure and list(figure.findall(nodes.caption)) else ["caption"]
        if missing:
            name = figure["names"][0] if figure and figure["names"] else uri
            texts = " and no ".join(missing)
            raise ExtensionError(f"{app.env.docname}: the figure {name} has no {texts}")


def let_go(app, doctree):
    """Free the nodes of a page from a document that is not theirs.

    MyST reads reStructuredText into a second document. Its nodes would keep that one, with its
    settings and so with all that Sphinx knows: megabytes a page, read again by every build.
    """
    for node in doctree.findall():
        node.document = doctree


def cite(app, pagename, templatename, context, doctree):
    """Tell the template what to cite on a page that stands on its own: one that runs code.

    The first page runs some, and does not stand on its own.
    """
    if pagename == app.config.root_doc:
        return
    if "kernelspec" in app.env.metadata.get(pagename, {}):
        number = app.env.toc_secnumbers.get(pagename, {}).get("", ())
        number = ".".join(str(part) for part in number)
        title = app.env.titles[pagename].astext()
        context["cites"] = {"title": title, "number": number, "key": Path(pagename).name}


def replace_withdrawn_role(app, pagename, templatename, context, doctree):
    """Docutils gives to references a role that its standard has withdrawn."""
    if "body" in context:
        context["body"] = context["body"].replace("doc-biblioentry", "listitem")


def reserve_room(app, pagename, templatename, context, doctree):
    """Tell the browser the size of each drawing before it has come, so that no line below jumps."""
    paths = {name: path for path, name in getattr(app.builder, "images", {}).items()}

    def sized(tag):
        source = paths.get(unquote(tag[2]))
        if source is None or "width=" in tag[0]:
            return tag[0]
        with open(Path(app.srcdir) / source, encoding="utf-8") as drawing:
            head = drawing.read(2000)
        size = re.search(r'<svg[^>]*? width="([\d.]+)pt" height="([\d.]+)pt"', head)
        if size is None:
            return tag[0]
        width, height = (round(float(points) * 4 / 3) for points in size.groups())
        return f'{tag[1]} width="{width}" height="{height}"{tag[3]}'

    if "body" in context:
        pattern = r'(<img\b[^>]*?src="[^"]*_images/([^"/]+\.svg)")([^>]*>)'
        context["body"] = re.sub(pattern, sized, context["body"])


def skip_fields(app, what, name, obj, skip, options):
    """Leave out the fields of a NamedTuple: its docstring already lists them, with shapes."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def read_folders(app, env, docnames):
    """Tell autodoc what a folder's `__init__` hands on: the order, and what is said of constants.

    A function carries its docstring with it. The comment over a constant stays in its file, as the
    order does, and autodoc reads only the file that it documents. (If no page is read, neither is.)
    """
    if not docnames:
        return
    for number, path in enumerate(sorted((Path(app.srcdir) / "rnn_src").glob("*/[!_]*.py")), 1):
        module = f"rnn_src.{path.parent.name}"
        folder, file = (ModuleAnalyzer.for_module(m) for m in (module, f"{module}.{path.stem}"))
        folder.find_attr_docs().update(file.find_attr_docs())
        here = set(file.tags) | {name for _, name in file.attr_docs}  # and not what it imports
        folder.tagorder.update(
            {n: 1000 * number + k for n, k in file.tagorder.items() if n in here}
        )


def deal_out(app, env, docnames):
    """Deal the pages to the parallel workers, those that train most networks first.

    Each worker reads a run of neighbours in this list; in the order of their names, one worker
    could get all chapters that take long.
    """
    networks = {
        name: Path(env.doc2path(name)).read_text(encoding="utf-8").count("Experiment(")
        for name in docnames
    }
    dealt = sorted(docnames, key=lambda name: (-networks[name], name))
    workers = max(app.parallel, 1)  # 0 means that nobody asked for workers
    docnames[:] = [name for k in range(workers) for name in dealt[k::workers]]


def setup(app):
    # A page is read as a tree of many thousand nodes; to search them for rubbish takes a third of
    # the time of a build that changes nothing.
    gc.set_threshold(200_000, 50, 100)
    for script in ("explorable.js", "found.js"):
        app.add_js_file(script, loading_method="defer")
    app.add_transform(IndexTerms)
    app.connect("config-inited", create_cache)
    app.connect("env-before-read-docs", read_folders)
    app.connect("env-before-read-docs", deal_out)
    app.connect("doctree-read", require_texts)
    app.connect("doctree-read", let_go)
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("html-page-context", cite)
    app.connect("html-page-context", replace_withdrawn_role)
    app.connect("html-page-context", reserve_room)
    # This extension numbers chapters after the workers are done, but forgets to say so.
    app.setup_extension("sphinx_multitoc_numbering")
    app.extensions["sphinx_multitoc_numbering"].parallel_read_safe = True
    return {"parallel_read_safe": True, "parallel_write_safe": True}
