"""Real disks: one that fills up, and one that can only be read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = ["unshare", "--map-root-user", "--mount"]


def mounting_is_possible() -> bool:
    """Return whether this machine lets us mount in a namespace of our own."""
    if shutil.which("unshare") is None:
        return False
    probe = [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(
    not mounting_is_possible(), reason="needs a mount namespace (unshare)"
)


def see(case: str, directory: Path) -> dict[str, Any]:
    """Return what the child saw."""
    command = [sys.executable, "-m", "tests.conversations.places_child", case, str(directory)]
    done = subprocess.run([*NAMESPACE, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_full_disk_is_called_full_and_loses_nothing_that_was_written(tmp_path):
    """When there is space again the same window goes on."""
    seen = see("full", tmp_path)
    assert "no space left" in seen["said"]
    assert "Free some disk space" in seen["said"]
    assert seen["written"] > 3
    assert (seen["lost"], seen["problems"]) == ([], [])


@pytest.mark.parametrize("case", ["read_only", "read_only_with_log"])
def test_on_a_read_only_disk_everything_can_be_read_and_searched(tmp_path, case):
    """The person is told at once, and told again with the fix when they try to write."""
    seen = see(case, tmp_path)
    assert "open for reading only" in seen["notices"][0]
    assert seen["hits"] == 1
    assert "CHATAPP_HOME" in seen["said"]
