"""The `chatapp` command with a slow fake model, for signals and pipes: `child.py DELAY …`."""

from __future__ import annotations

import os
import sys
import time

from chatapp.assistant import factory
from chatapp.cli.main import main
from tests.fakes import FakeGenerator, FakeIndex
from tests.headless.faked import install

if __name__ == "__main__":
    reply = " ".join(f"word{number}" for number in range(400))
    fails = 3 if os.environ.pop("CHATAPP_FAKE_FAILS", "") else None
    loads = float(os.environ.pop("CHATAPP_FAKE_LOADS", "0"))
    model = FakeGenerator(reply, delay=float(sys.argv[1]), fail_after=fails)
    install(setattr, model, FakeIndex())
    if loads:
        setattr(factory, "_load_generator", lambda settings: time.sleep(loads) or model)  # noqa: B010
    sys.exit(main(sys.argv[2:]))
