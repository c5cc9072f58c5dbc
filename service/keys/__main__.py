"""`python -m service.keys NAME SCOPE...` makes a new API key."""

import sys

from service.keys.keys import main

sys.exit(main(sys.argv[1:]))
