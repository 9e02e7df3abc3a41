"""What one of two compared runs took, from what it left in its directory."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow.compute as pc

from rmx.callbacks.metrics_file import read_metrics
from rmx.decision.cost import Work, scoring_flops_per_token, training_flops
from rmx.errors import RunError
from rmx.report.decision import Cost
from rmx.run.arms import ArmRun
from rmx.score_table import read_scores

__all__ = ["arm_cost"]

_STAGES = {
    "rm": "optimise a policy against it (best-of-n, PPO, GRPO); its cost is not counted here",
    "dpo": "none: the trained model is the policy",
}


def arm_cost(arm: ArmRun) -> Cost:
    """Return the cost of a finished run.

    Raises:
        RunError: Its curve or its record cannot be read.
    """
    directory, config = arm.run.directory, arm.run.config
    try:
        curve = [row for row in read_metrics(directory.metrics) if "train/tokens" in row]
        record = json.loads(directory.record.read_text(encoding="utf-8"))
        steps, tokens = int(curve[-1]["step"]), int(sum(row["train/tokens"] for row in curve))
    except (OSError, ValueError, IndexError) as error:
        raise RunError(f"{directory.path}: no complete training curve ({error}); train it again") from None
    work = _work(arm, tokens, steps)
    memory = record.get("memory") or {}
    attempts = [*record.get("earlier", []), record]
    return Cost(
        steps=steps,
        tokens=tokens,
        training_flops=training_flops(work),
        training_seconds=sum(_seconds(attempt) for attempt in attempts),
        peak_memory_gib=memory.get("device_gib" if config["trainer"]["accelerator"] == "gpu" else "process_gib"),
        scoring_flops_per_token=scoring_flops_per_token(work),
        models_at_scoring=2 if work.implicit else 1,
        stages_left=_STAGES[arm.method],
    )


def _work(arm: ArmRun, tokens: int, steps: int) -> Work:
    config, facts = arm.run.config, arm.run.model_facts
    adapter, trunk = config["adapter"]["kind"], config["model"]["trunk"]
    return Work(
        tokens=tokens,
        completion_share=_completion_share(arm),
        epochs=steps * config["batch"]["pairs"] / arm.run.ledger["splits"]["train"],
        layer_parameters=facts["parameters"] - facts["vocabulary"] * facts["hidden"],
        trained_parameters=facts["trainable"],
        trains="head" if trunk == "frozen" else "all" if adapter == "none" else "adapter",
        hidden=facts["hidden"],
        vocabulary=facts["vocabulary"],
        implicit=arm.method == "dpo",
        checkpointing=config["model"]["gradient_checkpointing"],
    )


def _completion_share(arm: ArmRun) -> float:
    """Return the part of a pair's distinct tokens that its completions are, as on the slices that the run scored."""
    completions = prompts = 0
    for file in sorted((arm.path / "scores").glob("*.parquet")):
        if file.name.endswith(".candidates.parquet"):
            continue
        rows = read_scores(file).table
        rows = rows.filter(pc.equal(rows["scorer"], "model"))
        sides = [np.asarray(rows[name].fill_null(0)) for name in ("chosen_tokens", "rejected_tokens", "prompt_tokens")]
        completions += int(sides[0].sum() + sides[1].sum())
        prompts += int(sides[2].sum())
    return completions / (completions + prompts) if completions else 1.0


def _seconds(attempt: dict[str, Any]) -> float:
    return float(sum(phase["seconds"] for phase in attempt["phases"] if phase["name"] == "training"))
