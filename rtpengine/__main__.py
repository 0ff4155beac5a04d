"""`python -m rtpengine`."""

import sys

from rtpengine.embedded.command import main

sys.exit(main())
