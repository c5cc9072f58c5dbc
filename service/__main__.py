"""`python -m service`."""

import gc
import os
import signal
import sys

from service.common.settings import StartError, read_settings


def main() -> int:
    """Start the service, or say in a sentence why it cannot start."""
    # The first process of a container never hears a signal that it has no handler for; gunicorn's comes later.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    gc.disable()  # nothing that is read here is ever garbage, and looking for some takes a tenth of the start
    from service.server.server import serve  # noqa: PLC0415 (a stop is heard from before the libraries are read)

    try:
        serve(read_settings(sys.argv[1:], os.environ))
    except StartError as error:
        print(f"menagerie: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
