"""Places of images: paths, and the addresses that mmengine knows a way to."""


def check_place(path: str) -> str:
    """Return a path or URL; a ValueError refuses one of a kind that mmengine cannot read."""
    if '://' in path:
        from mmengine.fileio import get_file_backend

        try:
            get_file_backend(path)
        except KeyError as error:
            raise ValueError(f'{path} cannot be read: {error.args[0]} is no known place') from error
    return path
