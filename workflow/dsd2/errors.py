"""The one exception that users are meant to see."""


class UserError(Exception):
    """Something the user gave is wrong; the message is one sentence that names it.

    Names the key or file, its value and what is allowed. The command line prints the message
    alone, without a traceback, and exits with status 1.
    """
