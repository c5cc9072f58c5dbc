"""`python -m segmentation`."""

import sys

from segmentation.commands.cli import main

sys.exit(main())
