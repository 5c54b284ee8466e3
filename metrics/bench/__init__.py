"""The performance table's peers, material and cases; `python -m harness.bench metrics` runs them."""
