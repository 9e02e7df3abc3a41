"""What train has in common with the texts that judge: copies, near-duplicate prompts, shared 13-grams; with ids."""
