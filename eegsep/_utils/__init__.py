"""What rooms share and users do not call: errors, warnings, files, processes, memory.

It knows nothing of EEG and imports from no other room.
"""
