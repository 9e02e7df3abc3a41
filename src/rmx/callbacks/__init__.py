"""What happens around a step: gathered scores, audits, curves, checkpoints, progress, interruption."""
