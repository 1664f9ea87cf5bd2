"""Whether MediaPipe and the face models work here."""

from __future__ import annotations

from ..finding import Finding
from .installation import required


def faces() -> list[Finding]:
    """Whether the face models find the face in a photo that rtstyle ships."""
    import numpy as np
    from PIL import Image

    from ..capture.demo import PHOTOS
    from ..errors import EngineError
    from ..face.vision import MediaPipeVision, Wanted

    with Image.open(PHOTOS / "astronaut.jpg") as image:
        photo = np.array(image.convert("RGB"))
    mediapipe = required("mediapipe")
    try:
        vision = MediaPipeVision("short")
        try:
            seen = vision.look(photo, 1, Wanted(faces=True)).faces or ()
        finally:
            vision.close()
    except (EngineError, OSError, RuntimeError) as error:
        why = " ".join(str(error).splitlines()[:2])
        needs_gl = "libEGL" in why or "libGLES" in why
        fix = "sudo apt install libegl1 libgles2" if needs_gl else f"pip install '{mediapipe}'"
        return [Finding("faces", "warn", f"--region does not work: {why}", fix)]
    if len(seen) == 1:
        return [Finding("faces", "ok", "MediaPipe finds the face in a test photo")]
    text = f"MediaPipe finds {len(seen)} faces in a photo of one"
    return [Finding("faces", "warn", text, f"pip install --force-reinstall '{mediapipe}'")]
