"""Feature extractors that several metrics share."""
