"""A judge behind a real HTTP server: asked in both orders, read, tried again, stopped in one line and continued."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from judge_server import Server
from rmx.config.schema import ModelConfig
from rmx.domain import Candidate, Message, Origin, PreferencePair
from rmx.errors import ConfigError, RunError
from rmx.model.tokenizer import load_tokenizer
from rmx.score_table import candidate_id
from rmx.scorers.base import PairwiseJudge
from rmx.scorers.judge_question import Reply, filled, read_odds
from rmx.scorers.kind import Surroundings
from rmx.scorers.registry import build_kind


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


PAIRS = [
    PreferencePair(f"p{i}", (Message("user", f"Q{i}"),), "good " * (i + 1), "bad", Origin("m", i), f"g{i}")
    for i in range(6)
]
PLAIN = {"question": "{prompt}|{first}|{second}", "wait": 0.0, "parallel": 1}


def judge(server: Server, cache: Path, **parameters: Any) -> Any:
    node = {"kind": "generative", "url": server.url, "model": "m", **PLAIN, **parameters}
    around = Surroundings(None, "cpu", 8192, "packed", cache)
    return build_kind(node, where="scorer.generative").load(around)


def longer(question: str, _: int) -> str:
    _, first, second = question.split("|")
    return "A" if len(first) > len(second) else "B."


def test_pairs_are_asked_in_both_orders(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.reply = longer
    scorer = judge(server, tmp_path)
    assert isinstance(scorer, PairwiseJudge)
    found = scorer.score_pairs(PAIRS)
    assert found.values.tolist() == [1.0] * 6
    assert set(server.questions) == {f"Q{i}|{'good ' * (i + 1)}|bad" for i in range(6)} | {
        f"Q{i}|bad|{'good ' * (i + 1)}" for i in range(6)
    }
    body = server.bodies[0]
    assert body["path"] == "/v1/chat/completions"
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("m", 0, 16)
    assert "follows the position in 0.0% of 6 pairs" in capsys.readouterr().out


def test_a_judge_of_positions_has_no_margin_and_is_told(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = judge(server, tmp_path).score_pairs(PAIRS)
    assert found.values.tolist() == [0.0] * 6
    assert found.parts["chosen_first"].tolist() == [1.0] * 6
    assert found.parts["rejected_first"].tolist() == [-1.0] * 6
    assert "follows the position in 100.0% of 6 pairs" in capsys.readouterr().out


def test_margins_may_be_log_odds(server: Server, tmp_path: Path) -> None:
    def reply(question: str, _: int) -> dict[str, Any]:
        p = 0.8 if question.split("|")[1] != "bad" else 0.4
        top = [("A", 0.75 * p), (" A", 0.25 * p), ("B", 1 - p - 0.01), ("C", 0.01)]
        tokens = [{"token": t, "logprob": math.log(v)} for t, v in top]
        return {"message": {"content": "A"}, "logprobs": {"content": [{"token": "A", "top_logprobs": tokens}]}}

    server.reply = reply
    found = judge(server, tmp_path, margin="logprobs").score_pairs(PAIRS[:2])
    forward, backward = math.log(0.8 / 0.19), -math.log(0.4 / 0.59)
    assert found.values.tolist() == pytest.approx([(forward + backward) / 2] * 2)
    assert found.parts["rejected_first"].tolist() == pytest.approx([backward] * 2)
    assert server.bodies[0]["logprobs"] is True
    assert read_odds(Reply("A", ({"A": -0.1},))) == "no_logprob: one of A and B is not among the likeliest tokens"


def test_prose_has_no_verdict(server: Server, tmp_path: Path) -> None:
    server.reply = lambda q, n: "I think A is fine, and so is B" if "Q2" in q else longer(q, n)
    found = judge(server, tmp_path).score_pairs(PAIRS)
    assert found.reasons == {2: "no_verdict: the judge said 'I think A is fine, and so is B'"}
    assert math.isnan(found.values[2])
    assert found.values[[0, 1, 3, 4, 5]].tolist() == [1.0] * 5
    named = r"\[\[(?:(?P<first>1)|(?P<second>2)|(?P<tie>0))\]\]"
    server.reply = lambda q, n: f"First [[2]], but then: [[{0 if 'Q1' in q else 1 if q.split('|')[1] != 'bad' else 2}]]"
    again = judge(server, tmp_path / "other", pattern=named).score_pairs(PAIRS[:2])
    assert again.values.tolist() == [1.0, 0.0]


def test_a_question_that_alone_is_refused_costs_its_pair_and_is_asked_again_later(
    server: Server, tmp_path: Path
) -> None:
    server.reply = lambda q, n: 400 if "Q4|bad" in q else longer(q, n)
    found = judge(server, tmp_path).score_pairs(PAIRS)
    assert found.reasons == {4: "refused: status 400: no luck, None"}
    assert len(server.questions) == 12
    server.reply = longer
    assert judge(server, tmp_path).score_pairs(PAIRS).values.tolist() == [1.0] * 6
    assert len(server.questions) == 13


def test_failures_that_pass_are_tried_again_and_the_key_goes_nowhere_else(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-hidden-1234")
    troubles = {1: 500, 2: 429, 3: b"<html>try later</html>"}
    server.reply = lambda q, n: troubles.get(n) or longer(q, n)
    scorer = judge(server, tmp_path, key_variable="MY_KEY", retries=3)
    assert scorer.score_pairs(PAIRS[:2]).values.tolist() == [1.0, 1.0]
    assert len(server.questions) == 4 + 3
    assert {h["Authorization"] for h in server.headers} == {"Bearer sk-hidden-1234"}
    server.reply = lambda q, n: 401
    with pytest.raises(RunError) as error:
        scorer.score_pairs(PAIRS[2:])
    assert "refused (status 401: no luck, Bearer [redacted])" in str(error.value)
    # Not tried again; the next question may have been on its way.
    assert len(server.questions) <= 4 + 3 + 2
    kept = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "sk-hidden" not in kept + str(error.value) + scorer.identity


def test_no_key_is_sent_unless_its_variable_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hidden-1234")
    judge(server, tmp_path).score_pairs(PAIRS[:1])
    assert all("Authorization" not in headers for headers in server.headers)


def test_a_redirect_is_not_followed(server: Server, tmp_path: Path) -> None:
    server.reply = lambda q, n: 307
    with pytest.raises(RunError, match="status 307"):
        judge(server, tmp_path).score_pairs(PAIRS[:1])


def test_an_endpoint_that_does_not_answer_is_given_up_in_one_line(server: Server, tmp_path: Path) -> None:
    server.reply = lambda q, n: time.sleep(3) or "A"
    begun = time.monotonic()
    with pytest.raises(RunError) as error:
        judge(server, tmp_path, seconds=0.3, retries=1).score_pairs(PAIRS[:1])
    assert time.monotonic() - begun < 3
    assert "gave up after 2 tries (no answer after 0.3 s); 0 of 2 replies are kept in" in str(error.value)
    assert "\n" not in str(error.value)


def test_one_that_dies_half_way_keeps_what_it_said_and_is_asked_the_rest(server: Server, tmp_path: Path) -> None:
    server.reply = lambda q, n: longer(q, n) if n <= 5 else 503
    with pytest.raises(RunError, match=r"gave up after 2 tries .*; 5 of 12 replies are kept in .*goes on from there"):
        judge(server, tmp_path, retries=1).score_pairs(PAIRS)
    (journal,) = tmp_path.rglob("*.jsonl")
    with journal.open("a") as stream:
        stream.write('{"question": "torn')
    server.questions.clear()
    server.reply = longer
    assert judge(server, tmp_path).score_pairs(PAIRS).values.tolist() == [1.0] * 6
    assert len(server.questions) == 7
    judge(server, tmp_path).score_pairs(PAIRS)
    assert len(server.questions) == 7
    journal.write_text('{"question": "torn\n' + journal.read_text())
    with pytest.raises(RunError, match=r"jsonl line 1: is no reply of a judge; delete the line"):
        judge(server, tmp_path)


def test_ratings_are_rewards(server: Server, tmp_path: Path) -> None:
    def reply(question: str, _: int) -> str:
        return {"x": "7", "y": "8.5/10", "z": "Rating:\n3."}.get(question.split("|")[1], "good, I would say")

    server.reply = reply
    turns = (Message("system", "Be brief."), Message("user", "Q"))
    candidates = [Candidate(candidate_id(turns, c), turns, c) for c in "xyzw"]
    question = {"question": "{prompt}|{completion}", "mode": "pointwise"}
    found = judge(server, tmp_path, **question).score_texts(candidates)
    assert found.values[:3].tolist() == [7.0, 8.5, 3.0]
    assert found.reasons == {3: "no_rating: the judge said 'good, I would say'"}
    assert server.questions[0].startswith("[system]\nBe brief.\n\n[user]\nQ|")


def test_a_text_that_spells_a_place_stays_as_it_is() -> None:
    assert filled("{prompt}/{first}/{second}/{x}", prompt="{first}", first="{second}", second="S") == (
        "{first}/{second}/S/{x}"
    )


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"url": "ftp://x/v1", "model": "m"}, "url must be http:// or https://"),
        ({"url": "http://x/v1"}, "model must name the model there"),
        ({"url": "http://u:secret@x/v1", "model": "m"}, "url holds a name or a query"),
        ({"url": "http://secret@x/v1", "model": "m"}, "url holds a name or a query"),
        ({"url": "http://x/v1?key=secret", "model": "m"}, "url holds a name or a query"),
        ({"question": "{prompt} {first}"}, "question lacks {second}"),
        ({"pattern": "(A|B)"}, "pattern lacks a group (?P<first>…)"),
        ({"pattern": "("}, "pattern is no regular expression"),
        ({"mode": "pointwise", "margin": "logprobs"}, "margin=logprobs compares two verdicts"),
        ({"parallel": 0}, "parallel must be at least 1"),
        ({"seconds": 0}, "seconds above 0"),
    ],
)
def test_parameters_that_cannot_be_met_are_one_line(node: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        build_kind({"kind": "generative", **node}, where="scorer.generative")
    assert str(error.value).startswith("scorer.generative: ")
    assert message in str(error.value)
    assert "secret" not in str(error.value)


def test_a_local_model_is_asked_greedily(
    tmp_path: Path, model_named: Callable[..., ModelConfig], weights_cache: Path
) -> None:
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=49152,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    network = AutoModelForCausalLM.from_config(shape).eval()
    network.save_pretrained(tmp_path / "lm")
    tokenizer = load_tokenizer(model_named("tiny-random"), weights_cache)
    tokenizer.save_pretrained(tmp_path / "lm")
    node = {"kind": "generative", "reply_tokens": 3, "margin": "logprobs"}
    around = Surroundings(str(tmp_path / "lm"), "cpu", 8192, "packed", tmp_path)
    kind = build_kind(node, where="scorer.generative")
    assert kind.reads_reward
    scorer: Any = kind.load(around)
    reply = scorer.journal.asker.ask("Which?")
    # The same by hand: the likeliest token three times.
    turns = [{"role": "user", "content": "Which?"}]
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"]
    said: list[int] = []
    for step in reply.logprobs:
        with torch.no_grad():
            logprobs = network(torch.tensor([ids + said])).logits[0, -1].log_softmax(-1)
        said.append(int(logprobs.argmax()))
        assert max(step.values()) == pytest.approx(float(logprobs.max()), abs=1e-5)
        assert step[tokenizer.decode([said[-1]])] == pytest.approx(float(logprobs.max()), abs=1e-5)
    assert reply.text == tokenizer.decode(said, skip_special_tokens=True)
    assert scorer.journal.asker.ask("why " * 3000).problem.startswith("over_length: ")
    found = scorer.score_pairs(PAIRS[:1])
    assert found.reasons[0].startswith("no_logprob: no token of the reply is A or B")
    # What one training said is not taken for what another in the same place would say.
    assert kind.load(around).identity == scorer.identity
    AutoModelForCausalLM.from_config(shape).save_pretrained(tmp_path / "lm")
    assert kind.load(around).identity != scorer.identity
