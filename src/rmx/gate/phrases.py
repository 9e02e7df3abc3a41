"""Audited numbers in plain words: one phrase a metric."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["PHRASES", "Phrase"]


class Phrase(NamedTuple):
    """How a number is said.

    In the text `{x}` is the number with its interval, `{up}` the verb or word for its sign, `{who}` the scorer.
    """

    text: str
    topic: str = ""
    """Noun phrase, for a number that is not there; the names of audit and metric where empty."""
    unit: Literal["share", "points", "sd", "count", "plain"] = "plain"
    signs: tuple[str, str] | None = None
    """Words for a positive and a negative estimate; the number is then printed without its sign."""


PHRASES: dict[tuple[str, str], Phrase] = {
    ("accuracy", "accuracy"): Phrase(
        "{who} orders {x} of the {slice} pairs as their labels do", "accuracy on {slice}", "share"
    ),
    ("fold_spread", "accuracy_sd"): Phrase(
        "between folds, accuracy on {slice} varies by a standard deviation of {x} beyond the sampling of pairs",
        "how much accuracy on {slice} differs between folds",
        "share",
    ),
    ("kl_penalty", "gain_sd"): Phrase(
        "stopping where reward minus β times KL is highest {up} gold reward by {x} over one answer",
        unit="sd",
        signs=("raises", "lowers"),
    ),
    ("kl_penalty", "shortfall_sd"): Phrase(
        "stopping where reward minus β times KL is highest leaves {x} of gold reward below its best n", unit="sd"
    ),
    ("length_balanced", "accuracy"): Phrase(
        "with longer and shorter answers right equally often, {who} orders {x} of the {slice} pairs as labelled",
        "length-balanced accuracy on {slice}",
        "share",
    ),
    ("baselines", "gain"): Phrase(
        "{who} orders {x} {up} {slice} pairs correctly than the best trivial baseline{best}",
        "the gain over the trivial baselines on {slice}",
        "points",
        ("more of the", "fewer of the"),
    ),
    ("length_effect", "effect_sd"): Phrase(
        "making an answer longer without adding content {up} its reward by {x}",
        "the effect of length alone on {slice}",
        "sd",
        ("raises", "lowers"),
    ),
    ("markdown_effect", "effect_sd"): Phrase(
        "setting the same words in markdown {up} an answer's reward by {x}",
        "the effect of markdown alone on {slice}",
        "sd",
        ("raises", "lowers"),
    ),
    ("flattery_effect", "effect_sd"): Phrase(
        "flattering the reader first {up} an answer's reward by {x}",
        "the effect of flattery alone on {slice}",
        "sd",
        ("raises", "lowers"),
    ),
    ("perturbation", "accuracy_drop"): Phrase(
        "accuracy on {slice} {up} by {x} when only typing, case, spacing, context or format change",
        "the accuracy drop under perturbations on {slice}",
        "points",
        ("falls", "rises"),
    ),
    ("degenerate", "below_worst_share"): Phrase(
        "{x} of the degenerate completions on {slice} score below every real answer",
        "the rank of degenerate completions on {slice}",
        "share",
    ),
    ("prompt_dependence", "dependence"): Phrase(
        "after the prompt of another group {who} orders {x} {up} {slice} pairs correctly",
        "the dependence on the prompt on {slice}",
        "points",
        ("fewer of the", "more of the"),
    ),
    ("distribution_shift", "drop"): Phrase(
        "accuracy {up} by {x} from the training distribution to {slice}",
        "the accuracy drop to {slice}",
        "points",
        ("falls", "rises"),
    ),
    ("best_of_n", "decline_sd"): Phrase(
        "beyond the best n, choosing among more {slice} {up} gold reward by {x}",
        "what choosing among ever more {slice} costs in gold reward",
        "sd",
        ("lowers", "raises"),
    ),
    ("split_overlap", "overlap"): Phrase(
        "{x} pairs outside the training split share a prompt or group with it{caveat}",
        "the overlap of the splits",
        "count",
    ),
    ("calibration", "log_temperature_recalibrated"): Phrase(
        "after recalibration the log temperature on {slice} is {x}",
        "the log temperature after recalibration on {slice}",
    ),
    ("agreement", "spearman"): Phrase("margins and the clearness of the labels on {slice} have rank correlation {x}"),
    ("agreement", "divided_auroc"): Phrase(
        "of a divided and a unanimous {slice} pair the divided one has the smaller margin with chance {x}", unit="share"
    ),
    ("agreement", "accuracy_gap"): Phrase(
        "{who} orders {x} {up} unanimous {slice} pairs correctly than divided ones",
        unit="points",
        signs=("more of the", "fewer of the"),
    ),
    ("annotators", "flagged_count"): Phrase("{x} annotators err more often than the others", unit="count"),
    ("annotators", "worst_error"): Phrase("the worst annotator errs in {x} of the votes", unit="share"),
    ("annotators", "pool_error"): Phrase(
        "a vote of the annotators who do not guess errs with chance {x}", unit="share"
    ),
    ("best_of_n", "gain_sd"): Phrase(
        "choosing the best of n {slice} by {who} {up} gold reward by {x} over one answer",
        unit="sd",
        signs=("raises", "lowers"),
    ),
    ("best_of_n", "win_rate"): Phrase(
        "the best of n by {who} has more gold than one more answer with chance {x}", unit="share"
    ),
    ("reward_bench", "score"): Phrase("{who} scores {x} on RewardBench", unit="share"),
    ("reward_bench_2", "score"): Phrase("{who} scores {x} on RewardBench 2", unit="share"),
    ("rm_bench", "accuracy"): Phrase("{who} scores {x} on RM-Bench", unit="share"),
    ("rm_bench", "hard_accuracy"): Phrase(
        "{who} is right in {x} of RM-Bench where the wrong answer is the fancier one", unit="share"
    ),
    ("judge_bench", "accuracy"): Phrase("{who} is right about {x} of JudgeBench's pairs", unit="share"),
    ("llmbar", "accuracy"): Phrase("{who} is right about {x} of LLMBar's pairs", unit="share"),
    ("calibration", "brier"): Phrase(
        "the squared error of the probabilities on {slice} is {x}; 0.25 is that of a coin"
    ),
    ("calibration", "nll"): Phrase("the log loss of the probabilities on {slice} is {x}; 0.69 is that of a coin"),
    ("calibration", "brier_skill"): Phrase(
        "the probabilities on {slice} remove a share of {x} of a coin's squared error"
    ),
    ("calibration", "log_temperature"): Phrase(
        "on {slice} the log temperature that makes margins probabilities is {x}; above 0 the reward is too sure"
    ),
    ("contamination", "exact_count"): Phrase("{x} {slice} pairs have the prompt of a train pair", unit="count"),
    ("contamination", "near_count"): Phrase(
        "{x} more {slice} pairs have nearly the prompt of a train pair", unit="count"
    ),
    ("contamination", "response_count"): Phrase(
        "{x} {slice} pairs have a response that also stands in train", unit="count"
    ),
    ("contamination", "ngram_share"): Phrase(
        "{x} of the {slice} pairs have 13 words in a row that stand in train", unit="share"
    ),
    ("cyclic_triads", "cyclic_share"): Phrase("{x} of the label triads on {slice} go round in circles", unit="share"),
    ("determinism", "flip_rate"): Phrase(
        "{x} of the {slice} pairs are ordered otherwise when scored again", unit="share"
    ),
    ("ensemble", "error_auroc"): Phrase(
        "of a wrong and a right {slice} pair the scorers disagree more on the wrong one with chance {x}", unit="share"
    ),
    ("ensemble", "rank_correlation"): Phrase("margins of two scorers on {slice} have rank correlation {x}"),
    ("gold_vs_proxy", "peak_kl"): Phrase("gold reward is highest {x} nats from the policy"),
    ("length_controlled", "win_rate"): Phrase(
        "{who} prefers the policy's answer in {x} of the {slice} pairs with the reference", unit="share"
    ),
    ("length_controlled", "controlled_win_rate"): Phrase(
        "if both wrote at the same length, {who} would prefer the policy's answer in {x} of the {slice} pairs",
        unit="share",
    ),
    ("length_controlled", "length_premium"): Phrase(
        "the policy's win rate is {x} {up} than if both wrote at the same length",
        unit="points",
        signs=("higher", "lower"),
    ),
    ("length_matched", "accuracy"): Phrase(
        "{who} orders {x} of the {slice} pairs of nearly equal length as labelled", unit="share"
    ),
    ("length_observational", "slope_sd"): Phrase(
        "one deviation of the length ratio on {slice} {up} the margin by {x}",
        unit="sd",
        signs=("goes with a rise of", "goes with a fall of"),
    ),
    ("length_observational", "accuracy_gap"): Phrase(
        "{who} is right about {x} {up} {slice} pairs whose longer answer was chosen than of the others",
        unit="points",
        signs=("more of the", "fewer of the"),
    ),
    ("margin", "median"): Phrase("half of the {slice} margins lie below {x}"),
    ("margin", "near_share"): Phrase("{x} of the {slice} pairs are close calls", unit="share"),
    ("margin", "wrong_share"): Phrase("{x} of the {slice} pairs are confidently in the wrong order", unit="share"),
    ("noise_ceiling", "accuracy_low"): Phrase(
        "the best possible scorer is right about at least {x} of single labels", unit="share"
    ),
    ("noise_ceiling", "accuracy_high"): Phrase(
        "the best possible scorer is right about at most {x} of single labels", unit="share"
    ),
    ("noise_ceiling", "accuracy_point"): Phrase(
        "if pairs are beta distributed, the best possible scorer is right about {x} of single labels", unit="share"
    ),
    ("paired", "difference"): Phrase(
        "{who} orders {x} {up} {slice} pairs correctly than {against}",
        unit="points",
        signs=("more of the", "fewer of the"),
    ),
    ("perturbation", "flip_rate"): Phrase(
        "{x} of the {slice} comparisons turn when only typing, case, spacing, context or format change", unit="share"
    ),
    ("perturbation", "shift_p95_sd"): Phrase(
        "one perturbed {slice} text in twenty changes its reward by more than {x}", unit="sd"
    ),
    ("prompt_dependence", "accuracy_swapped"): Phrase(
        "after the prompt of another group {who} still orders {x} of the {slice} pairs as labelled", unit="share"
    ),
    ("position_bias", "follow_rate"): Phrase(
        "the verdict follows the position of an answer in {x} of the pairs", unit="share"
    ),
    ("position_bias", "first_preference"): Phrase("the answer shown first is preferred by {x}"),
    ("prompt_dependence", "shortfall"): Phrase(
        "the dependence on the prompt on {slice} is {x} short of the least that is wanted", unit="points"
    ),
    ("refusal_effect", "effect_sd"): Phrase(
        "opening with the words of a refusal {up} an answer's reward by {x}", unit="sd", signs=("raises", "lowers")
    ),
    ("refusal_matrix", "refuse_unsafe_rate"): Phrase(
        "{who} prefers the refusal of {x} of the unsafe prompts", unit="share"
    ),
    ("refusal_matrix", "comply_safe_rate"): Phrase("{who} prefers the help with {x} of the safe prompts", unit="share"),
    ("reward_variance", "within_share"): Phrase("{x} of the reward's deviation lies within prompts", unit="share"),
    ("scale", "mean_reward"): Phrase("rewards on {slice} are {x} on average"),
    ("scale", "reward_sd"): Phrase("rewards on {slice} have standard deviation {x}"),
    ("scale", "margin_sd"): Phrase("margins on {slice} have standard deviation {x}"),
    ("scale_drift", "slope"): Phrase("rewards on {slice} are stretched by {x} against the reference's"),
    ("scale_drift", "shift_sd"): Phrase("rewards on {slice} have moved by {x} against the reference's", unit="sd"),
    ("style_matrix", "easy_accuracy"): Phrase("{x} right where the right answer is the fancier one", unit="share"),
    ("style_matrix", "normal_accuracy"): Phrase("{x} right where both answers have one style", unit="share"),
    ("style_matrix", "hard_accuracy"): Phrase("{x} right where the wrong answer is the fancier one", unit="share"),
    ("style_matrix", "style_gap"): Phrase(
        "{who} is right {x} {up} often where the right answer is the fancier one than where the wrong one is",
        unit="points",
        signs=("more", "less"),
    ),
    ("sycophancy", "effect_sd"): Phrase(
        "stating a wrong belief {up} the worth of agreeing with it by {x}", unit="sd", signs=("raises", "lowers")
    ),
    ("sycophancy", "truth_preferred_rate"): Phrase(
        "{who} prefers the truth to agreement with a stated wrong belief in {x} of the cases", unit="share"
    ),
}
PHRASES["baselines", "gain_available"] = PHRASES["baselines", "gain"]._replace(
    text="{who} orders {x} {up} {slice} pairs correctly than the best baseline at hand{best}"
)
