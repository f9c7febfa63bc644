"""Test the registry of output formats."""

from scanmend.formats.registry import FORMATS, extensions
from scanmend.store.naming import SIDECAR_EXTENSION, part_folder


def test_format_names_and_extensions_are_unique() -> None:
    assert len({one.name for one in FORMATS}) == len(FORMATS)
    assert len(set(extensions())) == len(FORMATS) + 1


def test_no_folder_of_parts_has_the_name_of_a_result() -> None:
    """Keep the attachments of a PDF that is called mail.txt.pdf out of a folder mail.txt."""
    for extension in extensions():
        folder = part_folder(f"mail{extension}.pdf".encode())

        assert folder != f"mail{extension}".encode(), f"add {extension} to naming._NOT_FOR_FOLDERS"
    assert SIDECAR_EXTENSION in extensions()
