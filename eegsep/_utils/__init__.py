"""What rooms share and users do not call: errors, warnings, files, processes, memory.

It imports from no other room, and only ``columns.py``, which says what results' columns mean, and
``logs.py`` have words of EEG.
"""
