"""Tables as records for `--json`."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def as_records(table: "pd.DataFrame") -> list[dict[str, object]]:
    """Rows as plain Python values; what is not a number becomes null."""
    rows = table.astype("object").to_dict(orient="records")
    return [{str(k): plain(v) for k, v in row.items()} for row in rows]


def plain(value: object) -> object:
    """One value as plain Python; what is not a number becomes None."""
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
