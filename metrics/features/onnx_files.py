"""Networks published as ONNX files, run on one thread by onnxruntime, which is an extra of the install."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.types import BadInput

Float32 = NDArray[np.float32]


def open_onnx(path: Path, side: int, outputs: int, metric: str, what: str) -> Callable[[Float32], Float32]:
    """Return (B, 3, side, side) -> (B, outputs); `metric` needs the file, `what` is what it should be.

    BadInput without onnxruntime or with another file.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise BadInput(f"{metric}: the package onnxruntime is missing; install the extra onnx") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    errors = onnxruntime.capi.onnxruntime_pybind11_state
    try:
        session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except (errors.InvalidProtobuf, errors.InvalidGraph, errors.Fail) as error:
        raise BadInput(f"{path}: not an ONNX file ({error}); fetch it again") from error
    taken, given = session.get_inputs(), session.get_outputs()
    if [i.shape[1:] for i in taken] != [[3, side, side]] or [o.shape[-1] for o in given] != [outputs]:
        raise BadInput(f"{path}: not {what} (3x{side}x{side} in, {outputs} out); fetch it again")

    def run(batch: Float32) -> Float32:
        rows: Float32 = session.run(None, {taken[0].name: batch})[0]
        return rows

    return run
