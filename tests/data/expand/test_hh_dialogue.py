from rmx.config.schema import DataConfig
from rmx.data.expand import build_adapter
from rmx.data.expand.hh_dialogue import parse_dialogue
from rmx.data.validate import first_violation
from rmx.domain import Message, Origin

HEAD = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nWhat is it?\n\nHuman: Two\n\nlines"


def expand(chosen: str, rejected: str):
    (comparison,) = build_adapter(DataConfig(format="hh_dialogue"))(
        Origin("hh", 1), {"chosen": chosen, "rejected": rejected}
    )
    return comparison


def test_turns_roles_and_the_judged_completion():
    pair = expand(f"{HEAD}\n\nAssistant: Good", f"{HEAD}\n\nAssistant: Bad ").oriented("id")
    assert pair.prompt == (
        Message("user", "Hi"),
        Message("assistant", "Hello.\n\nWhat is it?"),
        Message("user", "Two\n\nlines"),
    )
    assert (pair.chosen, pair.rejected) == ("Good", "Bad")


def test_the_shared_context_is_parsed_as_if_each_side_were_alone():
    sides = [
        f"{HEAD}\n\nAssistant: Good",
        f"{HEAD}\n\nAssistant: Bad\n\nHuman: more",
        f"{HEAD}\n\nAssistant:",
        f"{HEAD} \n\nAssistant: Good",
        "\n\nHuman: Hi\n\nAssistant: x\n\nHuman: y\n\nAssistant: z",
        "\n\nHuman: Hi\n\nAssistant: x",
        "no turns at all",
        "",
        "before\n\nHuman: Hi\n\nAssistant: x",
    ]
    for chosen in sides:
        for rejected in sides:
            comparison = expand(chosen, rejected)
            assert comparison.first == parse_dialogue(chosen)[0]
            assert comparison.second == parse_dialogue(rejected)[0]
            wrong = parse_dialogue(chosen)[1] or parse_dialogue(rejected)[1]
            assert (comparison.problem.detail if comparison.problem else "") == wrong


def test_defects_of_dialogues():
    good = f"{HEAD}\n\nAssistant: Good"
    assert first_violation(expand(good, f"{HEAD}\n\nAssistant: ")) == ("empty_completion", "second side")
    assert first_violation(expand(good, good.replace("Hi", "Ho")))[0] == "context_mismatch"
    assert first_violation(expand("text", "text"))[0] == "malformed_dialogue"
    assert first_violation(expand(good + "\n\nHuman: bye", good + "\n\nHuman: ciao"))[0] == "malformed_dialogue"
