"""Rows of persons who were forgotten are left out wherever rows are read, and it is noted which."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.casting.casts import DELIVERY
from retention_ml.deliveries.casting.rules import LEFT_OUT, REASON
from retention_ml.deliveries.readers.chunks import LINE_NUMBER, Chunk
from retention_ml.deliveries.reasons import Reason
from retention_ml.privacy.tombstones import Tombstones

CUSTOMER = "customer_id"


class Suppression:
    """Leaves out rows of forgotten persons before anything is made of them.

    Parameters
    ----------
    tombstones : Tombstones
    emptied : collection of int
        Deliveries of files in which such rows are empty lines already.

    Attributes
    ----------
    lines : dict of int to set of int
        The line numbers of what was left out, by delivery.
    """

    def __init__(self, tombstones: Tombstones, emptied: Collection[int] = ()) -> None:
        self._tombstones, self._emptied = tombstones, frozenset(emptied)
        self.lines: defaultdict[int, set[int]] = defaultdict(set)

    def leave_out(self, typed: pa.Table) -> pa.Table:
        """Typed rows, those of forgotten persons with the reason `LEFT_OUT`."""
        names = [
            name for name in typed.column_names if name == CUSTOMER or name.endswith(f".{CUSTOMER}")
        ]
        for name in names:
            mask = self._tombstones.mask(typed[name])
            rows = typed.select([DELIVERY, LINE_NUMBER]).filter(mask)
            if not rows.num_rows:
                continue
            for row in rows.to_pylist():
                self.lines[row[DELIVERY]].add(row[LINE_NUMBER])
            reasons = pc.if_else(mask, LEFT_OUT, typed[REASON])
            typed = typed.set_column(typed.schema.get_field_index(REASON), REASON, reasons)
        return typed

    def of_chunk(self, delivery_id: int, chunk: Chunk) -> Chunk:
        """A chunk without rejected lines in which a forgotten person stands or stood: left out too."""
        rejects = []
        for reject in chunk.rejects:
            is_emptied = delivery_id in self._emptied and reject.reason == Reason.EMPTY_LINE
            if is_emptied or self._tombstones.are_in(reject.raw.decode("utf-8", "replace")):
                self.lines[delivery_id].add(reject.line_number)
            else:
                rejects.append(reject)
        left_out = chunk.left_out + len(chunk.rejects) - len(rejects)
        return replace(chunk, rejects=rejects, left_out=left_out) if left_out else chunk
