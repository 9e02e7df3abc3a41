"""Train and audit reward models, and decide whether a reward may be optimised against."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
