"""Can these workers run a study: versions, paths they see, their digits, what a task costs."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from imscope.core.blocks import MemoryBlocks
from imscope.engine.execute import map_blocks
from imscope.engine.schedulers import handshake, use_scheduler
from imscope.study.doctor import Check

TASKS = 200


def examine_workers(scheduler: str, folder: Path | None = None) -> list[Check]:
    """Check every worker of a scheduler.

    Parameters
    ----------
    scheduler
        See :func:`imscope.engine.use_scheduler`.
    folder
        Where runs are written; the current folder by default. Every worker must see it.

    Returns
    -------
    checks
        One outcome per check; the detail names the worker that fails.

    Raises
    ------
    UsageError
        The scheduler cannot be used at all, or a worker has other versions.
    """
    folder = (folder or Path()).absolute()
    began = time.perf_counter()
    with use_scheduler(scheduler) as workers:
        if workers is None:
            return []
        client: Any = workers.client  # type: ignore[attr-defined]
        found = handshake(client)
        out = [
            Check(
                "workers", "ok",
                f"{len(found)} workers of the same versions, {workers.slots // 2} threads",
                time.perf_counter() - began,
                {"n_workers": len(found), "workers": {k: dict(v) for k, v in found.items()}},
            )
        ]  # fmt: skip
        return [*out, _paths(client, folder), _digits(client), _cost()]


def _paths(client: Any, folder: Path) -> Check:
    """A file written here is read on every worker, and one written there is read here."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix=".imscope-probe-", dir=folder) as probe:
        sent = Path(probe) / "here"
        sent.write_text("imscope", encoding="utf-8")
        answers = client.run(_probe, str(sent), on_error="return")
        failed = {
            worker: str(answer)
            for worker, answer in answers.items()
            if isinstance(answer, BaseException) or not Path(answer).is_file()
        }
    return _check("paths on workers", failed, f"{folder} is one folder for all of them", began)


def _probe(path: str) -> str:
    """On a worker: read the probe and write an answer beside it."""
    import os

    text = Path(path).read_text(encoding="utf-8")
    answer = Path(f"{path}-{os.uname().nodename}-{os.getpid()}")
    answer.write_text(text, encoding="utf-8")
    return str(answer)


def _digits(client: Any) -> Check:
    """Known sums have the same last digit everywhere."""
    began = time.perf_counter()
    mine = digit_probe()
    answers = client.run(digit_probe, on_error="return")
    failed = {w: f"{a} instead of {mine}" for w, a in answers.items() if a != mine}
    return _check("digits on workers", failed, "equal to this process to the last bit", began)


def digit_probe() -> str:
    """Result of the compiled kernels on fixed numbers, as hexadecimal digits.

    Examples
    --------
    >>> digit_probe() == digit_probe()
    True
    """
    from imscope.engine.hvg import compute_gene_moments

    rng = np.random.default_rng(7)
    source = MemoryBlocks.from_csr(rng.poisson(0.7, (300, 40)))
    moments = compute_gene_moments(
        source, np.linspace(0.5, 1.5, 300), np.arange(300) % 3, n_samples=3, threads=1
    )
    total = np.log1p(moments.sum_squares).sum() + moments.sum.sum()
    return float(total).hex()


def _cost() -> Check:
    """Time of an empty task, from here to a worker of the scheduler in use and back."""
    source = MemoryBlocks.from_csr(np.ones((TASKS, 1), dtype=np.int32))
    list(map_blocks(source, _nothing, rows=TASKS))  # the first one opens connections
    began = time.perf_counter()
    answers = list(map_blocks(source, _nothing, rows=1))
    took = time.perf_counter() - began
    failed = {} if answers == list(range(TASKS)) else {"all": "tasks came back in another order"}
    cost = 1e3 * took / TASKS
    line = f"{cost:.1f} ms a task; blocks take 50 ms and more"
    made = _check("cost of a task", failed, line, began)
    made.values["ms_per_task"] = round(cost, 2)
    return made


def _nothing(block: Any) -> int:
    return int(block.start)


def _check(name: str, failed: dict[str, str], fine: str, began: float) -> Check:
    seconds = time.perf_counter() - began
    if failed:
        detail = "; ".join(f"{worker}: {what}" for worker, what in sorted(failed.items()))
        return Check(name, "failed", detail, seconds)
    return Check(name, "ok", fine, seconds)
