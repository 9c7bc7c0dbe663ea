"""What speaks most for a pair, by the exact contributions of the ranker."""

import numpy as np
import pyarrow as pa

from retention_ml.recommendations.product_statistics import PRODUCT_FEATURES
from retention_ml.recommendations.purchases import Codes
from retention_ml.recommendations.ranked import Source
from retention_ml.statistics.arrays import Floats

LEADING = (Source.OWN_PRODUCT, Source.SIMILAR, Source.BEST_SELLER, Source.LIKE_PRODUCTS)
_PREFIX = "contribution_"
_GROUPS = {
    Source.OWN_PRODUCT: ("own_", "is_own"),
    Source.SIMILAR: ("similarity",),
    Source.BEST_SELLER: PRODUCT_FEATURES,
}


def leading(rows: pa.Table) -> Codes:
    """For each row of `ranked` a position in `LEADING`, shape (n,).

    With contributions, the group of features that adds most to the log-odds: the customer's own
    purchases of the product, what like customers buy, how the product sells. A young product leads
    by being young. Without contributions, the source of the candidate.
    """
    names = [name for name in rows.column_names if name.startswith(_PREFIX)]
    encoded = rows["source"].combine_chunks().dictionary_encode()
    places: Codes = np.array(
        [LEADING.index(Source(one)) for one in encoded.dictionary.to_pylist()], np.int32
    )
    source: Codes = places[encoded.indices.to_numpy()]
    if not names or rows.num_rows == 0:
        return source
    totals: Floats = np.zeros((rows.num_rows, len(_GROUPS)))
    for at, prefixes in enumerate(_GROUPS.values()):
        for name in names:
            if name.removeprefix(_PREFIX).startswith(tuple(prefixes)):
                totals[:, at] += rows[name].to_numpy()
    totals[
        source != LEADING.index(Source.OWN_PRODUCT), 0
    ] = -np.inf  # nothing of their own speaks for it
    most = np.argmax(totals, axis=1).astype(np.int32)
    young = LEADING.index(Source.LIKE_PRODUCTS)
    return np.where(source == young, young, most).astype(np.int32)
