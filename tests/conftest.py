"""What holds for every test: the app's home is a fresh directory, and no setting leaks in."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# Without a GPU, Triton's kernels run in its interpreter. It decides when it is first imported.
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")
# Beside other workers, a second thread each only waits for a core. OpenMP reads this as it loads.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# A job in the background may begin with Ctrl+C ignored, and its children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def chatapp_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point `CHATAPP_HOME` at an empty directory, so that no test can touch a person's data."""
    for name in list(os.environ):
        if name.startswith("CHATAPP_"):
            monkeypatch.delenv(name)
    home = tmp_path / "chatapp-home"
    home.mkdir()
    monkeypatch.setenv("CHATAPP_HOME", str(home))
    # A model loaded in a fresh home would start compiling the runtime; its own tests ask for it.
    monkeypatch.setenv("CHATAPP_NATIVE", "false")
    # What a test says to a model is for the model; tests of what goes before it ask for that.
    monkeypatch.setenv("CHATAPP_WRITTEN_REPLIES", "false")
    monkeypatch.setenv("CHATAPP_WORD_PROBLEMS", "false")
    return home
