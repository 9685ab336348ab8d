r"""Starting weights of EEGNet in closed form, from classical classifiers of the training trials.

Induced activity from the tangent space of covariances, evoked activity from a linear classifier of
whitened signals; the network then begins where these end, and not at random.

**Induced.** In the tangent space at the mean covariance :math:`\bar C` a linear classifier scores
class k by :math:`\langle W_k, \log(P C P)\rangle` with :math:`P = \bar C^{-1/2}` and :math:`W_k`
symmetric [1]_. With :math:`W_k = \sum_i \lambda_{ki} v_i v_i^\top`, and to first order in
:math:`P C P - I`,

.. math::  \langle W_k, \log(P C P)\rangle \approx \sum_i \lambda_{ki} \log(v_i^\top P C P v_i) :

a weighted sum of log-powers of components whose spatial filters are :math:`P v_i`. EEGNet holds
that: a temporal filter that is one sample, or a band-pass; the :math:`P v_i` of largest
:math:`|\lambda|` as spatial filters; ELU and pooling as the rectifier (a component that comes
again does so with the other sign, so that what is odd in an ELU cancels); the separable kernel a
moving average; the pointwise step the identity; a shift of batch normalisation 3 that keeps the
second ELU where it is a line. The classifier's rows are equal over time. For two classes and one
filter each row is :math:`\lambda_i` times the slope of log-power over what the map gives, by the
training trials, each component by itself; the maps hold a quarter as many components of a
classifier, and the :math:`|\lambda|` of the first one that is left out is taken off theirs: soft
thresholding of the spectrum, the proximal step of the trace norm, which takes more from components
that a few trials make up than from the leading ones. For more classes or bands the rows are
regressed on the tangent-space scores, so that the maps take up what the components that are left
out have in common with them.

**Mirror images.** Where channels' names say which electrodes are each other's mirror images, M, a
second classifier of two classes has :math:`W = -M W M`: a trial's mirror image is of the other
class, as imagery of the left and the right hand roughly is. That is the classifier of the trials
and of their mirror images under the other label, and the ridge regression on the part of
:math:`\log(P C P)` that is odd under M, with P from the mean of both. The log-odds of both are
added, with half of the maps for each: to choose one of them by few trials would cost more than the
lesser one does, and a classifier that tells left-out trials nothing has log-odds near zero.

**Driven.** A response to flicker is a line in the spectrum, which wide bands hide. One of the
candidates for induced activity is therefore a bank of bands as narrow as the temporal filters
allow, their centres one over the filters' length apart.

**Evoked.** Where both ELUs work on their line the network is linear. Means of the whitened trials
over the first pooling are regressed on, :math:`\langle B_k, P X\rangle` with one column of
:math:`B_k` for each pooled sample. Trial i counts :math:`1 / \sigma_i^2`, the inverse of its power,
as in generalised least squares: its noise is about as strong as the whole trial. The leading left
singular vectors of :math:`(B_1 \dots B_K)` are spatial filters. The time course of a component,
with the window :math:`w` and the sample :math:`s` in it for indices, is a matrix whose singular
value decomposition :math:`\sum_j b_j(s)\, r_j(w)` gives separable kernels and rows: with the kernel
:math:`\sum_s b_j(s)(\delta_s - \delta_{s+1})` the sum over a window is the difference of samples a
window apart, and with rows cumulated over windows these differences add up to the samples
themselves. Nothing is approximated but for the rank. Half of the maps hold that, by their share of
the scores' variance; the other half the log-powers of the leading components in each window, on
which the classifier is regressed together with the signals. XDAWN covariances in their tangent
space [2]_ tell the same: products with the classes' mean responses, relative to the powers, and the
powers.

**Which.** Both are ridge regressions to the classes' indicators, that is, linear discriminants
with a shrunk covariance. A ridge regression has its leave-one-out predictions in closed form; the
cross-entropy of these, after scaling them by one temperature, chooses the shrinkage, the temporal
filters, and induced or evoked: what comes later has to be better by a standard error, and by two
nats over all trials, which is positive evidence [3]_; shrinkages are weighed by what is expected of
them before any trial. The network's scores are given the spread of the left-out ones, and that
temperature, which makes them log-odds. No trial but the training trials is used.

References
----------
.. [1] Barachant, A., Bonnet, S., Congedo, M., & Jutten, C. (2012). Multiclass brain-computer
   interface classification by Riemannian geometry. IEEE Transactions on Biomedical Engineering,
   59(4), 920-928.
.. [2] Barachant, A., & Congedo, M. (2014). A plug & play P300 BCI using information geometry.
   arXiv:1409.0107.
.. [3] Kass, R. E., & Raftery, A. E. (1995). Bayes factors. Journal of the American Statistical
   Association, 90(430), 773-795.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "are_surely_less": "eegsep.network.initialisation.log_odds",
    "band_passes": "eegsep.network.initialisation.temporal_filters",
    "best_features": "eegsep.network.initialisation.choice",
    "BIAS_PRECISION": "eegsep.network.initialisation.log_odds",
    "covariances": "eegsep.network.initialisation.tangent_space",
    "cross_entropies": "eegsep.network.initialisation.log_odds",
    "Evoked": "eegsep.network.initialisation.evoked",
    "EVOKED_GAIN": "eegsep.network.initialisation.writing",
    "Features": "eegsep.network.initialisation.features",
    "filter_in_time": "eegsep.network.initialisation.temporal_filters",
    "find_start": "eegsep.network.initialisation.choice",
    "find_temperature": "eegsep.network.initialisation.log_odds",
    "GIVEN_UP": "eegsep.network.initialisation.induced",
    "Induced": "eegsep.network.initialisation.induced",
    "INDUCED_GAIN": "eegsep.network.initialisation.writing",
    "LINEAR_SHIFT": "eegsep.network.initialisation.writing",
    "matrix_power": "eegsep.network.initialisation.tangent_space",
    "narrow_bands": "eegsep.network.initialisation.temporal_filters",
    "one_sample": "eegsep.network.initialisation.temporal_filters",
    "RHYTHMS": "eegsep.network.initialisation.choice",
    "Ridge": "eegsep.network.initialisation.ridge",
    "ridge_by_leave_one_out": "eegsep.network.initialisation.ridge",
    "set_start": "eegsep.network.initialisation.writing",
    "SHRINKAGES": "eegsep.network.initialisation.ridge",
    "SMOOTHING": "eegsep.network.initialisation.writing",
    "Start": "eegsep.network.initialisation.features",
    "STARTS": "eegsep.network.initialisation.choice",
    "sum_of_log_odds": "eegsep.network.initialisation.ridge",
    "tangent_vectors": "eegsep.network.initialisation.tangent_space",
    "why_no_start": "eegsep.network.initialisation.choice",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
