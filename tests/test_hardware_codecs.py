"""Probes of hardware encoders and decoders: what is listed is tried, and what fails is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import numpy as np
import pytest

from rtstyle.capture import decoding, hwaccel, video
from rtstyle.capture.hwaccel import Planar, choose_hwaccel, why_not_cuda
from rtstyle.capture.video import VideoSource, VideoSourceOptions
from rtstyle.container import open_media
from rtstyle.errors import SinkError, SourceError, UsageError
from rtstyle.inference.nvidia import query_gpus
from rtstyle.sink.encoders import check_encoder, why_not
from tests.media import Clip, make_clip

HAS_GPU = bool(query_gpus()[0])


def test_the_default_encoder_works() -> None:
    assert why_not("libx264") == ""
    check_encoder("libx264")


@pytest.mark.skipif(HAS_GPU, reason="this machine has a GPU")
@pytest.mark.parametrize("codec", ["h264_nvenc", "hevc_nvenc", "av1_nvenc"])
def test_nvenc_without_a_gpu_is_refused_with_a_remedy(codec: str) -> None:
    with pytest.raises(SinkError) as caught:
        check_encoder(codec)
    assert caught.value.exit_code == 4
    assert "NVIDIA" in caught.value.why and "libx264" in caught.value.fix


@pytest.mark.parametrize("codec", ["no_such_encoder", "aac"])
def test_what_is_no_video_encoder_is_refused(codec: str) -> None:
    assert why_not(codec)


def test_a_pixel_format_that_the_encoder_lacks_is_refused() -> None:
    assert why_not("libx264rgb", "yuv420p")


@pytest.mark.skipif(HAS_GPU, reason="this machine has a GPU")
def test_without_a_gpu_decoding_stays_on_the_cpu() -> None:
    accelerator, why = choose_hwaccel("auto")
    assert accelerator is None and "NVIDIA" in why
    with pytest.raises(SourceError) as caught:
        choose_hwaccel("cuda")
    assert caught.value.exit_code == 3 and "auto" in caught.value.fix


def test_nothing_is_tried_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hwaccel, "why_not_cuda", lambda gpu: pytest.fail("it was tried"))
    assert choose_hwaccel("none") == (None, "")
    with pytest.raises(UsageError, match="vulkan"):
        choose_hwaccel("vulkan")


def test_a_probe_that_succeeds_gives_an_accelerator_on_that_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hwaccel, "why_not_cuda", lambda gpu: "")
    accelerator, why = choose_hwaccel("auto", 1)
    assert accelerator is not None and why == ""
    assert accelerator.device_id == 1 and not accelerator.is_hw_owned


@pytest.mark.skipif(HAS_GPU, reason="this machine has a GPU")
def test_asking_for_a_gpu_that_is_not_there_changes_nothing_but_the_notice(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", Clip(num_frames=10))
    plain = VideoSource(path)
    asked = VideoSource(path, VideoSourceOptions(hwaccel="auto"))
    for one, other in zip(plain, asked, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert one.pts == other.pts
    (notice,) = asked.notices
    assert notice.startswith("decoded on the CPU: no NVIDIA driver")
    assert plain.notices == []


@pytest.mark.parametrize(
    ("pix_fmt", "from_gpu", "rotation", "interlaced"),
    [
        ("yuv420p", "nv12", 0, False),
        ("yuv420p", "nv12", 90, False),
        ("yuv420p", "nv12", 0, True),
        ("yuv420p10le", "p010le", 0, False),
        ("yuv420p12le", "p016le", 0, False),
    ],
)
def test_pictures_as_a_gpu_hands_them_over_look_the_same(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    pix_fmt: str,
    from_gpu: str,
    rotation: int,
    interlaced: bool,
) -> None:
    """NVDEC's frames lie in two planes; all else of a frame is copied by PyAV."""
    codec = "libx265" if "12" in pix_fmt else "libx264"
    options = {"x265-params" if codec == "libx265" else "x264-params": "log-level=none"}
    options |= {"x264-params": "tff=1"} if interlaced else {}
    clip = Clip(
        num_frames=8,
        codec=codec,
        pix_fmt=pix_fmt,
        rotation=rotation,
        options=options,
        interlaced=interlaced,
    )
    path = make_clip(tmp_path / "in.mp4", clip)
    plain = VideoSource(path)
    expected = [frame.pixels for frame in plain]
    monkeypatch.setattr(video, "decode_frames", _as_from_a_gpu(from_gpu))
    monkeypatch.setattr(video, "choose_hwaccel", lambda name, gpu: (object(), ""))
    monkeypatch.setattr(video, "open_media", lambda path, hwaccel: open_media(path))
    monkeypatch.setattr(Planar, "why_on_cpu", lambda self, codec: "")
    source = VideoSource(path, VideoSourceOptions(hwaccel="auto"))
    assert (source.info, source.notices) == (plain.info, plain.notices[: len(source.notices)])
    for frame, wanted in zip(source, expected, strict=True):
        np.testing.assert_array_equal(frame.pixels, wanted)
    assert source.notices == plain.notices
    assert any("interlaced" in notice for notice in source.notices) == interlaced


def _as_from_a_gpu(pix_fmt: str) -> Callable[..., Iterator[av.VideoFrame]]:
    def decode(*arguments: Any) -> Iterator[av.VideoFrame]:
        for frame in decoding.decode_frames(*arguments):
            assert frame.format.name != pix_fmt
            yield frame.reformat(format=pix_fmt)

    return decode


@pytest.mark.parametrize(
    ("is_hwaccel", "pix_fmt", "words"),
    [
        (True, "nv12", ""),
        (True, "p010le", ""),
        (True, "yuv444p", ""),
        (True, "yuv422p", "this kind of h264"),
        (False, "yuv420p", "does not decode h264"),
    ],
)
def test_a_stream_that_the_gpu_does_not_take_is_told(
    is_hwaccel: bool, pix_fmt: str, words: str
) -> None:
    planar = Planar()
    list(planar([av.VideoFrame(64, 64, pix_fmt)]))
    codec = SimpleNamespace(name="h264", is_hwaccel=is_hwaccel)
    why = planar.why_on_cpu(cast(Any, codec))
    assert words in why and bool(words) == bool(why)


@pytest.mark.gpu
def test_nvdec_on_a_gpu(tmp_path: Path) -> None:
    if not HAS_GPU:
        pytest.skip("no NVIDIA GPU")
    reason = why_not_cuda()
    if reason:
        pytest.skip(reason)
    path = make_clip(tmp_path / "in.mp4", Clip(size_hw=(256, 320), num_frames=30))
    on_gpu = VideoSource(path, VideoSourceOptions(hwaccel="cuda"))
    assert not on_gpu.notices
    for one, other in zip(VideoSource(path), on_gpu, strict=True):
        assert np.abs(one.pixels.astype(int) - other.pixels).max() <= 2
