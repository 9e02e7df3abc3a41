"""Does the verdict predict the outcome? Latent rewards are judged, and then really optimised against."""
