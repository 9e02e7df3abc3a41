"""Choosing among completions by a reward."""
