# What type checkers are told of the names that load when first used.
from . import datasets as datasets
from . import deployment as deployment
from . import estimator as estimator
from . import files as files
from . import inspection as inspection
from . import network as network
from . import training as training
from .deployment.stream_decoder import StreamDecoder as StreamDecoder
from .estimator.classifier import EEGNetClassifier as EEGNetClassifier
from .estimator.first_use import prepare as prepare
from .estimator.saved import load as load
from .estimator.saved import save as save
from .inspection.learned import components as components
from .inspection.recurrence import consensus as consensus
from .network.eegnet import EEGNet as EEGNet
from .separability import data_separability as data_separability
from .separability import separability_index as separability_index

__version__: str
