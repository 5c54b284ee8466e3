"""Views of a run: tables, plots and pages made from results alone."""

from reports.views import write_views

__all__ = ["write_views"]
