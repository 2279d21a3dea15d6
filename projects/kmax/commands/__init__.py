"""The body of each command of ``kmax-deeplab`` and of ``tools/``, in a module's ``main``.

``main(argv=None, prog=None)`` reads the words of a command line, by default the process's, and
returns the exit status; ``prog`` is how messages call the command, by default as the process.
"""
