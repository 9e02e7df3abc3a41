"""`rmx NAME …` runs `python -m rmx.NAME …`; `rmx` alone lists the commands."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path
from typing import NoReturn

from rmx.config.nearest import did_you_mean

__all__ = ["commands", "main"]

_PACKAGE = Path(__file__).parent


def commands() -> dict[str, str]:
    """Return the commands and what they do: the modules of rmx that have a `main`."""
    trees = {file.stem: ast.parse(file.read_text(encoding="utf-8")) for file in sorted(_PACKAGE.glob("[!_]*.py"))}
    return {name: _summary(tree) for name, tree in trees.items() if _has_main(tree)}


def _has_main(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)


def _summary(tree: ast.Module) -> str:
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def main() -> NoReturn:
    """Replace this process by the command's; exit 2 for one that does not exist."""
    name, *arguments = sys.argv[1:] or ["--help"]
    known = commands()
    if name in ("-h", "--help"):
        print("usage: rmx NAME [overrides] [--help] [--cfg job] [-m]\n")
        print("\n".join(f"  {command:10} {summary}" for command, summary in known.items()))
        sys.exit(0)
    if name not in known:
        print(f"error: {name}: no such command; {did_you_mean(name, known)}", file=sys.stderr)
        sys.exit(2)
    # exec: signals and exit status belong to the command itself, and Lightning's ranks can replay `python -m rmx.NAME`.
    os.execv(sys.executable, [sys.executable, "-m", f"rmx.{name}", *arguments])  # noqa: S606  no shell


if __name__ == "__main__":
    main()
