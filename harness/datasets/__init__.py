"""Corpora: one file each, every one yields `Sample`s through `read(root)`."""
