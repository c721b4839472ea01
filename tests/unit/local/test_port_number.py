"""A port that is none is refused before anything is started."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["local.serve", "local.host", "local.tenant"])
@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_a_port_that_is_none_is_one_sentence(module: str, port: str) -> None:
    command = [sys.executable, "-m", module, f"--port={port}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("a port is a number from 0 to 65535; 0 takes a free one")
    assert "Traceback" not in done.stderr
