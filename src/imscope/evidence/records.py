"""One record of evidence: what it must say, and how far it may be trusted."""

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal[
    "programme",
    "marker",
    "epitope",
    "protocol",
    "disease_model",
    "product",
    "trial",
    "dose",
    "threshold",
    "regulatory",
    "study",
    "seed_item",
]
Direction = Literal["up", "down", "none", "conflict"]
Grade = Literal["stated", "checked", "unchecked", "measured", "own"]

GRADES: dict[str, str] = {
    "stated": "stated by the source named; not checked against a second one",
    "checked": "checked in a public source",
    "unchecked": "from memory of the field; check it before quoting it",
    "measured": "measured with our own prototype of the estimator",
    "own": "our own selection or reading; no source claims it",
}
"""What each grade means, from the printed page."""

N_SEED_ITEMS = 58
"""Items the founding paper was cut into."""

DOI = r"10\.\d{4,9}/[^\s\"]*[^\s\".,;:]"
SOURCE_PATTERN = rf"^({DOI}|PMID:\d{{1,8}})?$"

Text = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    """Unknown keys are refused; nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Record(Strict):
    """One statement with its source, its sign, its grade and what contradicts it."""

    id: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="Unique name: small letters, digits, _ . -"
    )
    terms: tuple[Text, ...] = Field(
        min_length=1, description="Markers, genes, programmes or names the record is found under."
    )
    kind: Kind = Field(description="What the record is about.")
    claim: Text = Field(description="The statement, in own words.")
    direction: Direction = Field(
        description="How the readout moves with the term; `none`: it does not, or no sign applies; "
        "`conflict`: the source itself reports both."
    )
    readout: str = Field(
        "", description="What moves, such as `T-cell suppression`; records that share term and "
        "readout but not direction contradict each other."
    )  # fmt: skip
    doi: str = Field(
        "", pattern=SOURCE_PATTERN, description="DOI without prefix, or PMID:number."
    )  # fmt: skip
    source: str = Field(
        "", description="Document, registry number or citation where there is no DOI."
    )
    assay: str = Field("", description="How it was measured.")
    n: str = Field("", description="Replicates, as the source gives them.")
    species: str = Field("human", description="Species; several separated by commas.")
    grade: Grade = Field(description="How far the statement was checked.")
    as_of: dt.date = Field(description="Day the statement speaks of, or was entered (YYYY-MM-DD).")
    conflicts: tuple[Text, ...] = Field((), description="Ids of records that say otherwise.")
    note: str = Field("", description="When it misleads.")
    seed_items: tuple[Annotated[int, Field(ge=1, le=N_SEED_ITEMS)], ...] = Field(
        (), description="Items of the founding paper this record stands for."
    )
    genes: tuple[Text, ...] = Field((), description="Gene symbols the record names.")
    value: float | None = Field(None, description="The number, for a dose or a threshold.")
    unit: str = Field("", description="Unit of the number.")
    status: Literal["active", "placeholder"] = Field(
        "active", description="`placeholder`: a published list that is not bundled."
    )

    @property
    def where(self) -> str:
        """The source as one phrase, empty for our own choice."""
        return self.doi or self.source

    def public(self) -> dict[str, str]:
        """Return the keys of the stable JSON contract.

        A source without DOI stands at the start of ``note``; so does the grade where the statement
        still has to be checked.
        """
        parts = [f"Source: {self.source}." if self.source and not self.doi else ""]
        parts.append("Unchecked: from memory." if self.grade == "unchecked" else "")
        parts.append("Placeholder: list not bundled." if self.status == "placeholder" else "")
        return {
            "claim": self.claim,
            "direction": self.direction,
            "doi": self.doi,
            "grade": self.grade,
            "as_of": self.as_of.isoformat(),
            "assay": self.assay,
            "species": self.species,
            "note": " ".join([p for p in parts if p] + ([self.note] if self.note else [])),
        }


class Unrepresentable(Strict):
    """An item of the founding paper that no record of evidence can stand for."""

    item: int = Field(ge=1, le=N_SEED_ITEMS, description="Number of the item.")
    asks: Text = Field(description="What the item says, in own words.")
    reason: Text = Field(description="Why no record can represent it.")
    answered_by: str = Field("", description="The part of imscope that answers it, if any.")


class EvidenceFile(Strict):
    """A file of evidence, bundled or a user's own."""

    records: tuple[Record, ...] = Field(description="The records.")
    not_representable: tuple[Unrepresentable, ...] = Field(
        (), description="Items of the founding paper that are no evidence."
    )


def evidence_file_schema() -> dict[str, Any]:
    """JSON Schema of a file of evidence.

    Examples
    --------
    >>> sorted(evidence_file_schema()["properties"])
    ['not_representable', 'records']
    """
    return EvidenceFile.model_json_schema()


def evidence_record_schema() -> dict[str, Any]:
    """JSON Schema of one record of evidence.

    Examples
    --------
    >>> evidence_record_schema()["required"]
    ['id', 'terms', 'kind', 'claim', 'direction', 'grade', 'as_of']
    """
    return Record.model_json_schema()
