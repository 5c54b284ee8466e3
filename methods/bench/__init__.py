"""The methods' performance table: `python -m harness.bench generation`."""
