"""Makes small files that are what they say: a PDF by ISO 32000-1 §7.5, a JPEG by ISO/IEC 10918-1 annex B."""

import struct


def pdf(said: str = "") -> bytes:
    """A PDF with one object and its cross-reference table; `said` stands in a comment."""
    head = f"%PDF-1.7\n% {said}\n".encode()
    body = head + b"1 0 obj\n<</Type /Catalog>>\nendobj\n"
    table = f"xref\n0 2\n0000000000 65535 f \n{len(head):010} 00000 n \n".encode()
    trailer = f"trailer\n<</Size 2 /Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF\n".encode()
    return body + table + trailer


def pdf_with_stream() -> bytes:
    """A PDF whose cross-references are a stream (§7.5.8)."""
    head = b"%PDF-1.7\n"
    entries = struct.pack(">BHB", 0, 0, 255) + struct.pack(">BHB", 1, len(head), 0)
    stream = b"<</Type /XRef /Size 2 /W [1 2 1] /Root 1 0 R /Length 8>>\nstream\n" + entries + b"\nendstream"
    return head + b"1 0 obj\n" + stream + b"\nendobj\nstartxref\n9\n%%EOF"


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg(scan: bytes = b"\x12\xff\x00\x34\xff\xd0\x56") -> bytes:
    """A JPEG of one pixel: JFIF, tables, frame, scan; a stuffed byte and a restart marker are in the scan."""
    return (
        b"\xff\xd8"
        + _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
        + _segment(0xDB, bytes([0, *range(1, 65)]))
        + b"\xff\xff"
        + _segment(0xC0, struct.pack(">BHHBBBB", 8, 1, 1, 1, 1, 0x11, 0))[1:]
        + _segment(0xC4, bytes([0, 1, *bytes(15), 0]))
        + _segment(0xDA, bytes([1, 1, 0, 0, 63, 0]))
        + scan
        + b"\xff\xd9"
    )
