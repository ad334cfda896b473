"""How the kernels that run the chapters are set up. conf.py hands this file to IPython."""

c = get_config()  # noqa: F821 (IPython provides it)

# Figures: SVG, cut to what is drawn, and the same bytes from the same data.
c.InlineBackend.figure_formats = {"svg"}
c.InlineBackend.print_figure_kwargs = {"bbox_inches": "tight", "metadata": {"Date": None}}

# A warning in a cell stops the build. Those that a library addresses to its own developers are
# left out, unless the chapter's code itself caused them.
c.IPKernelApp.exec_lines = ["import warnings", "warnings.simplefilter('error')"]
for (
    category
) in "DeprecationWarning PendingDeprecationWarning ImportWarning ResourceWarning".split():
    c.IPKernelApp.exec_lines += [
        f"warnings.simplefilter('ignore', {category})",
        f"warnings.filterwarnings('error', category={category}, module='__main__')",
    ]
c.IPKernelApp.exec_lines += ["del warnings"]

# A cell prints in one piece, when it ends. By default what it prints is cut wherever a timer
# happens to ring, and two builds would differ.
c.IPKernelApp.exec_lines += ["import sys", "sys.stdout.flush_interval = 3600", "del sys"]

# No notice about unencrypted sockets for each page, and no history of what was typed.
c.IPKernelApp.log_level = "ERROR"
c.HistoryManager.enabled = False

# A page prints what it wants shown; the value of a cell's last line is not shown by itself.
c.InteractiveShell.ast_node_interactivity = "none"
