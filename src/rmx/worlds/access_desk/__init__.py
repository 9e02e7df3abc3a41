"""The access desk: someone asks to be let in, the facts and a house rule decide which action is right."""

from rmx.worlds.access_desk.best_of_n import access_desk_best_of_n
from rmx.worlds.access_desk.gold import access_desk_gold
from rmx.worlds.access_desk.key import access_desk_key
from rmx.worlds.access_desk.rows import access_desk_rows
from rmx.worlds.access_desk.samples import access_desk_samples
from rmx.worlds.world import World

__all__ = ["ACCESS_DESK"]

ACCESS_DESK = World(
    name="access_desk",
    rows=access_desk_rows,
    key=access_desk_key,
    gold=access_desk_gold,
    samples=access_desk_samples,
    best_of_n=access_desk_best_of_n,
)
