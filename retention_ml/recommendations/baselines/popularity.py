"""Best sellers, and what each customer bought most often, with and without decay."""

from dataclasses import dataclass

import numpy as np

from retention_ml.recommendations.baselines.method import Best, baskets_ago, best, day_counts
from retention_ml.recommendations.ease import matrix
from retention_ml.recommendations.purchases import Codes, Purchases, rows_of


def most_bought(purchases: Purchases, customers: Codes) -> Best:
    """The best sellers of 28 days, the same for everybody, by number of buyers."""
    from scipy import sparse

    nothing = sparse.csr_matrix((len(customers), len(purchases.product_ids)), dtype=np.float32)
    return best(purchases, customers, nothing)


def personal_frequency(purchases: Purchases, customers: Codes) -> Best:
    """A customer's products by the number of days on which they bought them (GP-TopFreq).

    References
    ----------
    Li et al., "A next basket recommendation reality check", ACM TOIS 41 (2023).
    """
    return best(purchases, customers, day_counts(purchases, customers))


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDecayed:
    """A customer's products by frequency; a purchase counts half after so many purchase days."""

    half_life_baskets: float = 20

    def __call__(self, purchases: Purchases, customers: Codes) -> Best:
        """The best products of some customers."""
        rows, owner = rows_of(purchases, customers)
        weight = np.exp2(-baskets_ago(purchases)[rows] / self.half_life_baskets)
        shape = (len(customers), len(purchases.product_ids))
        return best(purchases, customers, matrix(owner, purchases.product[rows], shape, weight))
