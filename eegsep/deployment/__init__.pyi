# What type checkers are told of the names that load when first used.
from .causal_filters import causal_filter as causal_filter
from .decoded_file import DecodedFile as DecodedFile
from .decoded_file import decode_file as decode_file
from .preparation import Preparation as Preparation
from .recording import predict_recording as predict_recording
from .stored_model import load_model as load_model
from .stream_decoder import StreamDecoder as StreamDecoder
