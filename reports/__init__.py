"""Views of a run: tables, plots and pages made from results alone."""
