"""What people said of a run's clips: statistics, tables and a page, from the votes of a study alone."""

from reports.study.write import write_study

__all__ = ["write_study"]
