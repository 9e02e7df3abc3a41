"""The configuration files, importable so that Hydra finds them in a wheel too."""
