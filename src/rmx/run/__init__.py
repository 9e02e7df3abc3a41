"""The composition root: builds the parts from configuration and runs them; nothing below imports it."""
