"""`python -m vitmap` is `vitmap`."""

import sys

from vitmap.commands import main

sys.exit(main())
