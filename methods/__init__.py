"""Talking-face methods: one file or folder each, exporting METHOD."""
