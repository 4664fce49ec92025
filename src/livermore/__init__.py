"""Livermore: a self-hosted crypto market monitor that can be steered while it runs."""
