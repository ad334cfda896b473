"""A zip of files, the same bytes from the same files."""

from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo


def write(target, files):
    """Write `files`, names and their bytes: without dates, and for everybody to read."""
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, ZIP_DEFLATED)
