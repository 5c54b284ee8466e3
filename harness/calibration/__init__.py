"""The datasheet of the instruments: known faults, what the metrics say of them, and what that means."""
