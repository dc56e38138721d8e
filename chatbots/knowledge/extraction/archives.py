"""Opening the ZIP archives that Office documents are, safely."""

import io
import re
import struct
import zipfile
import zlib
from xml.etree import ElementTree

from chatbots.knowledge.extraction.reading import Unreadable

MAX_ENTRIES = 5_000
MAX_UNCOMPRESSED_BYTES = 100 * 1024 * 1024
MAX_XML_BYTES = 30 * 1024 * 1024
# In UTF-8 or UTF-16. Office writes no document type, which is what entities are declared in.
DOCTYPE = re.compile(rb"<\0?!\0?D\0?O\0?C\0?T\0?Y\0?P\0?E", re.IGNORECASE)
DAMAGED = "The file is damaged: its parts cannot be read."


def open_archive(content: bytes) -> zipfile.ZipFile:
    """Open an archive whose parts are bounded in number and size. Raises Unreadable.

    Zipfile reads no more of a part than its declared size, so the sum of those is a bound.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        raise Unreadable(DAMAGED) from error
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise Unreadable(f"It consists of more than {MAX_ENTRIES:,} parts.")
    if sum(entry.file_size for entry in entries) > MAX_UNCOMPRESSED_BYTES:
        raise Unreadable("Unpacked, the file would be larger than 100 MB.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise Unreadable("The file is protected by a password: save it without one.")
    return archive


def read_part(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a part's XML. Raises Unreadable, and KeyError if there is no such part."""
    entry = archive.getinfo(name)
    if entry.file_size > MAX_XML_BYTES:
        raise Unreadable("A part of the file is larger than 30 MB.")
    try:
        data = archive.read(entry)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise Unreadable(DAMAGED) from error
    if DOCTYPE.search(data):
        raise Unreadable("The file declares a document type, which Office documents never do.")
    return data


def read_xml(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    """Return a part as a tree. Raises Unreadable, and KeyError if there is no such part."""
    try:
        return ElementTree.fromstring(read_part(archive, name))  # noqa: S314 (declares no entities)
    except ElementTree.ParseError as error:
        raise Unreadable(DAMAGED) from error
