"""A dataclass's way to JSON and back, by its type hints."""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from typing import Any, Self


class Json:
    """Gives a dataclass ``to_json`` and ``from_json`` by its type hints, which are looked at once.

    A page goes through them seven times; ``dataclasses.asdict`` takes nine times as long, hints each time thrice.
    """

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """This value as what ``json.dumps`` takes; it shares its dicts with this value."""
        ways = _ways(type(self))  # type: ignore[arg-type]  # mypy doubts that a class is hashable
        return {
            name: value if (value := getattr(self, name)) is None or way is None else way[0](value)
            for name, way in ways.items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The value back; raises TypeError or KeyError when ``data`` is not of this shape."""
        ways = _ways(cls)  # type: ignore[arg-type]
        return cls(
            **{
                name: value if value is None or (way := ways[name]) is None else way[1](value)
                for name, value in data.items()
            }
        )


_Way = tuple[Callable[[Any], Any], Callable[[Any], Any]]  # to JSON, and back; never of None


@functools.cache
def _ways(cls: Any) -> dict[str, _Way | None]:
    """Each field's; None: it is the same in both."""
    hints = typing.get_type_hints(cls)
    return {one.name: _way(hints[one.name]) for one in dataclasses.fields(cls)}


def _way(hint: Any) -> _Way | None:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return _way(next(a for a in typing.get_args(hint) if a is not type(None)))
    if origin is tuple:
        inner = _way(typing.get_args(hint)[0])
        if inner is None:
            return _same, tuple
        to, back = inner
        return (
            lambda items: [None if item is None else to(item) for item in items],
            lambda items: tuple([None if item is None else back(item) for item in items]),
        )
    if isinstance(hint, type) and issubclass(hint, Json):
        return hint.to_json, hint.from_json
    return None


def _same(value: Any) -> Any:
    return value
