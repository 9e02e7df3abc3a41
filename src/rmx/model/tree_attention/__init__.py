"""Attention over prefix forests: every token sees its ancestors and itself."""

from rmx.model.tree_attention.interface import TREE_ATTENTION, tree_plan

__all__ = ["TREE_ATTENTION", "tree_plan"]
