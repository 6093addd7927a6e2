"""The `chatapp` command with a slow fake model, for signals and pipes: `child.py DELAY …`."""

from __future__ import annotations

import sys

from chatapp.cli.main import main
from tests.fakes import FakeGenerator, FakeIndex
from tests.headless.faked import install

if __name__ == "__main__":
    reply = " ".join(f"word{number}" for number in range(400))
    install(setattr, FakeGenerator(reply, delay=float(sys.argv[1])), FakeIndex())
    sys.exit(main(sys.argv[2:]))
