"""``python -m modelref_git.server``: the service, set up by its environment. ``modelref-git serve`` starts it."""

import os
import sys

from modelref_git.server.run import serve
from modelref_git.server.settings import Settings

if __name__ == "__main__":
    sys.exit(serve(Settings.from_environment(os.environ)))
