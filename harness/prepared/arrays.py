"""The member npz of a sample: small arrays as they are, masks as bits, packed and deflated one by one.

    landmarks (T, 68, 2) float32, boxes (T, 3) float32 (`prepare.PreparedClip`)
    pose      (T, 3) float32 degrees: yaw, pitch, roll (`faces.head_pose`)
    mask, lower_half, hull   (T, ceil(S * S / 8)) uint8: rows of np.unpackbits are pictures, row by row

Masks say much in few bytes: of 8,192 a picture of 256 px some 200 stay, and unpacking takes less than making.
"""

import io
import zipfile
from collections.abc import Collection, Iterable, Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Masks = Iterable[NDArray[np.bool_]]
"""(S, S) bool, one a frame, made as they are asked for: those of half an hour would fill a memory."""

_DATE = (1980, 1, 1, 0, 0, 0)


def packed(arrays: Mapping[str, NDArray[Any]], masks: Mapping[str, Masks], frames: int, size: int) -> bytes:
    """Return an npz of arrays, and of masks of `frames` pictures of (size, size); always the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(_entry(name), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
        for name, pictures in masks.items():
            shape = (frames, -(-size * size // 8))
            with archive.open(_entry(name), "w", force_zip64=True) as file:
                about = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, about)
                for picture in pictures:
                    file.write(np.packbits(picture).tobytes())
    return out.getvalue()


def read(content: IO[bytes], names: Collection[str]) -> dict[str, NDArray[Any]]:
    """Return those of the named arrays that there are. Raises what numpy does where there is no npz."""
    with np.load(io.BytesIO(content.read()), allow_pickle=False) as stored:
        return {name: stored[name] for name in names if name in stored}


def unpacked(mask: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Return (T, size, size) bool of stored bits."""
    bits = np.unpackbits(mask, axis=1, count=size * size)
    return bits.astype(bool).reshape(-1, size, size)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(f"{name}.npy", _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
