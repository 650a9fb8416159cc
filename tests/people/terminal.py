"""Runs a command in a pseudo-terminal of its own. What a person would see goes to standard output, as it appears."""

import os
import pty
import sys

sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
