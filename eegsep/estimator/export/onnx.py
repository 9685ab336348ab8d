"""A fitted classifier as an ONNX model: a node for each layer of the folded chain.

Written directly, without torch's exporter: the same few nodes from every version of torch.
"""

from __future__ import annotations

import numpy as np
from torch import nn

import eegsep
from eegsep._utils.extras import import_extra
from eegsep._utils.tables import written_aside
from eegsep.network.convolutions import same_padding

from .description import describe
from .folded import Centre, fold

# The first in which softmax is along one axis: runtimes since 2020 read it.
OPSET = 13
IR_VERSION = 7


def to_onnx(clf, path=None, metadata=None):
    """Write a classifier; see :meth:`eegsep.EEGNetClassifier.to_onnx`."""
    onnx = import_extra("onnx", "onnx", "ONNX needs its package")
    description = describe(clf, metadata)
    chain = fold(clf)
    nodes, constants = [], []
    source = "X"
    for name, layer in chain.named_children():
        operator, tensors, attributes = _operation(layer)
        names = [f"{name}.{of}" for of in tensors]
        nodes.append(
            onnx.helper.make_node(operator, [source, *names], [name], name=name, **attributes)
        )
        arrays = zip(tensors.values(), names, strict=True)
        constants += [onnx.numpy_helper.from_array(array, name) for array, name in arrays]
        source = name

    def value(name, *shape):
        kind = onnx.TensorProto.FLOAT
        return onnx.helper.make_tensor_value_info(name, kind, ["n_trials", *shape])

    n_classes = len(clf.classes_)
    graph = onnx.helper.make_graph(
        nodes,
        "EEGNet",
        [value("X", clf.n_features_in_, clf.n_times_in_)],
        [value("probabilities", n_classes), value("logits", n_classes)],
        constants,
    )
    model = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="eegsep",
        producer_version=eegsep.__version__,
        doc_string="Trials of EEG, in the unit of the fit, to the probabilities of their classes.",
    )
    onnx.helper.set_model_props(model, description)
    onnx.checker.check_model(model, full_check=True)
    if path is not None:
        with written_aside(path) as file:
            file.write_bytes(model.SerializeToString())
    return model


def _operation(layer):
    """Operator, tensors by name and attributes of the node that computes what a layer does."""
    tensors = {name: tensor.numpy() for name, tensor in layer.state_dict().items()}
    if isinstance(layer, Centre):
        return "Sub", tensors, {}
    if isinstance(layer, nn.Unflatten):
        axis = 1 + layer.unflattened_size.index(1)
        return "Unsqueeze", {"axes": np.array([axis])}, {}
    if isinstance(layer, nn.Conv2d):
        left, right = same_padding(layer.kernel_size[1])
        attributes = {
            "kernel_shape": layer.kernel_size,
            "pads": [0, left, 0, right],
            "group": layer.groups,
        }
        return "Conv", tensors, attributes
    if isinstance(layer, nn.AvgPool2d):
        return "AveragePool", {}, {"kernel_shape": layer.kernel_size, "strides": layer.kernel_size}
    if isinstance(layer, nn.Linear):
        return "Gemm", tensors, {"transB": 1}
    without_tensors = {
        nn.ELU: ("Elu", {"alpha": 1.0}),
        nn.Flatten: ("Flatten", {"axis": 1}),
        nn.Softmax: ("Softmax", {"axis": 1}),
    }
    operator, attributes = without_tensors[type(layer)]
    return operator, {}, attributes
