"""Livermore beside its peers and beside the limit: `python -m benchmarks` prints one table of ratios."""
