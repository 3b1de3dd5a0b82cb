"""The command where its script is not on the path: `python -m avvla.cli`."""

import sys

from avvla.cli import main

sys.exit(main())
