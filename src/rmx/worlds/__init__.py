"""Synthetic preference worlds with a known gold reward and planted shortcuts."""

from rmx.worlds.access_desk import ACCESS_DESK
from rmx.worlds.world import World

__all__ = ["WORLDS", "World"]

WORLDS: dict[str, World] = {world.name: world for world in (ACCESS_DESK,)}
