"""Public benchmarks, scored as their own programs score them; each an audit, with an interval for every number."""

from rmx.audits.benchmarks.benchmark import Benchmark
from rmx.audits.benchmarks.judge_bench import JudgeBench
from rmx.audits.benchmarks.llmbar import LLMBar
from rmx.audits.benchmarks.reward_bench import RewardBench
from rmx.audits.benchmarks.reward_bench_2 import RewardBench2
from rmx.audits.benchmarks.rm_bench import RMBench

__all__ = ["Benchmark", "JudgeBench", "LLMBar", "RMBench", "RewardBench", "RewardBench2"]
