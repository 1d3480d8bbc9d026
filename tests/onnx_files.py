"""A small real detector as an ONNX file: it finds what is red, cell by cell, and writes its boxes in any of the layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SIDE, CELL = 64, 8  # pixels of the input, and of a cell of its grid
PLACES = [(x, y) for y in range(0, SIDE, CELL) for x in range(0, SIDE, CELL)]
CORNERS = np.array([(x, y, x + CELL, y + CELL) for x, y in PLACES], np.float32)
CENTRES = np.array([(x + CELL / 2, y + CELL / 2, CELL, CELL) for x, y in PLACES], np.float32)


def write_detector(path: Path, layout: str = "yolo", names: str | None = "{0: 'platelet'}") -> Path:
    """The detector as a file. Its score of a cell is the mean of red less the mean of green and blue, 0 to 1."""
    import onnx
    from onnx import TensorProto, helper

    nodes, constants, outputs = _PARTS[layout]()
    score = [
        helper.make_node("Conv", ["images", "weights"], ["red"]),
        helper.make_node("Relu", ["red"], ["positive"]),
        helper.make_node("AveragePool", ["positive"], ["pooled"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Reshape", ["pooled", "as_rows"], ["scores"]),
    ]
    weights = np.array([1, -0.5, -0.5], np.float32).reshape(1, 3, 1, 1)
    values = {"weights": weights, "as_rows": np.array([1, len(PLACES), 1], np.int64), **constants}
    graph = helper.make_graph(
        [*score, *nodes],
        "red",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
        [onnx.numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if names:
        helper.set_model_props(model, {"names": names})
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path


def _joined(*columns: np.ndarray | str, turned: bool = False):
    """Columns [1, cells, k] beside one another, as one output; "scores" is what was measured."""
    from onnx import TensorProto, helper

    constants = {f"part{i}": c for i, c in enumerate(columns) if isinstance(c, np.ndarray)}
    names = [c if isinstance(c, str) else f"part{i}" for i, c in enumerate(columns)]
    nodes = [helper.make_node("Concat", names, ["rows" if turned else "output0"], axis=2)]
    nodes += [helper.make_node("Transpose", ["rows"], ["output0"], perm=[0, 2, 1])] if turned else []
    return nodes, constants, {"output0": TensorProto.FLOAT}


def _detr():
    """Logits whose sigmoid is above one half where the score is, and boxes as shares."""
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Sub", ["scores", "half"], ["off"]), helper.make_node("Mul", ["off", "steep"], ["logits"])]
    nodes += [helper.make_node("Identity", ["shares"], ["pred_boxes"])]
    constants = {"half": np.array(0.5, np.float32), "steep": np.array(12, np.float32), "shares": CENTRES[None] / SIDE}
    return nodes, constants, {"logits": TensorProto.FLOAT, "pred_boxes": TensorProto.FLOAT}


def _boxes():
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Identity", ["corners"], ["boxes"]), helper.make_node("Identity", ["zeros"], ["labels"])]
    nodes += [helper.make_node("Reshape", ["scores", "flat"], ["confidences"])]
    constants = {"corners": CORNERS, "zeros": np.zeros(len(PLACES), np.int64), "flat": np.array([-1], np.int64)}
    return nodes, constants, {"boxes": TensorProto.FLOAT, "labels": TensorProto.INT64, "confidences": TensorProto.FLOAT}


ONES, ZEROS = np.ones((1, len(PLACES), 1), np.float32), np.zeros((1, len(PLACES), 1), np.float32)
_PARTS = {
    "yolo": lambda: _joined(CENTRES[None], "scores", turned=True),
    "yolov5": lambda: _joined(CENTRES[None], ONES, "scores"),
    "yolo-nms": lambda: _joined(CORNERS[None], "scores", ZEROS),
    "detr": _detr,
    "boxes": _boxes,
}
