"""twine, for whom the public index is elsewhere: `twine_there.py URL ARGUMENTS…`.

twine exchanges a job's token with the public index only. The exchange is its own; where it takes place is told here.
"""

import sys

import twine.utils

twine.utils.DEFAULT_REPOSITORY = sys.argv.pop(1)

from twine.__main__ import main  # noqa: E402

sys.exit(main())
