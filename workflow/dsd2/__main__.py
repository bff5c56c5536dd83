"""``python -m dsd2 VERB``: what training, gate, collection and selection rules call."""

import sys
import time

_STARTED = time.time() - time.process_time()

if __name__ == "__main__":
    from dsd2.fork_client import run_by_server
    from dsd2.processes import (
        escape_what_cannot_be_shown,
        leave,
        raise_when_asked_to_stop,
    )

    status = run_by_server(sys.argv[1:], _STARTED)
    if status is None:
        from dsd2.cli import main

        escape_what_cannot_be_shown()
        raise_when_asked_to_stop()
        status = main(sys.argv[1:], _STARTED)
    leave(status)
