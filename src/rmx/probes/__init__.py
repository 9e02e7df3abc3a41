"""Edits of texts that audits ask for, by name."""

from rmx.probes.degenerate import DEGENERATE
from rmx.probes.flattery import FLATTERY
from rmx.probes.length import LENGTH
from rmx.probes.markdown import MARKDOWN
from rmx.probes.perturbation import PERTURBATION
from rmx.probes.probe import Edited, Probe, completion_probe, prompt_probe
from rmx.probes.prompt_swap import PROMPT_SWAP
from rmx.probes.refusal_phrase import REFUSAL_PHRASE

__all__ = ["PROBES", "Edited", "Probe", "completion_probe", "prompt_probe"]

PROBES: dict[str, Probe] = {
    probe.name: probe for probe in (LENGTH, MARKDOWN, FLATTERY, REFUSAL_PHRASE, PERTURBATION, DEGENERATE, PROMPT_SWAP)
}
