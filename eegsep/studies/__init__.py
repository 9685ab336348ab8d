"""Studies: what runs many fits and compares them, a module a study."""
