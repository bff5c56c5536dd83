"""``python -m dsd2 VERB``: what training, gate, collection and selection rules call."""

import sys
import time

_STARTED = time.time() - time.process_time()

if __name__ == "__main__":
    from dsd2.cli import main

    sys.exit(main(sys.argv[1:], _STARTED))
