"""Metrics: one file each, exporting METRIC."""
