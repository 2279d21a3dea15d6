"""Images within other files."""

_BEGINNINGS = {
    b'\x89PNG': '.png',
    b'\xff\xd8': '.jpg',
    b'BM': '.bmp',
    b'II*\0': '.tif',
    b'MM\0*': '.tif',
    b'RIFF': '.webp',
}


def suffix_of(content: bytes) -> str:
    """Return the ending of the name of an encoded image, by its first bytes.

    Raises:
        ValueError: If it is none that is read.
    """
    for beginning, suffix in _BEGINNINGS.items():
        if content.startswith(beginning):
            return suffix
    raise ValueError('is no PNG, JPEG, BMP, TIFF or WebP')
