"""How large a run will be, before it begins: the number of fits that its steps come to."""

from .transfer import FINE_TUNED, TransferEvaluation, way_of_transfer


def count_fits(steps, reader):
    """Count the fits of steps: one for each fold, those of a search in it, and of fine-tuning.

    Parameters
    ----------
    steps : iterable of eegsep.studies.steps.Step
        Whose units were read.
    reader : eegsep.studies.steps.Reader

    Returns
    -------
    n_fits : int
    """
    n_folds, total = {}, 0
    for step in steps:
        unit, variant = step.unit, step.variant
        if unit not in n_folds:
            stacked = reader.stacked[unit]
            splitter = unit.evaluation._create_splitter()  # as MOABB's process makes it
            n_folds[unit] = sum(1 for _ in splitter.split(stacked.labels, stacked.metadata))
        in_each = variant.search.n_fits(variant.param_grid)
        if isinstance(unit.evaluation, TransferEvaluation):
            in_each += way_of_transfer(variant.estimator.steps) == FINE_TUNED
        total += n_folds[unit] * in_each
    return total
