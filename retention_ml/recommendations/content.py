"""What products are like by their words, for those too young to have been bought by many.

References
----------
Salton and Buckley, "Term-weighting approaches in automatic text retrieval", Information Processing
& Management 24 (1988): term frequency times inverse document frequency, cosine.
"""

import re
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.recommendations.candidates import YOUNG_DAYS, YoungScores
from retention_ml.recommendations.purchases import DESCRIPTION, Codes, Purchases, rows_of

_HALF_LIFE_DAYS = 120.0
_WORD = re.compile(r"[^\W_]{2,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Products by their words.

    Parameters
    ----------
    vectors : sparse matrix, shape (products, words)
        TF-IDF, each row of length one; empty where nothing is described.
    young : array of int32, shape (m,)
        Products first sold in the last 30 days, rising.
    """

    vectors: Any
    young: Codes


def content(purchases: Purchases, vectors: Any = None) -> Content:
    """The words of all products, and which of these are young.

    `vectors` are what `tf_idf` makes of the descriptions, where that was done already.
    """
    first = purchases.first_sold
    is_young = (first >= purchases.day - YOUNG_DAYS) & (first < purchases.day)
    return Content(
        vectors=tf_idf(purchases.descriptions) if vectors is None else vectors,
        young=np.flatnonzero(is_young).astype(np.int32),
    )


def tf_idf(descriptions: pa.Table) -> Any:
    """The words of name, category, subcategory and brand as rows of length one, sparse.

    Examples
    --------
    >>> names = pa.table({"name": ["red mug", "blue mug", None]}).append_column(
    ...     "category", pa.nulls(3, pa.string())
    ... )
    >>> vectors = tf_idf(names)
    >>> (vectors @ vectors.T).toarray().round(2)
    array([[1.  , 0.37, 0.  ],
           [0.37, 1.  , 0.  ],
           [0.  , 0.  , 0.  ]], dtype=float32)
    """
    from scipy import sparse

    vocabulary: dict[str, int] = {}
    count = descriptions.num_rows
    texts = _texts(descriptions)
    # Many products are described in the same words: each text is read once.
    columns_of = [
        [vocabulary.setdefault(word, len(vocabulary)) for word in _WORD.findall(text.lower())]
        for text in texts.dictionary.to_pylist()
    ]
    which = texts.indices.to_numpy()
    lengths = np.array([len(columns) for columns in columns_of], dtype=np.int64)
    columns = np.fromiter(chain.from_iterable(columns_of), np.int32, int(lengths.sum()))
    words_count = lengths[which]
    ends = np.cumsum(words_count)
    starts = (np.cumsum(lengths) - lengths)[which]
    places = np.arange(int(words_count.sum())) + np.repeat(starts - ends + words_count, words_count)
    shape = (count, max(1, len(vocabulary)))
    counts = sparse.csr_matrix(
        (np.ones(len(places), np.float32), columns[places], np.concatenate([[0], ends])),
        shape=shape,
    )
    counts.sum_duplicates()
    documents = np.bincount(counts.indices, minlength=shape[1])
    weighted = counts @ sparse.diags((np.log((1 + count) / (1 + documents)) + 1).astype(np.float32))
    return normalised(weighted)


def _texts(descriptions: pa.Table) -> pa.DictionaryArray:
    """What is said of each product, by the texts that there are, in the order of their first."""
    columns = [
        descriptions[level].combine_chunks().cast(pa.string())
        for level in DESCRIPTION
        if level in descriptions.column_names
    ]
    joined = pc.binary_join_element_wise(
        *columns, " ", null_handling="replace", null_replacement=""
    )
    return joined.dictionary_encode()


def normalised(vectors: Any) -> Any:
    """Rows of length one; those without anything stay so."""
    from scipy import sparse

    length = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
    scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
    return sparse.csr_matrix(sparse.diags(scale.astype(np.float32)) @ vectors)


def profiles(purchases: Purchases, vectors: Any, customers: Codes) -> Any:
    """What each customer buys, in words: decayed sums of the products' vectors, of length one."""
    from retention_ml.recommendations.ease import matrix

    rows, owner = rows_of(purchases, customers)
    age = purchases.day - purchases.event_day[rows]
    shape = (len(customers), len(purchases.product_ids))
    bought = matrix(owner, purchases.product[rows], shape, np.exp2(-age / _HALF_LIFE_DAYS))
    return normalised(bought @ vectors)


def young_scores(
    purchases: Purchases, content: Content, customers: Codes, buyers: Codes
) -> YoungScores:
    """How well each young product suits each customer.

    The cosine of words and the logarithm of early buyers, each measured in its own deviations.

    Parameters
    ----------
    buyers : array of int32, shape (products,)
        Of the last 28 days.
    """
    likeness = profiles(purchases, content.vectors, customers) @ content.vectors[content.young].T
    sales = np.log1p(buyers[content.young].astype(np.float32))[None, :]
    scores = _standardised(np.asarray(likeness.toarray(), dtype=np.float32)) + _standardised(sales)
    return YoungScores(products=content.young, scores=scores)


def _standardised(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    deviation = values.std() if values.size else 0.0
    centred = values - values.mean() if values.size else values
    return np.asarray(centred / deviation if deviation > 0 else centred * 0, dtype=np.float32)
