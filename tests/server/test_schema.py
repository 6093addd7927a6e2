"""The published document against the server: whatever is thrown at it, it does not break."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.conftest import Running

SEED, EXAMPLES = "20261122", "10"


@pytest.mark.skipif(not importlib.util.find_spec("schemathesis"), reason="needs the extra [dev]")
def test_no_request_that_the_document_suggests_breaks_the_server(
    server: Running, tmp_path: Path
) -> None:
    """schemathesis sends valid and invalid requests to every endpoint: no 5xx, and every answer
    has a status and a type that the document lists."""
    checks = "not_a_server_error,status_code_conformance,content_type_conformance"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            *(server.url.removesuffix("/v1") + "/openapi.json", "--checks", checks),
            *("--max-examples", EXAMPLES, "--seed", SEED, "--phases", "examples,fuzzing"),
            *("--generation-database", "none", "--request-timeout", "20", "--no-color"),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
