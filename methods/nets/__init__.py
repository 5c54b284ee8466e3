"""Torch blocks that several methods share."""
