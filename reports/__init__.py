"""Views of a run: tables, plots and pages made from results alone."""

from reports.summary import summary
from reports.views import write_views

__all__ = ["summary", "write_views"]
