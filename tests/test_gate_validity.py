"""Outcomes against simulation, the table against a count by hand, and the whole on a few rewards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.gate_validity.faults import FAULTS, POLICY, draw_case  # noqa: E402
from bench.gate_validity.outcome import KL, best_of, optimise, sizes, tilted  # noqa: E402
from bench.gate_validity.tables import Claim  # noqa: E402

from rmx.worlds.latent import LatentParams, LatentReward, proxy_law  # noqa: E402

EXPLOITED = LatentParams(fresh_exploit_rate=0.02, **POLICY)
GREEDY = LatentReward(noise=0.6, exploit=3.0)


def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Proxy and gold of answers of the fresh policy, drawn without the package's own generator."""
    rng = np.random.default_rng(0)
    quality, token = rng.normal(size=count), rng.random(count) < 0.02
    proxy = quality + 0.6 * rng.normal(size=count) + 3.0 * token
    return proxy, quality - 1.5 * token


def test_gold_under_best_of_n_and_tilting_is_that_of_drawn_answers() -> None:
    law = proxy_law(EXPLOITED, GREEDY, "fresh_policy", points=6_001)
    proxy, gold = drawn(2_000_000)
    # The fresh policy is better by a constant: gains are compared.
    curve = np.array(best_of(law))
    order = np.argsort(proxy)
    rank = np.arange(1, len(proxy) + 1) / len(proxy)
    for place in (100, 200, len(curve) - 1):
        n = sizes()[place]
        weight = rank**n - (rank - 1 / len(proxy)) ** n
        assert curve[place] - curve[0] == pytest.approx(weight @ gold[order] - gold.mean(), abs=0.02)
    strength = 1.0
    weight = np.exp(strength * (proxy - proxy.max()))
    weight /= weight.sum()
    kl = float(weight @ np.log(weight * len(proxy) + 1e-300))
    tilts = np.array(tilted(law))
    assert np.interp(kl, np.linspace(0, KL, len(tilts)), tilts - tilts[0]) == pytest.approx(
        weight @ gold - gold.mean(), abs=0.03
    )


def test_kinds_of_outcome() -> None:
    assert optimise(LatentParams(**POLICY), LatentReward()).kind == "sound"
    greedy = optimise(EXPLOITED, GREEDY)
    assert greedy.kind == "harmful"
    assert greedy.fall > 0.2
    useless = optimise(LatentParams(**POLICY), LatentReward(quality=0.0, noise=1.0))
    assert useless.kind == "between"  # gold stays where it is, neither better nor worse
    assert abs(useless.end) < 1e-6


def test_cases_are_the_same_for_the_same_number_and_two_fifths_have_no_fault() -> None:
    base = (LatentParams(), LatentReward())
    cases = [draw_case(*base, number) for number in range(400)]
    assert cases[7] == draw_case(*base, 7)
    assert {case.fault for case in cases} == {"none", *FAULTS}
    assert np.mean([case.fault == "none" for case in cases]) == pytest.approx(0.4, abs=0.08)


def test_a_claim_of_nothing_does_not_hold() -> None:
    assert not Claim("of harmful, not passed", 0, 0, 0.95).holds
    assert Claim("of harmful, not passed", 19, 20, 0.95).holds
    assert not Claim("of harmful, not passed", 18, 20, 0.95).holds
    assert Claim("reported", 0, 20).holds


def test_the_command_prints_its_table() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.gate_validity", "--rewards=2", "--jobs=2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr  # two rewards prove nothing
    assert "2 rewards" in done.stdout
    assert "of harmful, not passed: of none" in done.stdout
