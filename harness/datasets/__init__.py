"""Corpora: one file each, every one yields `Sample`s."""
