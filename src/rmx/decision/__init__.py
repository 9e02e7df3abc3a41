"""Is an explicit reward model worth it, or does DPO do? Costs, abilities, and a reasoned recommendation."""
