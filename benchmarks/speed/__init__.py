"""Speed and memory beside braindecode's EEGNet and classical pipelines; see ``__main__.py``."""
