"""How long a media file says it is, read from its container's own lengths, so that a cut file is noticed.

Frames and indices are not looked at; a container without lengths (a live stream) promises nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"moof", b"mfra", b"sidx", b"styp"}
_FLV_TAGS = (8, 9, 18)
_SEGMENT = bytes.fromhex("18538067")
_PACK, _PROGRAM_END = 0xBA, 0xB9


def promised_size(path: Path) -> int:
    """Return the bytes that a file's structure says it has at least, up to where it is understood."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] in _BOXES:
            return _walked(file, 0, _box_length)
        if head[:3] == b"FLV":
            # The last tag's length may not be repeated.
            return _walked(file, int.from_bytes(head[5:9], "big") + 4, _flv_tag_length) - 4
        if head[:4] == b"\0\0\1\xba":
            return _walked(file, 0, _programme_packet_length)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _matroska_size(file)
        if head[:4] == b"RIFF":
            return _riff_size(head)
    return 0


def _walked(file: BinaryIO, at: int, length: Callable[[bytes], int]) -> int:
    """Return the end of the last of the units that follow each other from `at` on."""
    size = file.seek(0, 2)
    while at < size:
        file.seek(at)
        step = length(file.read(16).ljust(16, b"\0"))
        if step == 0:
            break
        at += step
    return at


def _box_length(head: bytes) -> int:
    """Return the length of an mp4's or mov's box."""
    length = int.from_bytes(head[8:16] if head[:4] == b"\0\0\0\1" else head[:4], "big")
    # Length 0 is "up to the file's end"; frames that a writer left outside any box have no length.
    return length if head[4:8] in _BOXES and length >= 8 else 0


def _flv_tag_length(head: bytes) -> int:
    """Return the length of an FLV tag with its head and its length's repetition."""
    return 11 + int.from_bytes(head[1:4], "big") + 4 if head[0] in _FLV_TAGS else 0


def _programme_packet_length(head: bytes) -> int:
    """Return the length of a pack header or packet of an MPEG programme stream."""
    if head[:3] != b"\0\0\1" or head[3] < _PROGRAM_END:
        return 0
    if head[3] == _PROGRAM_END:
        return 4
    if head[3] == _PACK:
        second = head[4] >> 6 == 1  # MPEG-2's packs are longer, and may be stuffed
        return 14 + (head[13] & 7) if second else 12
    return 6 + int.from_bytes(head[4:6], "big")


def _matroska_size(file: BinaryIO) -> int:
    """Return where a Matroska file's or WebM's segment ends; 0 where its length was left open."""
    file.seek(4)
    file.seek(_element_length(file) or 0, 1)
    if file.read(4) != _SEGMENT:
        return 0
    length = _element_length(file)
    return 0 if length is None else file.tell() + length


def _element_length(file: BinaryIO) -> int | None:
    """Read a Matroska element's length: leading zero bits say how many bytes it takes; None is open."""
    first = file.read(1).ljust(1, b"\0")[0]
    if first == 0:
        return None
    bits = 7 * (9 - first.bit_length())
    more = file.read(bits // 7 - 1)
    length = int.from_bytes(bytes([first]) + more, "big") & ((1 << bits) - 1)
    return None if length == (1 << bits) - 1 else length


def _riff_size(head: bytes) -> int:
    """Return the length of a wav's or AVI's first RIFF chunk; some writers count its head, some do not."""
    length = int.from_bytes(head[4:8], "little")
    return 0 if length == 0xFFFFFFFF else length
