"""One row of each public data set in the shape in which it is published, its texts invented, and the pair it makes."""

from __future__ import annotations

from typing import Any, NamedTuple


class Made(NamedTuple):
    """What the row becomes."""

    prompt: tuple[tuple[str, str], ...]
    chosen: str
    rejected: str
    strength: float | None = None
    tags: dict[str, str] | None = None
    votes: tuple[int, int, int] | None = None


def _said(user: str, assistant: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]


def _in_parts(user: str, assistant: str) -> list[dict[str, Any]]:
    def part(text: str) -> list[dict[str, Any]]:
        return [{"type": "text", "text": text, "image": None, "mimeType": None}]

    return [{"role": "user", "content": part(user)}, {"role": "assistant", "content": part(assistant)}]


_SHP = {
    "post_id": "p1", "domain": "askbaking_train", "upvote_ratio": 0.98, "history": "Why is my bread flat?",
    "c_root_id_A": "a", "c_root_id_B": "b", "created_at_utc_A": 1, "created_at_utc_B": 2, "score_A": 4, "score_B": 12,
    "human_ref_A": "No idea.", "human_ref_B": "Let it rise longer.", "labels": 0, "seconds_difference": 90.0,
    "score_ratio": 3.0,
}  # fmt: skip
_SUMMARY = {
    "info": {"id": "t3_1", "post": "I lost my keys twice.", "title": "Keys", "subreddit": "tifu", "site": None,
             "article": None},
    "summaries": [{"text": "Keys lost.", "policy": "sup1", "note": None},
                  {"text": "Lost keys twice.", "policy": "ref", "note": None}],
    "choice": 1, "worker": "w7", "batch": "batch3", "split": "train", "extra": {"confidence": 8},
}  # fmt: skip
_PKU = {
    "prompt": "How do I open this lock?", "response_0": "Break it.", "response_1": "Ask a locksmith.",
    "prompt_source": "x", "response_0_source": "Alpaca-7B", "response_1_source": "Alpaca2-7B",
    "is_response_0_safe": False, "is_response_1_safe": True, "better_response_id": 0, "safer_response_id": 1,
    "response_0_severity_level": 2, "response_1_severity_level": 0,
}  # fmt: skip
_ARENA = {
    "model_a": "m1", "model_b": "m2", "winner": "model_b", "language": "en", "conversation_a": None,
    "conversation_b": None,
}  # fmt: skip
_HELPSTEER3 = {
    "domain": "general", "language": "english", "context": [{"role": "user", "content": "Name a river."}],
    "response1": "Berlin.", "response2": "The Rhine.", "overall_preference": 2,
    "individual_preference": [
        {"score": 2, "reasoning": "r", "feedback1": "f", "feedback2": "f"},
        {"score": 3, "reasoning": "r", "feedback1": "f", "feedback2": "f"},
        {"score": 1, "reasoning": "r", "feedback1": "f", "feedback2": "f"},
    ],
}  # fmt: skip
_HELPSTEER2 = {
    "split": "validation", "prompt": "Name a river.", "response_1": "The Rhine.", "response_2": "Berlin.",
    "preference_strength": -3, "preference_statement": "s", "preference_elaboration": "e",
    "three_most_similar_preferences": [], "all_preferences_unprocessed": [],
}  # fmt: skip
_RIVER = (("user", "Name a river."),)

PUBLISHED: dict[str, tuple[dict[str, Any], Made]] = {
    "ultrafeedback": (
        {
            "prompt": "Name a river.", "prompt_id": "0", "chosen": _said("Name a river.", "The Rhine."),
            "rejected": _said("Name a river.", "Berlin."), "messages": _said("Name a river.", "The Rhine."),
            "score_chosen": 8.5, "score_rejected": 6.0,
        },
        Made(_RIVER, "The Rhine.", "Berlin.", 2.5),
    ),
    "helpsteer3": (
        _HELPSTEER3,
        Made(_RIVER, "The Rhine.", "Berlin.", 2.0, {"domain": "general", "language": "english"}, (3, 0, 0)),
    ),
    "helpsteer2": (
        _HELPSTEER2,
        Made(_RIVER, "The Rhine.", "Berlin.", 3.0, {"published_split": "validation"}),
    ),
    "skywork": (
        {"chosen": _said("Name a river.", "The Rhine."), "rejected": _said("Name a river.", "Berlin."), "source": "s"},
        Made(_RIVER, "The Rhine.", "Berlin.", None, {"source": "s"}),
    ),
    "tulu": (
        {
            # Of a dialogue of several turns the column prompt is one turn only.
            "id": "i", "prompt": "Where is it?", "source": "wildchat",
            "chosen": [*_said("Name a river.", "The Rhine."), *_said("Where is it?", "In Europe.")],
            "rejected": [*_said("Name a river.", "The Rhine."), *_said("Where is it?", "On Mars.")],
        },
        Made((*_RIVER, ("assistant", "The Rhine."), ("user", "Where is it?")), "In Europe.", "On Mars.", None,
             {"source": "wildchat"}),
    ),
    "shp": (_SHP, Made((("user", "Why is my bread flat?"),), "Let it rise longer.", "No idea.", 3.0,
                       {"domain": "askbaking_train"})),
    "summarize_from_feedback": (
        _SUMMARY,
        Made((("user", "I lost my keys twice."),), "Lost keys twice.", "Keys lost.", None,
             {"subreddit": "tifu", "worker": "w7", "batch": "batch3", "chosen_policy": "ref",
              "rejected_policy": "sup1"}),
    ),
    "pku_saferlhf": (
        _PKU,
        Made((("user", "How do I open this lock?"),), "Ask a locksmith.", "Break it.", None,
             {"first_safe": "False", "second_safe": "True", "chosen_policy": "Alpaca2-7B",
              "rejected_policy": "Alpaca-7B"}),
    ),
    "arena": (
        {**_ARENA, "id": "v", "evaluation_order": 1, "conversation_a": _in_parts("Name a river.", "Berlin."),
         "conversation_b": _in_parts("Name a river.", "The Rhine.")},
        Made(_RIVER, "The Rhine.", "Berlin.", None,
             {"language": "en", "chosen_policy": "m2", "rejected_policy": "m1"}),
    ),
    "arena_2023": (
        {**_ARENA, "question_id": "q", "judge": "arena_user_1", "turn": 1, "anony": True, "tstamp": 1.0,
         "conversation_a": _said("Name a river.", "Berlin."), "conversation_b": _said("Name a river.", "The Rhine.")},
        Made(_RIVER, "The Rhine.", "Berlin.", None,
             {"language": "en", "judge": "arena_user_1", "chosen_policy": "m2", "rejected_policy": "m1"}),
    ),
    "orca_dpo": (
        {"system": "", "question": "Name a river.", "chosen": "The Rhine.", "rejected": "Berlin."},
        Made(_RIVER, "The Rhine.", "Berlin."),
    ),
    "hh": (
        {"chosen": "\n\nHuman: Name a river.\n\nAssistant: The Rhine.",
         "rejected": "\n\nHuman: Name a river.\n\nAssistant: Berlin."},
        Made(_RIVER, "The Rhine.", "Berlin."),
    ),
    "hh_helpful": (
        {"chosen": "\n\nHuman: Name a river.\n\nAssistant: The Rhine.",
         "rejected": "\n\nHuman: Name a river.\n\nAssistant: Berlin."},
        Made(_RIVER, "The Rhine.", "Berlin."),
    ),
}  # fmt: skip
