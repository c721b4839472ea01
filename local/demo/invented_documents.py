"""Documents that ordinary programs open, made of nothing but a random generator: Word, PDF, PNG, CSV."""

import io
import random
import struct
import zipfile
import zlib
from datetime import datetime
from xml.sax.saxutils import escape

from local.demo.invented_words import paragraph, sentence

_CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
_WORD_NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def word_document(chance: random.Random, paragraphs: int) -> bytes:
    """A .docx."""
    texts = "".join(f"<w:p><w:r><w:t>{escape(paragraph(chance))}</w:t></w:r></w:p>" for _ in range(paragraphs))
    body = f'<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="{_WORD_NAMESPACE}"><w:body>{texts}</w:body>'
    parts = {
        "[Content_Types].xml": _CONTENT_TYPES,
        "_rels/.rels": _RELATIONS,
        "word/document.xml": body + "</w:document>",
    }
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for name, text in parts.items():
            entry = zipfile.ZipInfo(name)  # a fixed date: the same document every time
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
    return output.getvalue()


def pdf(chance: random.Random, lines: int) -> bytes:
    """A .pdf of one page."""
    shown = "".join(f"({sentence(chance)}) Tj T*\n" for _ in range(lines))
    stream = f"BT /F 9 Tf 40 800 Td 11 TL\n{shown}ET"
    objects = (
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(stream)}>>stream\n{stream}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    text, offsets = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(text))
        text += f"{number} 0 obj{body}endobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    count = len(objects) + 1
    text += f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer<</Size {count}/Root 1 0 R>>\n"
    return f"{text}startxref\n{text.index('xref')}\n%%EOF\n".encode("ascii")


def picture(chance: random.Random, width: int, height: int) -> bytes:
    """A .png with noise in it, so that it is as hard to compress as a photograph."""
    rows = b"".join(b"\0" + chance.randbytes(width * 3) for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def spreadsheet(chance: random.Random, rows: int, first_day: datetime) -> bytes:
    """A .csv, as Excel writes it: with a byte order mark."""
    lines = ["Date;Item;Quantity;Price"]
    for row in range(rows):
        day = first_day.replace(day=1 + row % 28).date()
        lines.append(f"{day};{sentence(chance)[:40]};{chance.randint(1, 90)};{chance.randint(100, 99999) / 100:.2f}")
    return ("\ufeff" + "\r\n".join(lines)).encode("utf-8")
