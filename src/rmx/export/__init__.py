"""The exported reward model: a plain Hugging Face directory whose score keeps its meaning."""

from __future__ import annotations

from rmx.export.findings import Findings
from rmx.export.write import export_model

__all__ = ["Findings", "export_model"]
