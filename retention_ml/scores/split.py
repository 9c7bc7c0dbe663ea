"""Who is served by the challenger: customers assigned to two arms by lot.

Who lies below the challenger's share (`statistics.lots`) is served by the challenger, so that
raising the share moves customers to the challenger only. Another salt reassigns everybody.
"""

from collections.abc import Sequence

import numpy as np

from retention_ml.statistics.arrays import Bools
from retention_ml.statistics.lots import places


def assigned_to_challenger(customer_ids: Sequence[str], salt: str, share: float) -> Bools:
    """Who is assigned to the challenger: a `share` in [0, 1] of the n customers, shape (n,).

    Raises
    ------
    ValueError
        The share is not between 0 and 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"The challenger's share is {share}; expected 0 to 1.")
    if share == 0:
        return np.zeros(len(customer_ids), dtype=np.bool_)
    return np.asarray(places(customer_ids, salt) < share)
