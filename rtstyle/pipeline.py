"""The whole flow of one frame, and all state that lasts from one frame to the next."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache, partial

from .composite import PIXEL_FADE_STRENGTH, blend, composite, region_share
from .controls import Controls
from .face import FaceOptions, People, needs_whole, paint_faces, paints_faces, wanted_by
from .frame import Frame, Motion, Pixels
from .inference import Engine, begin
from .motion import Seen, analyse
from .passing import Afterimage
from .sizes import enlarge, processing_size, resize
from .stage_times import StageTimes
from .style import ORIGINAL, Style, StyleBank
from .temporal import CORES, DISSOLVE_FRAMES, Fed, feed, smoothed

EVENNESS = 0.25
"""Paint grows more slowly than a style's share of the vector at first: on average of 23 styles to
43 % of it at a half. With so much more in between a half is a half."""


class Layer:
    """What the last frame left behind: what was `fed` to inference, and what came of it."""

    def __init__(self, fed: Fed, finish: Callable[[], Pixels]) -> None:
        self.fed = fed
        self._finish: Callable[[], Pixels] | None = finish
        self._painted: Pixels | None = None

    def painted(self) -> Pixels:
        """The painted layer (H, W, 3); the first call waits for the engine and finishes it."""
        if self._finish is not None:
            # Forget how: it holds on to the layer before, which holds on to the one before that.
            self._painted, self._finish = self._finish(), None
        assert self._painted is not None
        return self._painted


class Shown:
    """What the last finished frame of a look left behind."""

    pixels: Pixels | None = None
    afterimage: Afterimage | None = None


class Pipeline:
    """Turns captured frames into frames to show; one pipeline per stream.

    Frames must come in order. `reset` forgets everything that earlier frames left behind.
    """

    def __init__(
        self, engine: Engine, bank: StyleBank, face_options: FaceOptions | None = None
    ) -> None:
        self.engine, self.bank = engine, bank
        face_options = face_options or FaceOptions()
        self.people = People(face_options)
        self._closely = not face_options.live  # a live stream may not wait for it
        self.times = StageTimes()
        self._threads = _threads()
        self._style = lru_cache(maxsize=8)(partial(style_at_strength, bank))
        self.reset()

    def reset(self) -> None:
        """Start afresh: a new scene, source or size."""
        self._stream: object = None
        self._look: object = None
        self._alphas: tuple[float, ...] = ()
        self._seen: Seen | None = None
        self._layer: Layer | None = None
        self._shown = Shown()
        self.people.reset()

    def close(self) -> None:
        """End the threads of the pipeline; it may be used again."""
        self.people.close()
        self._threads.shutdown()
        self._threads = _threads()

    def process(self, frame: Frame, controls: Controls) -> Frame:
        """Paint one frame as `controls` say."""
        return self.begin(frame, controls)()

    def begin(self, frame: Frame, controls: Controls) -> Callable[[], Frame]:
        """Look at a frame and start to paint it; call the result for the painted frame.

        An engine that paints behind (`rtstyle.inference.begin`) goes on meanwhile, so that the next
        frame may be begun before this one is finished. Frames are finished in order, too.
        """
        self._check_look(frame, controls)
        if controls.smooth > 0 or wanted_by(controls):
            with self.times.stage("motion"):
                motion, self._seen = analyse(
                    frame.pixels, self._seen, closely=self._closely, each=self._threads.map
                )
            frame = replace(frame, motion=motion)
        with self.times.stage("face"):
            frame = self.people.find(frame, controls)
        paint = self._begin_painting(frame, controls)

        def finish() -> Frame:
            painted = paint()
            with self.times.stage("composite"):
                share = region_share(frame, controls)
                fade = PIXEL_FADE_STRENGTH if has_strengths(self.bank) else 1.0
                return frame.painted(composite(frame.pixels, painted, controls, share, fade))

        return finish

    def _check_look(self, frame: Frame, controls: Controls) -> None:
        """Forget what would look otherwise now."""
        stream = frame.pixels.shape, controls.smooth > 0 or bool(wanted_by(controls))
        if stream != self._stream:
            self.reset()
            self._stream = stream
        look = controls.mix, controls.strength, controls.region, paints_faces(controls)
        if look != self._look:
            self._layer, self._shown = None, Shown()
            self._look = look

    def _begin_painting(self, frame: Frame, controls: Controls) -> Callable[[], Pixels]:
        """Paint at the processing size, smooth it over time and bring the result back to size."""
        past, layer = self._past(frame, controls)
        motion = frame.motion if controls.smooth > 0 else None
        if controls.strength == 0 or controls.compare == "before":
            self._layer, self._shown = None, Shown()
            return lambda: frame.pixels
        frame_hw = frame.height, frame.width
        size_hw = processing_size(*frame_hw, controls.size_px)
        is_resized = past is not None and past.size_hw != size_hw
        if is_resized:
            past = layer = None
        if layer is None or past is None or not past.stays(motion, size_hw):
            layer = self._layer = self._begin_layer(frame, controls, size_hw, past, layer)
        shown, layer_now = self._shown, layer

        def finish() -> Pixels:
            painted = layer_now.painted()
            if is_resized and shown.pixels is not None:
                shown.afterimage = Afterimage(shown.pixels)
            shown.pixels = self._under_afterimage(painted, shown, motion)
            with self.times.stage("resize"):
                return enlarge(shown.pixels, *frame_hw)

        return finish

    def _begin_layer(
        self,
        frame: Frame,
        controls: Controls,
        size_hw: tuple[int, int],
        past: Fed | None,
        before: Layer | None,
    ) -> Layer:
        frame_hw = frame.height, frame.width
        with self.times.stage("resize", counts=False):
            pixels = resize(frame.pixels, *(frame_hw if paints_faces(controls) else size_hw))
        motion = frame.motion if controls.smooth > 0 else None
        fed = feed(pixels, motion, past, size_hw)
        style, scale = self._style(controls.mix, controls.strength), size_hw[0] / frame.height
        whole: Callable[[], Pixels] | None = None
        if controls.region != "face" or needs_whole(frame.faces, scale):
            whole = self._begin_whole(fed, style)

        def finish() -> Pixels:
            painted = fed.pixels if whole is None else whole()
            if paints_faces(controls) and frame.faces:
                with self.times.stage("face patches"):
                    paint = partial(self.engine.stylize, style=style)
                    painted = paint_faces(fed.pixels, painted, frame.faces, scale, paint)
            last = None if before is None else before.painted()
            holds, each = fed.dissolve == 0, self._threads.map
            with self.times.stage("temporal"):
                return smoothed(painted, motion, last, controls.smooth, holds=holds, each=each)

        return Layer(fed, finish)

    def _under_afterimage(self, painted: Pixels, shown: Shown, motion: Motion | None) -> Pixels:
        """The painting under what is left of one of another size."""
        if shown.afterimage is None:
            return painted
        with self.times.stage("passing"):
            shown.afterimage = shown.afterimage.moved(motion)
            if shown.afterimage is None:
                return painted
            over = shown.afterimage.pixels
            # A finer picture must not lose its strokes at once.
            hw = max(painted.shape[:2], over.shape[:2])
            return blend(enlarge(painted, *hw), enlarge(over, *hw), shown.afterimage.share)

    def _past(self, frame: Frame, controls: Controls) -> tuple[Fed | None, Layer | None]:
        """What was painted last, as far as it says something about this frame."""
        if frame.motion is not None and frame.motion.is_cut:
            return None, None
        alphas = tuple(face.alpha for face in frame.faces) if paints_faces(controls) else ()
        fading, self._alphas = alphas != self._alphas, alphas
        # A face that fades in or out changes the painting of what stands still: where only faces
        # are painted there is no past, else it passes over within some frames.
        if self._layer is None or (fading and controls.region == "face"):
            return None, None
        fed = self._layer.fed
        return replace(fed, dissolve=DISSOLVE_FRAMES) if fading else fed, self._layer

    def _begin_whole(self, fed: Fed, style: Style) -> Callable[[], Pixels]:
        with self.times.stage("resize", counts=False):
            small = resize(fed.pixels, *fed.size_hw)
        with self.times.stage("inference", counts=False):
            paint = begin(self.engine, small, style)

        def finish() -> Pixels:
            with self.times.stage("inference"):
                painted = paint()
            with self.times.stage("resize", counts=False):
                return enlarge(painted, *fed.pixels.shape[:2])

        return finish


def _threads() -> ThreadPoolExecutor:
    """Those that follow and smooth; none starts before it has something to do."""
    return ThreadPoolExecutor(CORES, "smoothing")


class StillsPipeline(Pipeline):
    """For pictures of which none follows from the one before it.

    `choose_mix`, where given, replaces the mix of the controls, picture by picture.
    """

    choose_mix: Callable[[Frame], tuple[tuple[str, float], ...]] | None = None

    def begin(self, frame: Frame, controls: Controls) -> Callable[[], Frame]:
        self.reset()
        if self.choose_mix is not None:
            controls = replace(controls, mix=self.choose_mix(frame))
        return super().begin(frame, controls)


def paint_pixels(engine: Engine, bank: StyleBank, pixels: Pixels, controls: Controls) -> Pixels:
    """Paint one picture that belongs to no stream: (H, W, 3) uint8 RGB -> the same size."""
    pipeline = Pipeline(engine, bank)
    try:
        return pipeline.process(Frame.still(pixels), controls).pixels
    finally:
        pipeline.close()


def has_strengths(bank: StyleBank) -> bool:
    """Whether styles can be weakened; else pixels alone are blended."""
    return ORIGINAL in bank.names


def style_at_strength(
    bank: StyleBank, mix: tuple[tuple[str, float], ...], strength: float
) -> Style:
    """The style of a mix, drawn towards `original` as the strength falls."""
    if strength == 1 or not has_strengths(bank):
        return bank.mix(mix)
    total = sum(share for _, share in mix)
    drawn = strength * (1 + EVENNESS * (1 - strength))
    weaker = [(name, share * drawn) for name, share in mix]
    return bank.mix([*weaker, (ORIGINAL, total * (1 - drawn))])
