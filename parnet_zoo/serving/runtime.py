"""From bytes to labels: the one file that training, `predict` and the served model share.

It stands alone: numpy, Pillow, an inference engine and the standard library, nothing of the
project and no TensorFlow. Every version that is logged carries a copy of it, so that a server
needs the version and nothing else. Under its project name it is an ordinary module; when MLflow
loads the copy (under a name of MLflow's making), the last lines hand MLflow a model.

Pictures are decoded under limits, turned upright (EXIF orientation), converted to RGB and resized
to the network's square. Formats: JPEG (with MPO, the phones' kind of JPEG), PNG, WebP, BMP, GIF,
TIFF and JPEG 2000. Of animations and files with several pages the first picture is taken. Colour
profiles are not applied. Transparent pixels are laid over white. 16-bit grey is scaled to 8 bits.
"""

import base64
import binascii
import io
import json
import logging
import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Resize = Literal["stretch", "crop"]
Source: TypeAlias = bytes | bytearray | memoryview | str | Path | NDArray[np.uint8] | Image.Image

FORMAT_VERSION = 1
"""Of classifier.json. A reader refuses what it does not know."""

MAX_BYTES = 64 * 2**20
"""Largest encoded picture."""

MAX_PIXELS = 64_000_000
"""Largest picture of any format; decoded it takes 4 bytes a pixel."""

# JPEG shrinks while it is decoded, so that only its header's size counts. The others are decoded
# whole, JPEG 2000 into 4 bytes a channel.
_MAX_PIXELS_OF_FORMAT = {"JPEG": MAX_PIXELS, "MPO": MAX_PIXELS, "JPEG2000": 16_000_000}
_MAX_PIXELS_OTHERWISE = 40_000_000

# A progressive JPEG may hold any number of scans, and each costs a pass over all pixels: a small
# file that takes hours. Photographs have about ten.
_MAX_PIXELS_TIMES_SCANS = 1_500_000_000

# MPO comes with JPEG, whose reader recognises it. Only what users' pictures need: Pillow's other
# formats start other programs (EPS), open other files, or have seen little scrutiny.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "JPEG2000")
_FORMAT_NAMES = "JPEG, PNG, WebP, BMP, GIF, TIFF or JPEG 2000"

_ORIENTATION_TAG = 0x0112
_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# The picture is first shrunk by whole numbers to no less than this many times the target (inside
# the JPEG decoder where there is one), then resampled: as good to the eye, and much faster.
_REDUCING_GAP = 2.0

_BATCH = 16
"""Pictures that go through the network at once: bounds memory, whatever a request holds."""

_BATCH_DIMENSIONS = 4
_CHANNELS = 3
_MAX_RESOLUTION = 4096


class ImageDecodeError(ValueError):
    """A picture cannot be read; the message is one sentence without the picture's bytes."""


class RuntimeModelError(ValueError):
    """A model folder is missing, broken or of a later format; the message is one sentence."""


class Score(TypedDict):
    """A label and its probability."""

    label: str
    probability: float


class Answer(Score):
    """The most probable label of a picture, and the first few with it, best first."""

    top_k: list[Score]


def decode_image(source: Source, size: int, resize: Resize = "stretch") -> NDArray[np.uint8]:
    """Decode a picture to the network's square of pixels.

    This is the project's only decoder: training, validation, `predict` and the server call it, and
    so see the same pixels.

    Args:
        source: An encoded picture as bytes; a path to one; pixels as a uint8 array of shape (h, w),
            (h, w, 1), (h, w, 3) RGB or (h, w, 4) RGBA; or a PIL image, which is not changed.
        size: Side of the square, pixels.
        resize: "stretch" changes the aspect ratio, so that all of the picture is seen; "crop" takes
            the largest square in the middle. Both resample bilinearly with antialiasing.

    Returns:
        RGB pixels of shape (size, size, 3).

    Raises:
        ImageDecodeError: The source is no readable picture, or exceeds a limit.
    """
    if size < 1:
        raise ValueError(f"size must be 1 or more, not {size}")
    if resize not in get_args(Resize):
        raise ValueError(f"resize must be 'stretch' or 'crop', not {resize!r}")
    try:
        upright = _upright(_open(source, size))
        return np.array(_resized(_rgb(upright), size, resize))
    except ImageDecodeError:
        raise
    # Pillow's decoders meet broken files with nearly every exception there is.
    except Exception as error:
        raise ImageDecodeError("the picture's data is broken or cut off") from error


def _open(source: Source, size: int) -> Image.Image:
    """The source as a loaded PIL image within the limits, perhaps shrunk on the way."""
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        _check_pixels(source)
        # An image that was opened but not read yet is read here, and may turn out to be broken.
        source.load()
        return source
    if isinstance(source, str | os.PathLike):
        return _from_bytes(_read(Path(source)), size)
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_bytes(bytes(source), size)
    raise ImageDecodeError(
        "a picture is given as bytes, a path, a uint8 array or a PIL image, "
        f"not as {type(source).__name__}"
    )


def _from_array(pixels: NDArray[Any]) -> Image.Image:
    if pixels.dtype != np.uint8:
        raise ImageDecodeError(f"pixels must be uint8 (0-255), not {pixels.dtype}")
    match pixels.shape:
        case (height, width) | (height, width, 3 | 4):
            grey_or_colour = pixels
        case (height, width, 1):
            grey_or_colour = pixels[:, :, 0]
        case shape:
            raise ImageDecodeError(
                f"pixels must have the shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), not {shape}"
            )
    if height * width == 0:
        raise ImageDecodeError("the picture has no pixels")
    if height * width > MAX_PIXELS:
        raise _too_many_pixels(width, height, MAX_PIXELS)
    return Image.fromarray(np.ascontiguousarray(grey_or_colour))


def _read(path: Path) -> bytes:
    """The file's bytes, never more than the limit, and never from a pipe or a device."""
    try:
        if not path.is_file():
            raise ImageDecodeError(
                "this is not a file" if path.exists() else "there is no such file"
            )
        with path.open("rb") as file:
            # Asked for MAX_BYTES, Python gets so much memory each time, whatever the file holds.
            size = min(os.fstat(file.fileno()).st_size, MAX_BYTES)
            data = file.read(size + 1)
            return data if len(data) <= size else data + file.read(MAX_BYTES - size)
    # ValueError: a NUL in the path.
    except (OSError, ValueError) as error:
        if isinstance(error, ImageDecodeError):
            raise
        reason = getattr(error, "strerror", None) or "the path is not valid"
        raise ImageDecodeError(f"the file cannot be read: {reason}") from error


def _from_bytes(data: bytes, size: int) -> Image.Image:
    if not data:
        raise ImageDecodeError("there is no data: the file or the bytes are empty")
    if len(data) > MAX_BYTES:
        raise ImageDecodeError(f"the picture is larger than {MAX_BYTES // 2**20} MB")
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    # The warning is raised where a program has turned warnings into errors.
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageDecodeError("the picture has too many pixels") from error
    except Exception as error:
        raise ImageDecodeError(f"this is not a picture in {_FORMAT_NAMES}") from error
    _check_pixels(image)
    if image.format in ("JPEG", "MPO"):
        _check_scans(image, data)
        gap = math.ceil(size * _REDUCING_GAP)
        image.draft(None, (gap, gap))
    image.load()
    return image


def _check_pixels(image: Image.Image) -> None:
    """Refuse decompression bombs by the header's size, before any pixel is decoded.

    Pillow's own limit is a global that programs change, and by default only warns.
    """
    limit = _MAX_PIXELS_OF_FORMAT.get(image.format or "", _MAX_PIXELS_OTHERWISE)
    if image.width * image.height > limit:
        raise _too_many_pixels(image.width, image.height, limit)
    if image.width < 1 or image.height < 1:
        raise ImageDecodeError("the picture has no pixels")


def _check_scans(image: Image.Image, data: bytes) -> None:
    # FF DA starts a scan and cannot occur inside one, where every FF is followed by 00 or D0-D7.
    if image.width * image.height * data.count(b"\xff\xda") > _MAX_PIXELS_TIMES_SCANS:
        raise ImageDecodeError("the JPEG has far too many scans for its size")


def _too_many_pixels(width: int, height: int, limit: int) -> ImageDecodeError:
    return ImageDecodeError(
        f"the picture has {width} x {height} pixels, more than {limit // 1_000_000} million"
    )


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    # A broken EXIF block says nothing about the pixels: the picture is taken as it is.
    except Exception:
        return image
    transpose = _TRANSPOSES.get(orientation) if isinstance(orientation, int) else None
    return image if transpose is None else image.transpose(transpose)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _from_sixteen_bits(image).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    if image.mode == "RGB":
        return image
    if image.mode not in ("1", "L", "LA", "P", "PA", "RGBX", "CMYK", "YCbCr", "HSV"):
        raise ImageDecodeError(f"pictures with pixels of the kind {image.mode} are not supported")
    return image.convert("RGB")


def _from_sixteen_bits(image: Image.Image) -> Image.Image:
    # Pillow's own conversion clips at 255 and so turns most of the picture white.
    values = np.clip(np.asarray(image), 0, 65535).astype(np.uint32)
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _resized(image: Image.Image, size: int, resize: Resize) -> Image.Image:
    width, height = image.size
    box: tuple[float, float, float, float] = (0, 0, width, height)
    if resize == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        # Resampling out of a box never builds the whole enlarged picture, which for a strip of
        # 60,000 x 1 pixels would be gigabytes.
        box = (left, top, left + side, top + side)
    return image.resize(
        (size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=_REDUCING_GAP
    )


def bytes_from_base64(text: str) -> bytes:
    """Decode base64 text or a base64 data URL (`data:image/png;base64,...`).

    White space is ignored, the URL-safe alphabet and missing padding are accepted.

    Raises:
        ImageDecodeError: The text is too long or not base64.
    """
    if len(text) > MAX_BYTES * 3 // 2:
        raise ImageDecodeError(f"the picture is larger than {MAX_BYTES // 2**20} MB")
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            raise ImageDecodeError("the data URL does not hold base64")
    compact = re.sub(r"\s+", "", text).translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageDecodeError("this is not base64 text") from error


@dataclass(frozen=True)
class _Settings:
    """What classifier.json holds."""

    labels: tuple[str, ...]
    resolution: int
    resize: Resize
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Classifier:
    """A trained classifier in a folder: `model.onnx` and `classifier.json`.

    Safe to use from several threads.

    Args:
        folder: Where the two files are.
        engine: "onnxruntime", or "auto" for the best engine that is installed.

    Attributes:
        labels: The classes, in the order of the network's outputs.
        size: Side of the network's input, pixels.
        resize: How pictures become squares; see `decode_image`.
        engine: Name of the engine in use.
        threads: How many it may use for one call.

    Raises:
        RuntimeModelError: The folder does not hold a usable model.
    """

    def __init__(self, folder: str | Path, engine: str = "auto") -> None:
        if engine not in ("auto", "onnxruntime"):
            raise RuntimeModelError(f"engine must be 'auto' or 'onnxruntime', not {engine!r}")
        root = Path(folder)
        self._settings = _read_settings(root / "classifier.json")
        self._session = _open_session(root / "model.onnx")
        self._input = self._session.get_inputs()[0].name
        self.labels = self._settings.labels
        self.size = self._settings.resolution
        self.resize = self._settings.resize
        self.engine = "onnxruntime"
        self.threads = int(self._session.get_session_options().intra_op_num_threads)
        self._check_graph()

    def decode(self, source: Source) -> NDArray[np.uint8]:
        """Decode a picture as in training; see `decode_image`. Shape (size, size, 3)."""
        return decode_image(source, self.size, self._settings.resize)

    def probabilities(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities of all classes, for decoded pictures.

        Args:
            batch: Pixels of shape (n, size, size, 3), uint8. n may be 0 and has no upper limit.

        Returns:
            Shape (n, classes), each row summing to 1.

        Raises:
            ValueError: Wrong shape or type.
        """
        if batch.dtype != np.uint8 or batch.shape[1:] != (self.size, self.size, 3):
            raise ValueError(
                f"expected uint8 pixels of shape (n, {self.size}, {self.size}, 3), "
                f"not {batch.dtype} of shape {batch.shape}"
            )
        logits = np.zeros((len(batch), len(self.labels)), np.float64)
        for start in range(0, len(batch), _BATCH):
            rows = slice(start, start + _BATCH)
            (logits[rows],) = self._session.run(None, {self._input: self._normalised(batch[rows])})
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return shares.astype(np.float32)

    def predict(self, sources: Source | Iterable[Source], top_k: int = 5) -> list[Answer]:
        """Classify pictures.

        Args:
            sources: Pictures as `decode_image` takes them, or a single one.
            top_k: How many labels to give for each; more than there are means all.

        Returns:
            One answer for each picture, in order.

        Raises:
            ImageDecodeError: A picture cannot be read; the message says which.
            ValueError: top_k is less than 1.
        """
        answers: list[Answer] = []
        for batch in self._batches(_several(sources)):
            answers.extend(self.answers(self.probabilities(batch), top_k))
        return answers

    def answers(self, probabilities: NDArray[np.float32], top_k: int = 5) -> list[Answer]:
        """Put rows of probabilities, shape (n, classes), into words."""
        if top_k < 1:
            raise ValueError(f"top_k must be 1 or more, not {top_k}")
        return [self._answer(row, top_k) for row in probabilities]

    def _answer(self, row: NDArray[np.float32], top_k: int) -> Answer:
        best = np.argsort(-row, kind="stable")[:top_k]
        scores = [Score(label=self.labels[i], probability=float(row[i])) for i in best]
        return Answer(**scores[0], top_k=scores)

    def _batches(self, sources: Iterable[Source]) -> Iterator[NDArray[np.uint8]]:
        decoded: list[NDArray[np.uint8]] = []
        for number, source in enumerate(sources, start=1):
            try:
                decoded.append(self.decode(source))
            except ImageDecodeError as error:
                name = str(source) if isinstance(source, str | Path) else f"image {number}"
                raise ImageDecodeError(f"{name}: {error}") from error
            if len(decoded) == _BATCH:
                yield np.stack(decoded)
                decoded = []
        if decoded:
            yield np.stack(decoded)

    def _normalised(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        # In this order and in float32, as in training.
        pixels = batch.astype(np.float32)
        pixels /= np.float32(255)
        pixels -= np.asarray(self._settings.mean, np.float32)
        pixels /= np.asarray(self._settings.std, np.float32)
        return pixels

    def _check_graph(self) -> None:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        wanted_in, wanted_out = [self.size, self.size, 3], [len(self.labels)]
        if (
            len(inputs) != 1
            or len(outputs) != 1
            or not _fits(inputs[0].shape, wanted_in)
            or not _fits(outputs[0].shape, wanted_out)
        ):
            raise RuntimeModelError(
                f"model.onnx does not fit classifier.json: wanted are pictures (n, {self.size}, "
                f"{self.size}, 3) and {len(self.labels)} classes, the graph has "
                f"{[node.shape for node in inputs]} and {[node.shape for node in outputs]}"
            )


def _several(sources: Source | Iterable[Source]) -> Iterable[Source]:
    """A single picture as a list of one; otherwise what was given, unread."""
    if isinstance(sources, bytes | bytearray | memoryview | str | os.PathLike | Image.Image):
        return [sources]
    if isinstance(sources, np.ndarray) and sources.ndim < _BATCH_DIMENSIONS:
        return [sources]
    return sources


def _fits(shape: Sequence[int | str | None], wanted: Sequence[int]) -> bool:
    """Whether a graph's shape is a batch of `wanted`, where an open dimension fits anything."""
    return len(shape) == len(wanted) + 1 and all(
        not isinstance(given, int) or given == want
        for given, want in zip(shape[1:], wanted, strict=True)
    )


def _read_settings(path: Path) -> _Settings:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise RuntimeModelError(f"no model here: {path} is missing") from error
    except OSError as error:
        raise RuntimeModelError(f"{path} cannot be read: {error.strerror}") from error
    # RecursionError: JSON that is nested without end.
    except (ValueError, RecursionError) as error:
        raise RuntimeModelError(f"{path} is not valid JSON") from error
    if not isinstance(content, dict):
        raise RuntimeModelError(f"{path} does not hold a JSON object")
    if content.get("format_version") != FORMAT_VERSION:
        raise RuntimeModelError(
            f"{path} has format_version {content.get('format_version')!r}; "
            f"this runtime reads {FORMAT_VERSION}"
        )
    try:
        return _settings_from(content)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RuntimeModelError(f"{path} is not usable: {_what_is_wrong(error)}") from error


def _what_is_wrong(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)


def _settings_from(content: dict[str, Any]) -> _Settings:
    labels, resolution, resize = content["labels"], content["resolution"], content["resize"]
    if not isinstance(labels, list) or not labels or not all(isinstance(x, str) for x in labels):
        raise ValueError("labels must be a list of strings")
    if len(set(labels)) != len(labels):
        raise ValueError("labels must be unique")
    if type(resolution) is not int or not 1 <= resolution <= _MAX_RESOLUTION:
        raise ValueError(f"resolution must be a whole number from 1 to {_MAX_RESOLUTION}")
    if resize not in ("stretch", "crop"):
        raise ValueError("resize must be 'stretch' or 'crop'")
    mean, std = _three_numbers(content["mean"], "mean"), _three_numbers(content["std"], "std")
    if min(std) <= 0:
        raise ValueError("std must be above 0")
    return _Settings(tuple(labels), resolution, resize, mean, std)


def _three_numbers(value: Any, name: str) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != _CHANNELS:
        raise ValueError(f"{name} must be three numbers")
    red, green, blue = (float(number) for number in value)
    if not all(map(math.isfinite, (red, green, blue))):
        raise ValueError(f"{name} must be three finite numbers")
    return red, green, blue


def _open_session(path: Path) -> Any:
    import onnxruntime

    if not path.is_file():
        raise RuntimeModelError(f"no model here: {path} is missing")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    # Left alone, ONNX Runtime counts the machine's cores, not the container's, and complains on
    # standard error where it may not pin threads to them.
    options.intra_op_num_threads = _processors()
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    # ONNX Runtime's exceptions share no base class.
    except Exception as error:
        raise RuntimeModelError(f"{path} is not a usable ONNX graph") from error


def _processors() -> int:
    """How many processors this process may use, counting a container's quota."""
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        count = min(count, math.ceil(int(quota) / int(period)))
    # No such file, or "max": no quota.
    except (OSError, ValueError):
        pass
    return max(1, count)


def _register_with_mlflow() -> None:
    """Give MLflow, which is loading this file as a model, its model."""
    import mlflow
    import pandas as pd
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE

    class Refusal(MlflowException):
        """An error whose message stays as it is.

        MLflow's server puts the whole request in front of the message of what is raised here, by
        assigning to it; a picture in base64 would drown the sentence that says what is wrong.
        """

        def __init__(self, sentence: str, error_code: int = INVALID_PARAMETER_VALUE) -> None:
            self._sentence = sentence
            super().__init__(sentence, error_code=error_code)

        @property
        def message(self) -> str:
            return self._sentence

        @message.setter
        def message(self, _: str) -> None:
            """Keep the sentence."""

    class ServedClassifier(mlflow.pyfunc.PythonModel):
        """Column `image` (base64 text) in; label, probability and top_k out, row by row."""

        # The name `context` is MLflow's.
        def load_context(self, context: Any) -> None:
            self.classifier = Classifier(context.artifacts["model"])

        # The type hint tells MLflow not to derive a signature from it.
        def predict(
            self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
        ) -> list[Answer]:
            try:
                top_k = _top_k_of(params)
                pictures = _pictures_of(model_input)
                return self.classifier.predict(pictures, top_k)
            except (ImageDecodeError, _RequestError) as error:
                raise Refusal(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
            except Exception as error:
                logging.getLogger("parnet_runtime").exception("a request failed")
                sentence = "The model failed on this request; the server's log says why."
                raise Refusal(sentence, INTERNAL_ERROR) from error

    mlflow.models.set_model(ServedClassifier())


class _RequestError(ValueError):
    """A request that cannot be answered; the message is one sentence for the client."""


def _top_k_of(params: dict[str, Any] | None) -> int:
    top_k = (params or {}).get("top_k")
    if top_k is None:
        return 5
    if not isinstance(top_k, int) or top_k < 1:
        raise _RequestError(f"parameter top_k must be a whole number from 1 up, not {top_k!r}")
    return top_k


def _pictures_of(table: Any) -> Iterator[bytes]:
    """The encoded pictures of a request, decoded from base64 only when their turn comes."""
    if "image" not in table.columns or not len(table):
        raise _RequestError(
            "the request holds no pictures: give them in column 'image', each as base64 text"
        )
    values = table["image"].tolist()
    # What MLflow makes in Python of {"image": [picture, picture]}: one row with a list in it.
    if len(values) == 1 and isinstance(values[0], list):
        (values,) = values
    return map(_encoded_picture, enumerate(values, start=1))


def _encoded_picture(numbered: tuple[int, Any]) -> bytes:
    number, value = numbered
    if isinstance(value, bytes):
        return value
    # Never a path: a client must not be able to make the server open its files.
    if not isinstance(value, str):
        raise _RequestError(f"image {number}: this is not base64 text")
    try:
        return bytes_from_base64(value)
    except ImageDecodeError as error:
        raise _RequestError(f"image {number}: {error}") from error


if __name__ != "parnet_zoo.serving.runtime":
    _register_with_mlflow()
