"""What goes wrong when a checkpoint is converted."""


class ConversionError(ValueError):
    """A checkpoint that cannot be read or does not fit the config; the message names it."""


class UnwritableError(ConversionError):
    """What is made of a checkpoint cannot be written, which is not the checkpoint's fault."""
