"""Per-pair decisions of the published program `rewardbench` beside those of rmx, on an export of rmx and the same rows.

The program's own command scores LLMBar's pairs; rmx loads the same directory through its contract. The program pins
transformers 4.51.0, so it lies in a folder of its own beside the environment's torch:

    pip install --target PACKAGES --no-deps rewardbench==0.1.4 fschat==0.2.36 trl==0.19.1 transformers==4.51.0 \
        tokenizers==0.21.4 huggingface_hub==0.36.0 datasets==3.6.0 accelerate==1.7.0 dill==0.3.8 \
        multiprocess==0.70.16 fsspec==2025.3.0 hf-xet sentencepiece tiktoken protobuf regex 'setuptools<81'
    python bench/reward_bench_package.py MODEL PACKAGES ../shared/data/llmbar [ROWS_PER_FILE]

What of its protocol had to be set, and why, is printed with the result.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from hh_sized import print_load, read_rows

SETTINGS = {
    "not_quantized": "bitsandbytes needs CUDA, and 8 bits are another model",
    "torch_dtype=float32": "its default is float16",
    "batch_size=8": "its default; padded on the left, as its command sets it",
    ".to('cuda') read as .to('cpu')": "written into its pipeline; only without CUDA",
    "tokenizer_class, rope_theta": "named as transformers 4.51 names them, in a copy of the export",
    "model_input_names without token_type_ids": "its pipeline drops return_token_type_ids=False, and the model refuses",
}


def main(model: Path, packages: Path, folder: Path, most: int) -> None:
    """Score with both and print how often they decide alike."""
    rows = [row for file in sorted(folder.glob("*.jsonl.gz")) for row in read_rows(str(file))[:most]]
    answers = [(r["input"], r[f"output_{r['label']}"], r[f"output_{3 - r['label']}"]) for r in rows]
    print_load()
    mine = own_scores(model, answers)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        theirs = package_scores(readable_copy(model, work / "model"), packages, answers, work)
    right = [scores[:, 0] > scores[:, 1] for scores in (mine, theirs)]
    print("| rows | same decision | right: rmx | right: rewardbench | largest difference of a reward |")
    print("|---|---|---|---|---|")
    print(
        f"| {len(rows)} | {(right[0] == right[1]).sum()} of {len(rows)} | {right[0].mean():.4f} | "
        f"{right[1].mean():.4f} | {np.abs(mine - theirs).max():.2e} |"
    )
    for setting, why in SETTINGS.items():
        print(f"- {setting}: {why}")


def own_scores(model: Path, answers: list[tuple[str, str, str]]) -> np.ndarray:
    """Return rewards of chosen and rejected, (rows, 2), as `rmx.load` gives them."""
    import rmx

    prompts = [prompt for prompt, *_ in answers for _ in range(2)]
    rewards = rmx.load(str(model)).score(prompts, [text for _, *texts in answers for text in texts])
    return np.asarray(rewards, np.float64).reshape(-1, 2)


def readable_copy(model: Path, target: Path) -> Path:
    """Copy an export for transformers 4.51, which knows some of its fields by another name."""
    shutil.copytree(model, target)
    config = json.loads((target / "config.json").read_text())
    config["rope_theta"] = config["rope_parameters"]["rope_theta"]
    (target / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((target / "tokenizer_config.json").read_text())
    tokenizer |= {"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": ["input_ids", "attention_mask"]}
    (target / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return target


def package_scores(model: Path, packages: Path, answers: list[tuple[str, str, str]], work: Path) -> np.ndarray:
    """Return the rewards that the program's command writes, (rows, 2)."""
    rows = work / "rows.jsonl"
    with rows.open("w") as file:
        for prompt, *texts in answers:
            said = [[{"role": "user", "content": prompt}, {"role": "assistant", "content": text}] for text in texts]
            file.write(json.dumps({"chosen": said[0], "rejected": said[1]}) + "\n")
    environment = {**os.environ, "PYTHONPATH": str(packages), "HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline"}
    child = [sys.executable, __file__, "--child", str(model.relative_to(work)), str(rows)]
    done = subprocess.run(child, cwd=work, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"rewardbench ended with {done.returncode}: {done.stderr[-2000:]}")
    lines = (work / "results" / f"{model.relative_to(work)}_outputs.jsonl").read_text().splitlines()
    written = [json.loads(line) for line in lines]
    scores = np.array([[line["scores_chosen"], line["scores_rejected"]] for line in written], np.float64)
    if [line["results"] for line in written] != (scores[:, 0] > scores[:, 1]).astype(int).tolist():
        raise SystemExit("rewardbench decides otherwise than its own scores")
    return scores


def run_package(model: str, rows: str) -> None:
    """Run the program's command in this process, which has its packages before the environment's."""
    import torch
    from transformers import BatchEncoding

    if not torch.cuda.is_available():
        to = BatchEncoding.to
        BatchEncoding.to = lambda self, device: to(self, "cpu" if device == "cuda" else device)
    from rewardbench.rewardbench import Args, rewardbench

    rewardbench(
        Args(dataset=rows, load_json=True, model=model, not_quantized=True, torch_dtype="float32", batch_size=8)
    )


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        run_package(*sys.argv[2:])
    else:
        model, packages, folder = map(Path, sys.argv[1:4])
        main(model.resolve(), packages.resolve(), folder, int(sys.argv[4]) if len(sys.argv) > 4 else 1000)
