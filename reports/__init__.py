"""Views of a run: tables, plots and pages made from results alone."""

from reports.sheets import ranking
from reports.summary import summary
from reports.versus_page import write_versus
from reports.views import VIEWS, write_views

__all__ = ["VIEWS", "ranking", "summary", "write_versus", "write_views"]
