"""Functions that are compiled when they are first called, and what was compiled kept on disk.

numba keeps it beside the source or, where that cannot be written, in the user's cache;
`NUMBA_CACHE_DIR` names another folder. It trusts what it reads. Here every file ends with its digest:
one that is torn or damaged is not read, and its function compiled anew.
"""

import hashlib
import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

Function = TypeVar("Function", bound=Callable[..., Any])
logger = logging.getLogger(__name__)

_DIGEST_BYTES = 32


def compiled(function: Function) -> Function:
    """The function, compiled for the types of its arguments when it is called; without the GIL."""
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy")(function)
    with suppress(RuntimeError):  # no folder can be written: it is compiled in each process
        dispatcher._cache = _CheckedCache(function)
    return dispatcher  # type: ignore[no-any-return]


class _CheckedFile(IndexDataCacheFile):  # type: ignore[misc]
    """Files that end with the SHA-256 of what is before; numba reads over it."""

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[io.BytesIO]:
        with super()._open_for_write(filepath) as file:
            content = io.BytesIO()
            yield content
            file.write(content.getvalue() + hashlib.sha256(content.getvalue()).digest())

    def _load_index(self) -> Any:
        if Path(self._index_path).exists():
            _require_whole(Path(self._index_path))
        return super()._load_index()

    def _load_data(self, name: str) -> Any:
        _require_whole(Path(self._data_path(name)))
        return super()._load_data(name)


def _require_whole(path: Path) -> None:
    content = path.read_bytes()
    if hashlib.sha256(content[:-_DIGEST_BYTES]).digest() != content[-_DIGEST_BYTES:]:
        raise ValueError(f"{path.name} is not as it was written")


class _CheckedCache(FunctionCache):  # type: ignore[misc]
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _CheckedFile(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=self._impl.locator.get_source_stamp(),
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # whatever is wrong with it, the source is there
            _warn(f"cannot be read ({type(error).__name__}: {str(error)[:80]})", self.cache_path)
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _warn(f"cannot be written ({error.strerror})", self.cache_path)


@cache  # once for a folder: every function has files of its own
def _warn(what: str, folder: str) -> None:
    logger.warning("Compiled code in %s %s; it is compiled anew.", folder, what)
