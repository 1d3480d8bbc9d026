"""Files that are no images PDC reads: what each is, by its first bytes, and what to do with it."""

from __future__ import annotations

from pdc.images.notes import Refused

DICOM = "This is a DICOM file. PDC does not read those: export the frame as PNG or TIFF, without the patient's name."
PDF = "This is a PDF, and no image: save the page or the figure as PNG."
VIDEO = "This is a video. PDC reads single images: save the frames that you need as PNG."
PHONE = "This is a HEIC or AVIF photograph, which PDC does not read: save it as JPEG or PNG."
DRAWING = "This is an SVG drawing and has no pixels: export it as PNG."
ARCHIVE = "This is an archive: unpack it, and upload the images or their folder."
PHONES = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")  # brands of ISO media files
STARTS = (
    (b"%PDF", PDF),
    (b"\x1aE\xdf\xa3", VIDEO),  # Matroska, WebM
    (b"\x00\x00\x01\xba", VIDEO),  # MPEG
    (b"\x00\x00\x01\xb3", VIDEO),
    (b"PK\x03\x04", ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", ARCHIVE),
    (b"Rar!", ARCHIVE),
    (b"\x1f\x8b", ARCHIVE),
)
HEAD = 1024  # bytes in which an SVG says that it is one


def refuse_known(data: bytes) -> None:
    """Refused, with a sentence of its own, where the file is one of the kinds that people often try."""
    if sentence := _sentence(data):
        raise Refused(sentence)


def _sentence(data: bytes) -> str | None:
    if data[128:132] == b"DICM":
        return DICOM
    if data[4:8] == b"ftyp":
        return PHONE if data[8:12] in PHONES else VIDEO
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return VIDEO
    if data[:HEAD].lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") and b"<svg" in data[:HEAD].lower():
        return DRAWING
    return next((sentence for start, sentence in STARTS if data.startswith(start)), None)
