"""A policy that answers: fresh completions of prompts, each one reproducible by itself."""
