"""The one exception that users are meant to see, and what it advises about bad files."""

REDO = "delete it and run the same command again to make it anew"
"""What mends an artefact that is damaged or was written by another version."""


class UserError(Exception):
    """Something the user gave is wrong; the message is one sentence that names it.

    Names the key or file, its value and what is allowed. The command line prints the message
    alone, without a traceback, and exits with status 1.
    """
