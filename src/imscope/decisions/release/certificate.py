"""The certificate of a lot: canonical JSON is the record; the page is made from it alone."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from imscope.core import codes
from imscope.core.errors import DataError
from imscope.decisions.release.criteria import (
    ROUNDING,
    Criterion,
    Measured,
    judge,
    lot_verdict,
)
from imscope.registry.events import canonical, checked_reason, sha256_of
from imscope.registry.fold import State
from imscope.registry.keys import signature_fits
from imscope.registry.record import Registry

SCHEMA_VERSION = "1.0"
BANNER = (
    "Characterisation by single-cell RNA sequencing. Not validated for release; no result here is "
    "a release criterion."
)
SOLO = "one person, no second pair of eyes"
AS_OF = "Software record only. People release lots; imscope claims no compliance."


def results_of(state: State, lot: str) -> tuple[Measured, ...]:
    """All results of a lot in the order of entry; a replaced one stays, marked as not valid.

    Parameters
    ----------
    state
        State of the registry.
    lot
        Code of the lot.
    """
    rows = sorted(
        (
            (r["seq"], name, r["body"])
            for (kind, name), r in state.records.items()
            if kind == "result" and r["body"].get("lot") == lot
        )
    )
    replaced = {b.get("supersedes"): b.get("reason", "") for _, _, b in rows if b.get("supersedes")}
    names = set(Measured.__dataclass_fields__) - {"valid", "reason"}
    out = []
    for _, name, body in rows:
        fields = {k: str(v) for k, v in body.items() if k in names}
        out.append(Measured(**fields, valid=name not in replaced, reason=replaced.get(name, "")))
    return tuple(out)


def make_certificate(
    state: State,
    lot: str,
    spec: str,
    *,
    head: Mapping[str, Any],
    number: str,
    solo: bool = False,
    replaces: str = "",
) -> dict[str, Any]:
    """Make the record of a certificate from the registry at one head.

    Parameters
    ----------
    state
        State of the registry at ``head``.
    lot, spec
        Codes of the lot and of its specification.
    head
        ``seq`` and ``hash`` of the registry at which it is computed.
    number
        Of the certificate.
    solo
        One person holds all roles; the page says so.
    replaces
        Number of the certificate this one replaces.

    Raises
    ------
    DataError
        A use restriction, or an open deviation (``E-CERT-OPEN``).
    """
    item = f"lot:{lot}"
    body = state.get("lot", lot)["body"]
    limits = state.restrictions(item)
    if limits:
        raise DataError(
            "a use restriction forbids a certificate",
            found="; ".join(limits),
            code=codes.REG_RESTRICTED,
        )
    deviations = [
        {"deviation": name, **r["body"]}
        for (kind, name), r in sorted(state.records.items())
        if kind == "deviation" and r["body"].get("lot") == lot
    ]
    waiting = [str(d["deviation"]) for d in deviations if d.get("state") != "closed"]
    if waiting:
        raise DataError(
            "deviations of the lot are open", found=", ".join(waiting), code=codes.CERT_OPEN
        )
    criteria = [Criterion(**c) for c in state.get("spec", spec)["body"]["criteria"]]
    results = results_of(state, lot)
    judged = [judge(c, results) for c in criteria]
    open_rows = [j.row() for j in judged if j.verdict == "OPEN"]
    used = {(c.attribute, c.method) for c in criteria}
    others = [
        {
            "attribute": r.attribute,
            "method": r.method,
            "value": r.value,
            "unit": r.unit,
            "relation": r.relation,
            "status": r.status,
        }
        for r in results
        if (r.attribute, r.method) not in used
    ]
    return {
        "certificate": number,
        "schema_version": SCHEMA_VERSION,
        "lot": lot,
        "product": str(body.get("product", "")),
        "spec": spec,
        "verdict": lot_verdict(judged, spec),
        "rounding": ROUNDING,
        "criteria": [j.row() for j in judged],
        "characterisation": others,
        "banner": BANNER,
        "not_testable": open_rows,
        "deviations": deviations,
        "genealogy": state.ancestors(item),
        "signatures": signatures_of(state, lot),
        "head": dict(head),
        "replaces": replaces,
        "simulated": body.get("simulated") in (True, "true", "yes"),
        "people": SOLO if solo else "",
        "statement": AS_OF,
    }


def signatures_of(state: State, lot: str) -> list[dict[str, Any]]:
    """Signatures of a lot and of its certificates, in order, each with what was signed."""
    rows = sorted(
        (r["seq"], r["body"]) for (kind, _), r in state.records.items() if kind == "signature"
    )
    mine = {f"lot:{lot}"} | {
        f"{kind}:{name}" for (kind, name), r in state.records.items() if r["body"].get("lot") == lot
    }
    return [body for _, body in rows if body["object"] in mine]


def certificate_bytes(certificate: Mapping[str, Any]) -> bytes:
    """Bytes of the record, for its hash and for signing."""
    return canonical(certificate)


def check_certificate(certificate: Mapping[str, Any], state: State | None = None) -> list[str]:
    """Check a certificate on its own, and against the registry where one is given.

    Parameters
    ----------
    certificate
        The record; signatures made after it are found in the registry.
    state
        State of the registry, if there is one.

    Returns
    -------
    problems
        Empty when everything fits.
    """
    problems = []
    for s in certificate.get("signatures", []):
        signed = {k: v for k, v in s.items() if k != "signature"}
        if not signature_fits(
            str(s.get("key", "")), canonical(signed), str(s.get("signature", ""))
        ):
            problems.append(f"signature of {s.get('printed_name')} does not fit")
    if state is not None:
        digest = sha256_of(certificate_bytes(certificate))
        known = state.records.get(("certificate", str(certificate.get("certificate", ""))))
        if known is None:
            problems.append("the registry does not know this certificate")
        else:
            if known["body"]["sha256"] != digest:
                problems.append("signed version and present version differ")
            later = [
                n
                for (k, n), r in state.records.items()
                if k == "certificate" and r["body"].get("replaces") == certificate["certificate"]
            ]
            if later:
                problems.append(f"superseded by {later[0]}")
    return problems


def render_certificate(
    certificate: Mapping[str, Any], signatures: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Render the page of a certificate: one offline file, no script.

    Parameters
    ----------
    certificate
        The record.
    signatures
        Those made over the certificate itself, after it.
    """
    c = certificate
    mark = "<p class=sim>SIMULATED DATA</p>" if c["simulated"] else ""
    facts = {
        "Product": c["product"],
        "Lot": c["lot"],
        "Specification": c["spec"],
        "Comes from": ", ".join(c["genealogy"]),
        "Record": f"event {c['head']['seq']}, {c['head']['hash'][:16]}",
        "Replaces": c["replaces"] or "nothing",
        "SHA-256 of this record": sha256_of(certificate_bytes(c)),
        "Rounding": c["rounding"],
        "Note": c["people"],
    }
    criteria = [
        (
            j["attribute"],
            j["method"],
            j["limits"],
            f"{j['value']} {j['unit']}".strip(),
            j["verdict"],
            j["reason"],
            str(j["n_tests"]),
            "; ".join(j["corrected"]),
        )
        for j in c["criteria"]
    ]
    other = [
        (
            r["attribute"],
            r["method"],
            f"{'' if r['relation'] == '=' else r['relation'] + ' '}{r['value']} {r['unit']}",
            r["status"],
        )
        for r in c["characterisation"]
    ]
    signed = [
        (
            s["printed_name"],
            s["role"],
            s["meaning"],
            f"{s['at']} (offset {s['utc_offset']})",
            s["why"],
            s["key"][:16],
        )
        for s in [*c["signatures"], *signatures]
    ]
    parts = [
        f"<h1>Certificate {escape(c['certificate'])}</h1>{mark}"
        f"<p class=verdict>{escape(c['verdict'])}</p>",
        _table(("", ""), [(k, str(v)) for k, v in facts.items() if v]),
        "<h2>Criteria</h2>"
        + _table(
            (
                "Attribute",
                "Method",
                "Limits",
                "Result",
                "Verdict",
                "Reason",
                "Tests",
                "Corrected or invalid",
            ),
            criteria,
        ),
        f"<h2>Characterisation</h2><p>{escape(c['banner'])}</p>"
        + _table(("Attribute", "Method", "Result", "Status"), other),
        "<h2>Deviations</h2>"
        + _table(
            ("Deviation", "State", "Text"),
            [
                (str(d["deviation"]), str(d.get("state", "")), str(d.get("text", "")))
                for d in c["deviations"]
            ],
        ),
        "<h2>Signatures</h2>"
        + _table(("Name", "Role", "Meaning", "Time", "Reason", "Key"), signed),
        f"<p>{escape(c['statement'])}</p>{mark}",
    ]
    return _PAGE.replace("TITLE", escape(f"Certificate {c['certificate']}")).replace(
        "BODY", "\n".join(parts)
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "<p>none</p>"
    top = "".join(f"<th scope=col>{escape(h)}</th>" for h in head) if any(head) else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(v)}</td>" for v in row) + "</tr>" for row in rows)
    thead = f"<thead><tr>{top}</tr></thead>" if top else ""
    return f"<table>{thead}<tbody>{body}</tbody></table>"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>TITLE</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body{font:14px/1.45 sans-serif;margin:2rem auto;max-width:62rem;color:#111;background:#fff}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th,td{border:1px solid #bbb;padding:.25rem .5rem;text-align:left;vertical-align:top}
td{overflow-wrap:anywhere}
.verdict{font-size:1.25rem;font-weight:700;border:2px solid #111;padding:.5rem}
.sim{font-weight:700;color:#8a0000;letter-spacing:.1em}

</style></head><body><main>
BODY
</main></body></html>
"""


def read_certificate(text: str) -> dict[str, Any]:
    """Read the record of a certificate.

    Raises
    ------
    DataError
        It is no certificate.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            "the certificate cannot be read", found=error.msg, code=codes.REG_INPUT
        ) from error
    if not isinstance(content, dict) or not {"certificate", "lot", "head", "signatures"} <= set(
        content
    ):
        raise DataError("the file is no certificate", code=codes.REG_INPUT)
    return content


def issue_certificate(
    registry: Registry, lot: str, spec: str, *, replaces: str = "", why: str = ""
) -> tuple[bytes, str]:
    """Make a certificate, keep its bytes in the store and put it on record.

    Parameters
    ----------
    registry
        Open, with a person who writes.
    lot, spec
        Codes of the lot and of its specification.
    replaces
        Certificate it replaces; a reason is needed then.
    why
        Reason.

    Returns
    -------
    record, page
        Canonical JSON, and the HTML made from it.

    Raises
    ------
    DataError
        A certificate of the lot is there and not replaced (``E-CERT-SIGNED``), or something is
        open.
    """
    state, (seq, digest) = registry.state(), registry.head()
    earlier = {
        n: r["body"]
        for (k, n), r in state.records.items()
        if k == "certificate" and r["body"]["lot"] == lot
    }
    old = {n for n in earlier if n not in {b["replaces"] for b in earlier.values()}}
    if old and replaces not in old:
        raise DataError(
            "the lot has a certificate, which is never changed",
            found=", ".join(sorted(old)),
            fix="name it with --replaces, and give a reason with --why",
            code=codes.CERT_SIGNED,
        )
    if replaces:
        state.get("certificate", replaces)
        checked_reason(why, replaces, "")
    number = f"{lot}-C{len(earlier) + 1}"
    content = make_certificate(
        state,
        lot,
        spec,
        head={"seq": seq, "hash": digest},
        number=number,
        solo=registry.solo,
        replaces=replaces,
    )
    record = certificate_bytes(content)
    kept = registry.keep(record, f"{number}.json")
    body = {
        "lot": lot,
        "spec": spec,
        "sha256": kept,
        "verdict": content["verdict"],
        "replaces": replaces,
        "files": {f"{number}.json": {"sha256": kept, "kept": True}},
    }
    registry.add("certificate", number, body, why)
    return record, render_certificate(content)


def signable(state: State, target: str, content: bytes | None) -> bytes:
    """Bytes that a signature of an object covers.

    Parameters
    ----------
    state
        State of the registry.
    target
        As ``kind:code``.
    content
        Bytes of the certificate as the signer has them; needed for a certificate.

    Raises
    ------
    DataError
        ``E-SIGN-CONTENT``: the bytes are not those on record.
    """
    kind, _, name = target.partition(":")
    body = state.get(kind, name)["body"]
    if kind != "certificate":
        return canonical(body)
    if content is None or sha256_of(content) != body["sha256"]:
        raise DataError(
            "the file is not the certificate on record, byte for byte",
            found=name,
            fix="give the .json file with --file",
            code=codes.SIGN_CONTENT,
        )
    return content
