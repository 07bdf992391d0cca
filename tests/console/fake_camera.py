"""What a camera sees that is held before a QR code: a film for Chromium's fake video device.

Owns the YUV4MPEG2 file. Invariant: black and white only, so the chroma planes are grey.
"""

from pathlib import Path

import segno

WIDTH, HEIGHT = 1280, 720
_BLACK, _WHITE, _GREY = b"\x10", b"\xeb", b"\x80"


def film(path: Path, content: str) -> Path:
    """One frame, which the browser repeats for ever."""
    matrix = [bytes(row) for row in segno.make(content, error="l").matrix_iter(scale=1, border=4)]
    scale = HEIGHT // len(matrix)
    margin = WIDTH - scale * len(matrix)
    rows = [
        b"".join((_BLACK if dark else _WHITE) * scale for dark in row) + _WHITE * margin
        for row in matrix
        for _ in range(scale)
    ]
    rows += [_WHITE * WIDTH] * (HEIGHT - len(rows))
    chroma = _GREY * (WIDTH // 2 * HEIGHT // 2)
    frame = b"FRAME\n" + b"".join(rows) + chroma * 2
    path.write_bytes(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode() + frame)
    return path
