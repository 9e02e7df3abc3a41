"""The wheel, from the checkout and from the source distribution, installed elsewhere and used from there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


def run(*command: str, cwd: Path, **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RMX_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=inherited | environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheels(repository, tmp_path_factory) -> dict[str, Path]:
    """Build both ways: `tree` from the checkout, `sdist` from the source distribution, as package indexes do."""
    built = {}
    for name, flags in {"tree": ["--wheel"], "sdist": []}.items():
        folder = tmp_path_factory.mktemp(name)
        run("-m", "build", "--no-isolation", *flags, "--outdir", str(folder), str(repository), cwd=folder)
        (built[name],) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheels, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("site")
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    run(*pip, "--target", str(target), str(wheels["sdist"]), cwd=target)
    return target


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("way", ["tree", "sdist"])
def test_the_wheel_holds_every_yaml_once_and_nobodys_own(wheels, repository, way):
    conf = repository / "conf"
    own = {path.relative_to(conf).as_posix() for path in conf.rglob("*.yaml")}
    expected = {f"rmx/conf/{name}" for name in own if not name.startswith("local/")}
    packed = {name for name in names(wheels[way]) if name.startswith("rmx/conf/")}
    assert packed == expected | {"rmx/conf/__init__.py"}


@pytest.mark.parametrize("way", ["tree", "sdist"])
def test_the_wheel_holds_the_package_and_the_plugin(wheels, repository, way):
    package = repository / "src" / "rmx"
    modules = {path.relative_to(package.parent).as_posix() for path in package.rglob("*.py")}
    modules = {name for name in modules if not name.startswith("rmx/conf/")}
    packed = names(wheels[way])
    assert modules <= packed
    assert {"rmx/py.typed", "rmx/report/template.html.j2", "hydra_plugins/rmx_launcher.py"} <= packed
    # Hydra finds plugins in a namespace package, which other distributions share.
    assert "hydra_plugins/__init__.py" not in packed
    assert not [name for name in packed if name.split("/")[0] in {"tests", "conf", "bench"}]


def test_the_installed_package_composes_outside_the_checkout(installed, tmp_path):
    place = {"PYTHONPATH": str(installed)}
    code = "import rmx, hydra_plugins.rmx_launcher as launcher; print(rmx.__file__, launcher.__file__)"
    where = run("-c", code, cwd=tmp_path, **place)
    assert all(path.startswith(str(installed)) for path in where.split())
    overrides = ("model=tiny-random", "data=hh", "loss.center=0.01")
    shown = run("-m", "rmx.train", "--cfg", "job", *overrides, cwd=tmp_path, **place)
    assert "center: 0.01" in shown
    assert "name: tiny-random" in shown
    assert "train" in run("-m", "rmx", "--help", cwd=tmp_path, **place)
    assert list(tmp_path.iterdir()) == []


def test_the_editable_install_composes_outside_the_checkout(repository, tmp_path):
    assert (repository / "src" / "rmx" / "conf").resolve() == repository / "conf"
    assert "name: tiny-random" in run("-m", "rmx.train", "--cfg", "job", "model=tiny-random", cwd=tmp_path)
