"""The rules of conftest.py catch what they are there to catch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
OPTIONS = "[pytest]\nmarkers = gpu: needs a GPU\n"


def run_pytest(folder: Path, test: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "pytest.ini").write_text(OPTIONS)
    (folder / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    inherited = {key: value for key, value in os.environ.items() if key != "FAIL_WITHOUT_GPU"}
    return subprocess.run(
        command,
        cwd=folder,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_thread_left_behind_fails_the_test(tmp_path: Path) -> None:
    result = run_pytest(
        tmp_path,
        "import threading, time\n"
        "def test_leaves_one():\n"
        "    threading.Thread(target=time.sleep, args=(3,), name='stray').start()\n"
        "def test_leaves_none():\n"
        "    thread = threading.Thread(target=time.sleep, args=(0.1,))\n"
        "    thread.start()\n",
    )
    assert result.returncode == 1
    assert "left threads behind: stray" in result.stdout
    assert "2 passed, 1 error" in result.stdout


@pytest.mark.parametrize(("must_run", "outcome"), [("1", "1 failed"), ("0", "1 skipped")])
def test_gpu_skips_fail_on_demand(tmp_path: Path, must_run: str, outcome: str) -> None:
    result = run_pytest(
        tmp_path,
        "import pytest\n"
        "@pytest.mark.gpu\n"
        "def test_it():\n"
        "    pytest.skip('no GPU here')\n"
        "def test_else():\n"
        "    pass\n",
        FAIL_WITHOUT_GPU=must_run,
    )
    assert outcome in result.stdout
    assert "1 passed" in result.stdout


def test_gpu_skips_by_mark_fail_too(tmp_path: Path) -> None:
    result = run_pytest(
        tmp_path,
        "import pytest\n"
        "@pytest.mark.gpu\n"
        "@pytest.mark.skipif(True, reason='no GPU here')\n"
        "def test_it():\n"
        "    pass\n",
        FAIL_WITHOUT_GPU="1",
    )
    assert result.returncode == 1
    assert "FAIL_WITHOUT_GPU=1, but this GPU test was skipped" in result.stdout
