"""The engine: it knows the contracts, never a concrete method or metric."""
