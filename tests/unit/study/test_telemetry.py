import json

import pytest

from imscope.study.telemetry import Telemetry, peak_mb


class Heard:
    def __init__(self):
        self.left, self.done = [], []

    def step_started(self, step, done_frac, seconds_left):
        self.left.append(seconds_left)

    def step_finished(self, record, done_frac):
        self.done.append(done_frac)

    def message(self, text):
        self.done.append(text)


def test_nothing_is_written_before_the_log_is_opened(tmp_path):
    telemetry = Telemetry()
    with telemetry.step("ingest"):
        pass
    assert list(tmp_path.iterdir()) == []
    telemetry.open_log(tmp_path / "log.jsonl")
    events = [json.loads(line)["event"] for line in (tmp_path / "log.jsonl").open()]
    assert events == ["run started", "step started", "step finished", "log opened"]


def test_the_share_done_only_grows_and_time_left_appears():
    heard = Heard()
    telemetry = Telemetry(heard, total=8.0)
    for step, share in (("ingest", 1.0), ("quality control", 5.0), ("markers", 2.0)):
        with telemetry.step(step, share) as parts:
            parts.append(False)
    assert heard.done == pytest.approx([1 / 8, 6 / 8, 1.0])
    assert heard.left[0] is None
    assert heard.left[2] >= 0


def test_a_step_of_found_parts_is_called_cached():
    telemetry = Telemetry()
    with telemetry.step("ingest") as parts:
        parts += [True, True]
    with telemetry.step("markers") as parts:
        parts += [True, False]
    assert [r.cached for r in telemetry.records] == [True, False]


def test_a_failed_step_is_logged_and_raises(tmp_path):
    telemetry = Telemetry()
    telemetry.open_log(tmp_path / "log.jsonl")
    with pytest.raises(RuntimeError), telemetry.step("markers"):
        raise RuntimeError("stop")
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["error"]) == ("step failed", "RuntimeError")


def test_peak_memory_sees_a_large_array():
    before = peak_mb()
    block = bytearray(80 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    assert peak_mb() >= before + 40
