"""Rules of good data that a dataset may set softer or waive, as objects.

The severities here are those of new datasets; ``modelref.toml`` has the last word. What no dataset may waive is not
here: see `names.structural_problems` and the schemas.
"""
