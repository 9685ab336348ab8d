"""``eegsep export``: a model's network as an ONNX file, or as a program of torch's."""

from pathlib import Path
from typing import Annotated

import typer

from .options import Replace
from .progress import Progress
from .refusals import in_one_line, refuse

# What writes a file of each ending.
_WRITERS = {".onnx": "to_onnx", ".pt2": "to_exported_program"}


@in_one_line(stopped="")
def export(
    model: Annotated[Path, typer.Argument(help="A file of eegsep.save, or of `eegsep fit`.")],
    output: Annotated[
        Path, typer.Option(help="FILE.onnx, or FILE.pt2 for torch.export.", metavar="FILE")
    ],
    overwrite: Replace = False,
):
    """Write a fitted network as a file that runs without eegsep.

    It takes trials in the unit of the fit, with the channels in their order there, and gives the
    probabilities of the classes. Its metadata name channels, classes and the sampling rate, and how
    `eegsep fit` prepared the recordings.
    """
    ending = output.suffix.lower()
    if ending not in _WRITERS:
        refuse(f"cannot export to {output}: its name must end in {' or '.join(_WRITERS)}.")
    writer = _WRITERS[ending]
    with Progress() as progress:
        from eegsep._utils.tables import check_free
        from eegsep.estimator.classifier import EEGNetClassifier
        from eegsep.estimator.saved import load_with_metadata

        check_free(output, overwrite, sources=[model])
        progress.stage("exporting")
        estimator, metadata = load_with_metadata(model)
        *steps, (_, network) = getattr(estimator, "steps", [(None, estimator)])
        if not isinstance(network, EEGNetClassifier):
            refuse(
                f"{model} holds {type(network).__name__}: only an EEGNetClassifier can be exported."
            )
        if steps:
            refuse(
                f"{model} is a pipeline, and an exported file holds its network alone, without "
                f"{', '.join(name for name, _ in steps)}. To write it, which takes what these "
                f"steps give: eegsep.load({str(model)!r})[-1].{writer}({str(output)!r})"
            )
        try:
            getattr(network, writer)(output, metadata=metadata)
        except ValueError as error:
            refuse(str(error))
    typer.echo(str(output))
