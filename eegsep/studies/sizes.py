"""How large a run will be, before it begins: the number of fits that its steps come to."""

from .transfer import FINE_TUNED, TransferEvaluation, way_of_transfer


def count_folds(evaluation, labels, metadata):
    """Count the folds of trials in a MOABB evaluation."""
    splitter = evaluation._create_splitter()  # as MOABB's process makes it
    return sum(1 for _ in splitter.split(labels, metadata))


def count_fits(steps, reader):
    """Count the fits of steps: one for each fold, those of a search in it, and of fine-tuning.

    The reader has read the steps' units.
    """
    total = 0
    for step in steps:
        unit, variant = step.unit, step.variant
        in_each = variant.search.n_fits(variant.param_grid)
        if isinstance(unit.evaluation, TransferEvaluation):
            in_each += way_of_transfer(variant.estimator.steps) == FINE_TUNED
        total += reader.n_folds[unit] * in_each
    return total
