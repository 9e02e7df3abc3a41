"""Explicit reward model or DPO: both trained on the same pairs for the same steps, compared, and one recommended."""

from __future__ import annotations

from pathlib import Path

import yaml

from rmx.audits.registry import build_audits
from rmx.config.redact import redacted
from rmx.config.schema import Config
from rmx.decision.abilities import abilities
from rmx.decision.recommend import deciding_difference, pairs_to_settle, recommend
from rmx.decision.words import caveat_sentences, cost_sentences, difference_sentences, headline
from rmx.gate import build_requirements
from rmx.record import RunRecord
from rmx.report.comparison import Comparison
from rmx.report.decision import Arm, Decision, write_decision
from rmx.run.arm_cost import arm_cost
from rmx.run.arms import (
    ArmRun,
    differing_settings,
    find_arm,
    refuse_other_data,
    refuse_other_pairs,
    train_arm,
)
from rmx.run.child_runs import refuse_other_settings
from rmx.run.comparison import compare, find_common_scores
from rmx.run.directory import RunDirectory
from rmx.run.found_scores import find_scores
from rmx.run.judgement import exit_status, judge, show

__all__ = ["decide_method"]


def decide_method(config: Config) -> int:
    """Train what is not given, compare, recommend, and write the report; return the exit status.

    The status follows the verdict on the reward model where `gate.enforce` asks for it, as everywhere.
    """
    audits = build_audits(config.audit)
    build_requirements(config.gate)
    given = {method: getattr(config.decide, method) for method in ("rm", "dpo")}
    found = {method: find_arm(Path(str(path)), method) for method, path in given.items() if path is not None}
    if len(found) == 1:
        refuse_other_data(next(iter(found.values())), config)
    directory = RunDirectory.claim(Path(config.paths.run), resume=config.trainer.resume == "auto")
    record = RunRecord.begin("decide", seeds={"seed": config.seed})
    if directory.config.exists():
        refuse_other_settings(config, yaml.safe_load(directory.config.read_text(encoding="utf-8")))
    directory.config.write_text(yaml.safe_dump(redacted(config), sort_keys=False, allow_unicode=True))
    for method in given:
        if method not in found:
            with record.phase(method):
                found[method] = train_arm(config, method)
    explicit, implicit = found["rm"], found["dpo"]
    refuse_other_pairs(explicit, implicit)
    scores = [find_scores(str(arm.path)) for arm in (explicit, implicit)]
    common = find_common_scores(scores)
    record.fingerprints.update(explicit.run.fingerprints)
    evidence = scores[0].evidence
    with record.phase("judgement"):
        judgement = judge(evidence, audits, config.gate, directory, record.fingerprints)
        comparison = compare(scores, common, audits, config.gate, judgement)
        decision = _decide(config, explicit, implicit, comparison)
    write_decision(directory.decision, decision)
    show(
        judgement,
        evidence,
        directory,
        record=record,
        config=redacted(config),
        model_facts=scores[0].model_facts,
        texts=scores[0].texts,
        comparison=comparison,
        recommended=decision,
    )
    return exit_status(judgement.decision, config.gate)


def _decide(config: Config, explicit: ArmRun, implicit: ArmRun, comparison: Comparison) -> Decision:
    needs, material = config.decide.needs, config.decide.material
    difference = deciding_difference(comparison.differences)
    verdicts = (comparison.runs[0].decision.verdict, comparison.runs[1].decision.verdict)
    advice = recommend(difference, verdicts, needs, material)
    needed = pairs_to_settle(difference, material)
    reward_model, dpo = (
        Arm(run.name, str(arm.path), verdict, arm_cost(arm))
        for run, arm, verdict in zip(comparison.runs, (explicit, implicit), verdicts, strict=True)
    )
    differing = differing_settings(explicit, implicit)
    return Decision(
        recommendation=advice.recommendation,
        headline=headline(advice.recommendation),
        reasons=(
            *advice.reasons,
            *difference_sentences(difference, needed),
            *cost_sentences(reward_model, dpo, config.decide),
        ),
        caveats=tuple(caveat_sentences(difference, comparison, (reward_model, dpo), differing)),
        deciding=difference,
        material=material,
        pairs_needed=needed,
        reward_model=reward_model,
        dpo=dpo,
        abilities=abilities(needs),
        differing_settings=differing,
    )
