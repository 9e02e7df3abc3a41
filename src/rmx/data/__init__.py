"""From preference rows to batches: rows become pairs, pairs are split, rendered and planned."""
