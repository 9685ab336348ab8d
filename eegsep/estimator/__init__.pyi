# What type checkers are told of the names that load when first used.
from .classifier import EEGNetClassifier as EEGNetClassifier
from .first_use import prepare as prepare
from .peers import BraindecodeClassifier as BraindecodeClassifier
from .stacks import can_be_stacked as can_be_stacked
from .stacks import fit_stacked as fit_stacked
from .trials_digest import fingerprint as fingerprint
