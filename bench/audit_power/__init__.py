"""Do the audits see what is there, and nothing else? Counted over many draws of the latent worlds."""
