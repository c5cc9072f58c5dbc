"""`python -m service`."""

import os
import sys

from service.server import serve
from service.settings import StartError, read_settings


def main() -> int:
    """Start the service, or say in a sentence why it cannot start."""
    try:
        serve(read_settings(sys.argv[1:], os.environ))
    except StartError as error:
        print(f"menagerie: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
