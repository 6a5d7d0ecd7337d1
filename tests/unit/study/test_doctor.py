import socket
from fractions import Fraction

import pytest

from imscope.study import doctor


def exact_hi2(counts):
    """The index in exact fractions."""
    rows = [[Fraction(int(x)) for x in row] for row in counts]
    n = len(rows)
    total = [sum(row) for row in rows]
    out = Fraction(0)
    for g in range(len(rows[0])):
        y = [row[g] / t for row, t in zip(rows, total, strict=True)]
        mean = sum(y) / n
        spread = sum((v - mean) ** 2 for v in y) / (n - 1)
        noise = sum(v * (1 - v) / (t - 1) for v, t in zip(y, total, strict=True)) / n
        out += (spread - noise) / mean
    return float(out)


def test_the_reference_number_is_exact():
    assert pytest.approx(exact_hi2(doctor._tiny_counts()), rel=1e-12) == doctor._HI2_REFERENCE


def test_this_installation_is_sound():
    outcome = {c.name: (c.status, c.detail) for c in doctor.examine()}
    assert set(doctor.CHECKS) == set(outcome)
    assert {status for status, _ in outcome.values()} == {"ok"}, outcome


def test_a_wrong_number_fails(monkeypatch):
    monkeypatch.setattr(doctor, "_HI2_REFERENCE", 0.01)
    outcome = {c.name: c for c in doctor.examine()}
    assert outcome["heterogeneity index"].status == "failed"
    assert "expected 0.01" in outcome["heterogeneity index"].detail


def test_a_check_that_wants_the_network_fails(monkeypatch):
    def reach_out():
        socket.create_connection(("127.0.0.1", 9), timeout=1)
        return "reached", {}

    monkeypatch.setattr(doctor, "CHECKS", {"curious": reach_out})
    (only,) = doctor.examine()
    assert only.status == "failed"
    assert "network" in only.detail


def test_the_network_is_back_afterwards():
    before = (socket.socket.connect, socket.getaddrinfo)
    with doctor.no_network(), pytest.raises(doctor.CheckFailedError):
        socket.getaddrinfo("localhost", 80)
    assert (socket.socket.connect, socket.getaddrinfo) == before


def test_a_missing_file_fails(monkeypatch):
    monkeypatch.setattr(doctor, "RESOURCES", {"imscope.io": ("data/absent.json",)})
    outcome = {c.name: c.status for c in doctor.examine()}
    assert outcome["bundled files"] == "failed"
