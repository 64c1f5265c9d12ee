"""`python -m vitmap` is `vitmap`."""

import sys

from vitmap.cli import main

sys.exit(main())
