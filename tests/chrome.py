"""A folder of pages in a real browser: Chromium, which Playwright drives, and what goes wrong."""

import contextlib
import functools
import http.server
import os
import threading

from playwright.sync_api import sync_playwright

OFFLINE = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
OPTIONS = ["--no-sandbox", "--no-first-run", "--disable-quic", *OFFLINE]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


class Address(str):
    """Where a folder is served, and what was asked of it."""

    def __init__(self, address):
        self.asked = []


@contextlib.contextmanager
def served(folder):
    """Serve a folder on this machine only; its files may be kept, as hosts of pages allow."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            address.asked.append(self.path)

        def end_headers(self):
            self.send_header("Cache-Control", "max-age=600")
            super().end_headers()

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        address = Address(f"http://127.0.0.1:{server.server_port}/")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield address
        server.shutdown()


@contextlib.contextmanager
def launched():
    """The browser at CHROMIUM, closed at the end."""
    with sync_playwright() as playwright:
        path = os.environ["CHROMIUM"]
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()


def watched(page, address, expected=lambda url: True):
    """Note in `page.faults` what goes wrong from now on, but for what is expected to fail."""
    page.faults = []
    note = page.faults.append

    def hear(message):
        if message.type in ("error", "warning") and expected(message.location["url"]):
            note(f"{message.type}: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda error: note(f"script: {error}"))
    page.on("requestfailed", lambda r: expected(r.url) and note(f"failed: {r.url}"))
    page.on("response", lambda r: r.status >= 400 and note(f"{r.status}: {r.url}"))
    ours = (address, "data:", "blob:")
    page.on("request", lambda r: r.url.startswith(ours) or note(f"other host: {r.url}"))
    return page


def formulas_drawn(page):
    """Wait for the formulas of a page."""
    page.evaluate("async () => await window.MathJax?.startup?.promise")
