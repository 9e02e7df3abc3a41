"""Edits of completions that audits ask for, by name."""

from rmx.probes.length import LENGTH
from rmx.probes.probe import Probe

__all__ = ["PROBES", "Probe"]

PROBES: dict[str, Probe] = {probe.name: probe for probe in (LENGTH,)}
