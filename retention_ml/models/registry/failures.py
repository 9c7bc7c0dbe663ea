"""Which errors of MLflow's client are the registry's, to be tried again, and which are defects."""

from retention_ml.errors import RegistryError, RetentionError, first_words

# The stores behind MLflow have errors of their own (botocore, boto3, …), which this library does not
# know. So whatever is neither of these nor of this library is theirs.
_DEFECTS = (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, TypeError)


def explain_failure(error: Exception) -> RegistryError | None:
    """The sentence for a request that the registry did not carry out; None for other errors.

    Examples
    --------
    >>> print(explain_failure(OSError("no route")))
    The model registry did not carry out a request: no route. Check that MLflow answers \
(`retention stack status`), then run the same command again.
    >>> explain_failure(KeyError("champion")) is None
    True
    """
    is_other = isinstance(error, (RetentionError, MemoryError, *_DEFECTS))
    if is_other and not isinstance(error, OSError):  # some errors of requests are both
        return None
    return RegistryError(
        f"The model registry did not carry out a request: {first_words(error).rstrip('.')}. Check "
        "that MLflow answers (`retention stack status`), then run the same command again."
    )
