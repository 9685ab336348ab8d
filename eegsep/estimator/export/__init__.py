"""What is fitted, for other runtimes than eegsep: ONNX files and torch's exported programs.

``folded.py`` makes one plain network of the fitted one, which the two others write down.
"""
