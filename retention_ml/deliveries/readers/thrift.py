"""Structs in Thrift's compact protocol: some of their fields are kept, all others passed over.

Stricter than other readers, which take the last of two fields and cut a number that is too
large: what they would read otherwise is damage here.

References
----------
Apache Thrift, "Thrift Compact Protocol".
"""

from collections.abc import Mapping
from typing import Any

I32, I64 = 5, 6
_BINARY, _LIST, _SET, _STRUCT = 8, 9, 10, 12
_BITS = {I32: 32, I64: 64}
_DEPTH_MAX = 16

# The fields to keep, by number: a kind of number, a struct, or `[struct]` for a list of structs.
Shape = Mapping[int, "int | Shape | list[Shape]"]


class Damage(ValueError):
    """The bytes are no such struct."""


class CompactReader:
    """Reads one struct after another.

    Parameters
    ----------
    data : bytes
    structs_max : int
        How many structs there may be in all: each takes far more memory than bytes.

    Raises
    ------
    IndexError
        The data ends within a struct.
    Damage
    """

    def __init__(self, data: bytes, structs_max: int) -> None:
        self._data = data
        self._structs_left = structs_max
        self._depth = 0
        self.position = 0

    def struct(self, shape: Shape) -> dict[int, Any]:
        """The fields of a shape that a struct has, by their number."""
        self._structs_left -= 1
        self._depth += 1
        if self._structs_left < 0 or self._depth > _DEPTH_MAX:
            raise Damage
        fields: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._signed(16)
            if field in fields or field < 1:
                raise Damage
            if field in shape:
                fields[field] = self._value(head & 0x0F, shape[field])
            elif head & 0x0F not in (1, 2):  # in a field these kinds are the value
                self._pass_over(head & 0x0F)
        self._depth -= 1
        return fields

    def _value(self, kind: int, wanted: int | Shape | list[Shape]) -> Any:
        if isinstance(wanted, int) and kind == wanted:
            return self._signed(_BITS[kind])
        if isinstance(wanted, Mapping) and kind == _STRUCT:
            return self.struct(wanted)
        if isinstance(wanted, list) and kind == _LIST:
            kind, count = self._list_head()
            if count and kind != _STRUCT:
                raise Damage
            return [self.struct(wanted[0]) for _ in range(count)]
        raise Damage

    def _pass_over(self, kind: int) -> None:
        if kind in (1, 2, 3):
            self._skip(1)
        elif kind in (4, I32, I64):
            self._unsigned()
        elif kind == 7:
            self._skip(8)
        elif kind == _BINARY:
            self._skip(self._unsigned())
        elif kind in (_LIST, _SET):
            self._depth += 1
            if self._depth > _DEPTH_MAX:
                raise Damage
            kind, count = self._list_head()
            for _ in range(count):
                self._pass_over(kind)
            self._depth -= 1
        elif kind == _STRUCT:
            self.struct({})
        else:
            raise Damage

    def _list_head(self) -> tuple[int, int]:
        head = self._byte()
        return head & 0x0F, self._unsigned() if head >> 4 == 15 else head >> 4

    def _byte(self) -> int:
        self.position += 1
        return self._data[self.position - 1]

    def _skip(self, length: int) -> None:
        self.position += length
        if self.position > len(self._data):
            raise IndexError

    def _unsigned(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise Damage

    def _signed(self, bits: int) -> int:
        value = self._unsigned()
        if value >> bits:
            raise Damage
        return (value >> 1) ^ -(value & 1)
