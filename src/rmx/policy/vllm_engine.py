"""Sampling with vLLM: many completions at once on a GPU, where the optional package is installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from rmx.errors import ModelError
from rmx.policy.engine import Drawn, Law, until_end
from rmx.policy.streams import Stream

__all__ = ["VllmEngine"]


class VllmEngine:
    """A model directory run by vLLM, every completion as a request with a seed of its own.

    vLLM's kernels round by what runs together, so the same seed gives the same completion only while it does.

    Args:
        directory: Weights and tokenizer.
        law: What is drawn from.
        dtype: Of the weights.
        length: Tokens that a prompt with its completion may have.

    Raises:
        ModelError: vLLM is not installed, or cannot run the model.
    """

    def __init__(self, directory: Path, law: Law, *, dtype: str, length: int) -> None:
        try:
            from vllm import LLM, SamplingParams
        except ImportError as error:
            raise ModelError(
                f"sample.engine=vllm: vLLM cannot be imported ({error}); install rmx-reward[vllm] on a machine with a "
                "GPU, or set sample.engine=transformers"
            ) from error
        self.name = f"vllm {version('vllm')}"
        self._law = law
        self._params = SamplingParams
        try:
            # generation_config: the model's own defaults (a repetition penalty, say) are put aside.
            self._llm = LLM(model=str(directory), dtype=dtype, max_model_len=length, generation_config="vllm")
        except (OSError, ValueError, RuntimeError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(
                f"{directory}: vLLM cannot run the model ({reason}); set sample.engine=transformers"
            ) from error

    def draw(self, prompts: Sequence[Sequence[int]], streams: Sequence[Stream]) -> list[Drawn]:
        """Return one completion for each prompt."""
        law = self._law
        wanted = [
            self._params(
                temperature=law.temperature,
                top_p=law.top_p,
                max_tokens=law.max_new_tokens,
                seed=stream.number,
                stop_token_ids=list(law.ends),
                logit_bias=dict.fromkeys(law.banned, -100.0),
                detokenize=False,
            )
            for stream in streams
        ]
        texts = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
        answers = self._llm.generate(texts, wanted, use_tqdm=False)
        drawn = []
        for answer in answers:
            (output,) = answer.outputs
            # Whether the token that stopped it is among the ids has changed between versions.
            found = until_end(list(output.token_ids), law.ends)
            drawn.append(found._replace(finished=found.finished or output.finish_reason == "stop"))
        return drawn
