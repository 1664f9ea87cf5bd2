"""The cache of compiled plans: what is loaded, what is not, and who builds."""

from __future__ import annotations

import errno
import json
import logging
import multiprocessing
import os
import stat
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from rtstyle.errors import EngineError
from rtstyle.inference import plan_cache
from rtstyle.inference.plan_cache import PlanCache, PlanKey

KEY = PlanKey(
    generator="fast",
    onnx_sha256="ab" * 32,
    library="tensorrt",
    library_version="11.4.0",
    compute_capability="sm86",
    height_px=720,
    width_px=1280,
    gpu="NVIDIA GeForce RTX 3090",
    driver="580.65.06",
)
PLAN = bytes(range(256)) * 64


@pytest.fixture
def cache(tmp_path: Path) -> PlanCache:
    return PlanCache(tmp_path / "engines")


def only_file(cache: PlanCache, suffix: str) -> Path:
    (path,) = cache.folder.glob(f"*{suffix}")
    return path


def test_what_is_stored_is_loaded_again(cache: PlanCache) -> None:
    assert cache.load(KEY) is None
    assert cache.store(KEY, PLAN)
    assert cache.load(KEY) == PLAN
    assert PlanCache(cache.folder).load(KEY) == PLAN


def test_folder_and_files_are_private(cache: PlanCache) -> None:
    cache.store(KEY, PLAN)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in cache.folder.iterdir()} == {0o600}


def test_default_folder_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert PlanCache().folder == tmp_path / "rtstyle" / "engines"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"onnx_sha256": "cd" * 32}, "onnx sha256"),
        ({"library_version": "11.5.0"}, "library version was 11.4.0, is 11.5.0"),
        ({"driver": "590.1"}, "driver was 580.65.06, is 590.1"),
        ({"precision": "f32"}, "precision"),
    ],
)
def test_a_mismatch_is_not_loaded_and_the_log_says_why(
    cache: PlanCache, changes: dict[str, str], word: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache.store(KEY, PLAN)
    with caplog.at_level(logging.INFO):
        assert cache.load(replace(KEY, **changes)) is None
    assert word in caplog.text
    assert "compiled again" in caplog.text


@pytest.mark.parametrize(
    "changes",
    [
        {"height_px": 360, "width_px": 640},
        {"generator": "fine"},
        {"library": "tensorrt-rtx"},
        {"compute_capability": "sm89"},
        {"gpu": "NVIDIA GeForce RTX 3060"},
    ],
)
def test_plans_for_other_sizes_and_cards_lie_side_by_side(cache: PlanCache, changes: dict) -> None:
    other = replace(KEY, **changes)
    cache.store(KEY, PLAN)
    cache.store(other, PLAN[::-1])
    assert cache.load(KEY) == PLAN
    assert cache.load(other) == PLAN[::-1]


def test_names_cannot_leave_the_folder(cache: PlanCache) -> None:
    key = replace(KEY, generator="../../evil", gpu="a/b\\c")
    cache.store(key, PLAN)
    assert cache.load(key) == PLAN
    assert only_file(cache, ".plan").parent == cache.folder


@pytest.mark.parametrize("kept", [0, 1, len(PLAN) - 1])
def test_a_half_written_plan_is_not_loaded(cache: PlanCache, kept: int) -> None:
    cache.store(KEY, PLAN)
    only_file(cache, ".plan").write_bytes(PLAN[:kept])
    assert cache.load(KEY) is None


def test_a_damaged_plan_is_not_loaded(cache: PlanCache) -> None:
    cache.store(KEY, PLAN)
    only_file(cache, ".plan").write_bytes(b"\xff" + PLAN[1:])
    assert cache.load(KEY) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 99}', "\xff"])
def test_a_damaged_sidecar_is_survived(cache: PlanCache, text: str) -> None:
    cache.store(KEY, PLAN)
    only_file(cache, ".json").write_text(text, encoding="latin-1")
    assert cache.load(KEY) is None
    assert cache.store(KEY, PLAN)
    assert cache.load(KEY) == PLAN


@pytest.mark.parametrize("suffix", [".plan", ".json"])
def test_a_missing_file_is_survived(cache: PlanCache, suffix: str) -> None:
    cache.store(KEY, PLAN)
    only_file(cache, suffix).unlink()
    assert cache.load(KEY) is None


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_what_others_can_write_is_not_loaded(cache: PlanCache, mode: int) -> None:
    cache.store(KEY, PLAN)
    only_file(cache, ".plan").chmod(mode)
    assert cache.load(KEY) is None


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_folder_that_others_can_write_is_neither_read_nor_written(cache: PlanCache) -> None:
    cache.store(KEY, PLAN)
    cache.folder.chmod(0o777)
    assert cache.load(KEY) is None
    assert not cache.store(KEY, PLAN)


def test_a_link_is_not_followed(cache: PlanCache, tmp_path: Path) -> None:
    cache.store(KEY, PLAN)
    plan = only_file(cache, ".plan")
    plan.rename(tmp_path / "elsewhere")
    plan.symlink_to(tmp_path / "elsewhere")
    assert cache.load(KEY) is None


def test_files_of_another_user_are_not_loaded(
    cache: PlanCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.store(KEY, PLAN)
    owner = os.geteuid()
    monkeypatch.setattr(plan_cache.os, "geteuid", lambda: owner + 1)
    assert cache.load(KEY) is None


def test_a_full_disk_costs_the_cache_not_the_run(
    cache: PlanCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache.store(KEY, PLAN)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(plan_cache.os, "fsync", full)
    assert not cache.store(KEY, PLAN[::-1])
    assert "No space left" in caplog.text
    assert not list(cache.folder.glob("*.part"))
    assert cache.load(KEY) == PLAN


def test_a_plan_whose_sidecar_was_not_written_any_more_is_not_loaded(
    cache: PlanCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.store(KEY, PLAN)
    replace_file, replaced = os.replace, []

    def replace_once(source: str, target: str) -> None:
        if replaced:
            raise OSError(errno.EIO, "unplugged")
        replaced.append(target)
        replace_file(source, target)

    monkeypatch.setattr(plan_cache.os, "replace", replace_once)
    assert not cache.store(KEY, PLAN[::-1])
    monkeypatch.undo()
    assert only_file(cache, ".plan").read_bytes() == PLAN[::-1]
    assert cache.load(KEY) is None


def test_a_folder_that_cannot_be_made_is_survived(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = PlanCache(tmp_path / "file" / "engines")
    assert cache.load(KEY) is None
    assert not cache.store(KEY, PLAN)
    with cache.building(KEY):
        pass
    assert cache.plans() == [] and cache.clean() == (0, 0)


def test_listing_and_cleaning(cache: PlanCache) -> None:
    cache.store(KEY, PLAN)
    cache.store(KEY, b"timing", ".timing")
    (cache.folder / "notes.txt").write_text("not ours")
    (found,) = cache.plans()
    assert found.facts["generator"] == "fast" and found.size_bytes == len(PLAN)
    assert cache.load(KEY, ".timing") == b"timing"
    num_plans, num_bytes = cache.clean()
    assert num_plans == 1 and num_bytes > len(PLAN)
    assert [path.name for path in cache.folder.iterdir()] == ["notes.txt"]


def _build_in_process(folder: Path, log: Path, start: float) -> None:
    cache = PlanCache(folder)
    time.sleep(max(0.0, start - time.time()))
    with cache.building(KEY):
        if cache.load(KEY) is None:
            with log.open("a") as file:
                file.write(f"built by {os.getpid()}\n")
            time.sleep(0.3)
            cache.store(KEY, PLAN)
    assert cache.load(KEY) == PLAN


def test_of_several_processes_one_builds_and_the_others_wait(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    log, start = tmp_path / "log", time.time() + 1.0
    arguments = (tmp_path / "engines", log, start)
    workers = [context.Process(target=_build_in_process, args=arguments) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(log.read_text().splitlines()) == 1


def _die_while_building(folder: Path) -> None:
    with PlanCache(folder).building(KEY):
        os._exit(1)


def test_a_builder_that_died_holds_nobody_up(cache: PlanCache) -> None:
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=_die_while_building, args=(cache.folder,))
    worker.start()
    worker.join(30)
    assert worker.exitcode == 1
    with cache.building(KEY):
        assert cache.store(KEY, PLAN)


def test_waiting_can_be_stopped(cache: PlanCache) -> None:
    cancelled, seen = threading.Event(), []

    def wait() -> None:
        try:
            with cache.building(KEY, cancelled):
                seen.append("built")
        except EngineError:
            seen.append("stopped")

    with cache.building(KEY):
        waiter = threading.Thread(target=wait)
        waiter.start()
        cancelled.set()
        waiter.join(10)
    assert seen == ["stopped"]


def test_other_sizes_are_built_at_the_same_time(cache: PlanCache) -> None:
    with cache.building(KEY), cache.building(replace(KEY, height_px=360)):
        pass


def test_sidecars_say_what_the_plan_is_for(cache: PlanCache) -> None:
    cache.store(KEY, PLAN)
    facts = json.loads(only_file(cache, ".json").read_text())
    assert facts["driver"] == KEY.driver and facts["height_px"] == 720
