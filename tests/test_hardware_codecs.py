"""Probes of hardware encoders and decoders: what is listed is tried, and what fails is said."""

from __future__ import annotations

import logging

import pytest

from rtstyle.capture import hwaccel
from rtstyle.capture.hwaccel import choose_hwaccel, why_not_cuda
from rtstyle.errors import SinkError, SourceError
from rtstyle.inference.nvidia import query_gpus
from rtstyle.sink.encoders import check_encoder, why_not

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
def test_without_a_gpu_decoding_stays_on_the_cpu(caplog: pytest.LogCaptureFixture) -> None:
    assert "NVIDIA" in why_not_cuda()
    with caplog.at_level(logging.INFO):
        assert choose_hwaccel("auto") is None
    assert "decoding on the CPU" in caplog.text
    assert choose_hwaccel("none") is None
    with pytest.raises(SourceError) as caught:
        choose_hwaccel("cuda")
    assert caught.value.exit_code == 3 and "auto" in caught.value.fix


def test_a_probe_that_succeeds_gives_an_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    from av.codec import hwaccel as pyav

    made: list[str] = []

    class Accelerator:
        def __init__(self, kind: str) -> None:
            made.append(kind)

    monkeypatch.setattr(hwaccel, "why_not_cuda", lambda: "")
    monkeypatch.setattr(pyav, "HWAccel", Accelerator)
    assert choose_hwaccel("none") is None and made == []
    assert choose_hwaccel("auto") is not None and made == ["cuda"]


@pytest.mark.gpu
def test_nvdec_on_a_gpu() -> None:
    if not HAS_GPU:
        pytest.skip("no NVIDIA GPU")
    reason = why_not_cuda()
    if reason:
        pytest.skip(reason)
    assert choose_hwaccel("cuda") is not None
