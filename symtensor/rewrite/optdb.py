"""Databases of rewriters: objects under names and tags, and queries that pick those with some tags and build an
optimizer.

A name is a tag too, and so is the class of an object. `optdb` is the database that compilation asks: a sequence of
stages by position. `symtensor.rewrite.pipeline` fills it with our own; `optdb.register` and the `register_...`
functions of `symtensor.rewrite.registry` add a user's.
"""
from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from symtensor.config import config
from symtensor.rewrite.base import LocalOptimizer, Optimizer
from symtensor.rewrite.local import LocalOptGroup
from symtensor.rewrite.whole import EquilibriumOptimizer, NavigatorOptimizer, SeqOptimizer, TopoOptimizer
from symtensor.utils.ordered import OrderedSet

__all__ = ["DB", "EquilibriumDB", "LocalGroupDB", "ProxyDB", "Query", "SequenceDB", "TopoDB", "optdb"]


class Query:
    """Which rewriters: those with a tag of `include`, with all of `require`, with none of `exclude`.

    subquery              {name of a database: the query to use in it}
    position_cutoff       in a sequence, only positions below this
    extra_optimizations   pairs of an optimizer and its position in a sequence
    """

    def __init__(self, include: Iterable[str], require: Iterable[str] | None = None,
                 exclude: Iterable[str] | None = None,
                 subquery: dict[str, Query] | None = None, position_cutoff: float = math.inf,
                 extra_optimizations: Iterable[tuple[Any, float]] | None = None) -> None:
        self.include = OrderedSet(include)
        self.require: OrderedSet[str] = OrderedSet(require or ())
        self.exclude: OrderedSet[str] = OrderedSet(exclude or ())
        self.subquery = dict(subquery or {})
        self.position_cutoff = position_cutoff
        self.extra_optimizations = list(extra_optimizations or ())

    def _with(self, **changes: Any) -> Query:
        known = dict(include=self.include, require=self.require, exclude=self.exclude, subquery=self.subquery,
                     position_cutoff=self.position_cutoff, extra_optimizations=self.extra_optimizations)
        return Query(**{**known, **changes})

    def including(self, *tags: str) -> Query:
        """The query that includes these tags too."""
        return self._with(include=self.include.union(tags))

    def excluding(self, *tags: str) -> Query:
        """The query that excludes these tags too."""
        return self._with(exclude=self.exclude.union(tags))

    def requiring(self, *tags: str) -> Query:
        """The query that requires these tags too."""
        return self._with(require=self.require.union(tags))

    def register(self, *optimizations: tuple[Any, float]) -> Query:
        """The query that adds these pairs of an optimizer and a position."""
        return self._with(extra_optimizations=[*self.extra_optimizations, *optimizations])

    def __str__(self) -> str:
        return (f"Query{{inc={self.include},ex={self.exclude},require={self.require},subquery={self.subquery},"
                f"position_cutoff={self.position_cutoff},extra_opts={self.extra_optimizations}}}")


class DB:
    """Objects by name and tags. Objects are optimizers, local optimizers or databases."""

    name: str | None = None

    def __init__(self) -> None:
        self._objects: dict[str, Any] = {}
        self._tags: dict[str, OrderedSet[str]] = {}
        self.version = 0

    def register(self, name: str, obj: Any, *tags: Any, **kwargs: Any) -> None:
        """Add an object under a name, with tags; its class's name becomes a tag.

        `use_db_name_as_tag` (true) also gives it this database's name as a tag. TypeError for an object of another
        kind; ValueError for a name that is taken by an object or a tag, or a tag that is an object's name.
        """
        use_db_name = kwargs.pop("use_db_name_as_tag", True)
        if kwargs:
            raise TypeError(f"register() got unexpected keyword arguments {sorted(kwargs)}")
        if not isinstance(obj, (DB, Optimizer, LocalOptimizer)):
            raise TypeError("Object cannot be registered in OptDB", obj)
        if name in self:
            raise ValueError("The name of the object cannot be an existing tag or the name of another existing object.",
                             obj, name)
        own = list(tags)
        if use_db_name and self.name is not None:
            own.append(self.name)
        for tag in own:
            if tag in self._objects:
                raise ValueError("The tag of the object collides with a name.", obj, tag)
        own.extend(tag for tag in getattr(obj, "tags", ()) if isinstance(tag, str) and tag not in self._objects)
        if getattr(obj, "name", None) is None or not getattr(obj, "pure", False):
            obj.name = name
        self._objects[name] = obj
        self._tags[name] = OrderedSet([name, *own, type(obj).__name__])
        self.version += 1

    def add_tags(self, name: str, *tags: str) -> None:
        """Give an object further tags."""
        self[name]
        for tag in tags:
            if tag in self._objects:
                raise ValueError("The tag of the object collides with a name.", tag)
        self._tags[name].update(tags)
        self.version += 1

    def remove_tags(self, name: str, *tags: str) -> None:
        """Take tags from an object."""
        self[name]
        self._tags[name].difference_update(tags)
        self.version += 1

    def __contains__(self, name: object) -> bool:
        return name in self._objects or any(name in tags for tags in self._tags.values())

    def __iter__(self) -> Iterator[str]:
        return iter(self._objects)

    def __getitem__(self, name: str) -> Any:
        """The object of that name, or the only one with that tag; KeyError where there is none."""
        if name in self._objects:
            return self._objects[name]
        found = [self._objects[other] for other, tags in self._tags.items() if name in tags]
        if not found:
            raise KeyError(f"Nothing registered for '{name}'")
        if len(found) > 1:
            raise ValueError(f"More than one match for {name} (please use query)")
        return found[0]

    def tags_of(self, name: str) -> list[str]:
        """The tags of an object."""
        return list(self._tags[name])

    def select(self, query: Query) -> list[str]:
        """The names of the objects that a query picks, in the order of registration."""
        found = []
        for name, tags in self._tags.items():
            if not any(tag in query.include for tag in tags):
                continue
            if not all(tag in tags for tag in query.require) or any(tag in query.exclude for tag in tags):
                continue
            found.append(name)
        return found

    def selected(self, query: Query) -> dict[str, Any]:
        """The objects that a query picks; databases are asked in their turn, and passed over if they have nothing."""
        found = {}
        for name in self.select(query):
            obj = self._objects[name]
            if isinstance(obj, DB):
                obj = obj.query(query.subquery.get(name, query))
                if obj is None:
                    continue
                obj.name = name
            found[name] = obj
        return found

    def query(self, *tags: Any, **kwtags: Any) -> Any:
        """What a query picks. The query is a `Query`, or tags that start with + (include), & (require) or - (exclude).

        Keywords name databases and give the tags for them.
        """
        return OrderedSet(self.selected(as_query(tags, kwtags)).values())

    def total_version(self) -> int:
        """A number that changes with every registration here or in a database below."""
        return self.version + sum(obj.total_version() for obj in self._objects.values() if isinstance(obj, DB))

    def print_summary(self, stream: Any = None) -> None:
        """Print the names and tags."""
        out = stream or sys.stdout
        print(f"{self.__class__.__name__} (id {id(self)})", file=out)
        print("  names", list(self._objects), file=out)
        print("  db", {name: list(tags) for name, tags in self._tags.items()}, file=out)


def as_query(tags: tuple[Any, ...], kwtags: dict[str, Any]) -> Query:
    """The query that arguments of `DB.query` mean; ValueError for a tag without sign."""
    if len(tags) == 1 and isinstance(tags[0], Query):
        if kwtags:
            raise TypeError("If the first argument to query is a Query, there should be no other arguments.", tags,
                            kwtags)
        return tags[0]
    if any(not isinstance(tag, str) or tag[:1] not in ("+", "&", "-") for tag in tags):
        raise ValueError("All tags must start with one of the following characters: '+', '&' or '-'", tags)
    signed = {sign: [tag[1:] for tag in tags if tag[0] == sign] for sign in "+&-"}
    subquery = {name: as_query(_tuple(value), {}) for name, value in kwtags.items()}
    return Query(signed["+"] + signed["&"], signed["&"], signed["-"], subquery)


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


class EquilibriumDB(DB):
    """A database whose query is one `EquilibriumOptimizer`. `register` takes `final_opt` and `cleanup` for optimizers
    that run at the end of each round; not both."""

    def __init__(self, ignore_newtrees: bool = True, tracks_on_change_inputs: bool = False) -> None:
        super().__init__()
        self.ignore_newtrees = ignore_newtrees
        self.tracks_on_change_inputs = tracks_on_change_inputs
        self._final: dict[str, bool] = {}
        self._cleanup: dict[str, bool] = {}

    def register(self, name: str, obj: Any, *tags: Any, **kwtags: Any) -> None:
        final = kwtags.pop("final_opt", False)
        cleanup = kwtags.pop("cleanup", False)
        assert not (final and cleanup), "an optimizer is final or cleans up, not both"
        super().register(name, obj, *tags, **kwtags)
        self._final[name] = final
        self._cleanup[name] = cleanup

    def query(self, *tags: Any, **kwtags: Any) -> Any:
        found = self.selected(as_query(tags, kwtags))
        final = [obj for name, obj in found.items() if self._final[name]]
        cleanup = [obj for name, obj in found.items() if self._cleanup[name]]
        others = [obj for name, obj in found.items() if not self._final[name] and not self._cleanup[name]]
        if not (final or others):
            cleanup = []
        return EquilibriumOptimizer(
            others, max_use_ratio=config.optdb.max_use_ratio, ignore_newtrees=self.ignore_newtrees,
            tracks_on_change_inputs=self.tracks_on_change_inputs, failure_callback=NavigatorOptimizer.warn_inplace,
            final_optimizers=final, cleanup_optimizers=cleanup)


class SequenceDB(DB):
    """A database whose query is a `SeqOptimizer`: its objects by position, those with equal positions by name."""

    seq_opt = SeqOptimizer

    def __init__(self, failure_callback: Any = SeqOptimizer.warn) -> None:
        super().__init__()
        self.__position__: dict[str, float] = {}
        self.failure_callback = failure_callback

    def register(self, name: str, obj: Any, position: Any, *tags: Any, **kwargs: Any) -> None:  # type: ignore[override]
        if position == "last":
            position = max(self.__position__.values(), default=0) + 1
        assert isinstance(position, (int, float)), "the position is a number or 'last'"
        super().register(name, obj, *tags, **kwargs)
        self.__position__[name] = position

    def query(self, *tags: Any, **kwtags: Any) -> Any:
        cutoff = kwtags.pop("position_cutoff", None)
        query = as_query(tags, kwtags)
        limit = min(query.position_cutoff if cutoff is None else cutoff, config.optdb.position_cutoff)
        placed = [(self.__position__[name], name, obj) for name, obj in self.selected(query).items()
                  if self.__position__[name] < limit]
        for extra, position in query.extra_optimizations:
            if position < limit:
                placed.append((position, "", extra))
        placed.sort(key=lambda item: (item[0], item[1]))
        return self.seq_opt([obj for _, _, obj in placed], failure_callback=self.failure_callback)

    def print_summary(self, stream: Any = None) -> None:
        out = stream or sys.stdout
        print(f"{self.__class__.__name__} (id {id(self)})", file=out)
        for name in sorted(self._objects, key=lambda name: (self.__position__[name], name)):
            print(f"  {self.__position__[name]} {name} {self.tags_of(name)[1:]}", file=out)


class LocalGroupDB(DB):
    """A database whose query is one local optimizer, a `LocalOptGroup`, in the order of the `position`s given."""

    def __init__(self, apply_all_opts: bool = False, profile: bool = False, local_opt: Any = LocalOptGroup) -> None:
        super().__init__()
        self.apply_all_opts = apply_all_opts
        self.profile = profile
        self.local_opt = local_opt
        self.__position__: dict[str, float] = {}

    def register(self, name: str, obj: Any, *tags: Any, **kwargs: Any) -> None:
        position = kwargs.pop("position", "last")
        if position == "last":
            position = max(self.__position__.values(), default=-1) + 1
        assert isinstance(position, (int, float)), "the position is a number or 'last'"
        super().register(name, obj, *tags, **kwargs)
        self.__position__[name] = position

    def query(self, *tags: Any, **kwtags: Any) -> Any:
        found = self.selected(as_query(tags, kwtags))
        order = sorted(found, key=lambda name: (self.__position__[name], name))
        return self.local_opt(*[found[name] for name in order], apply_all_opts=self.apply_all_opts,
                              profile=self.profile)


class TopoDB(DB):
    """A database that hands queries on to `db` and makes one pass of the local optimizer that it answers with."""

    def __init__(self, db: Any, order: str = "in_to_out", ignore_newtrees: bool = False,
                 failure_callback: Any = None) -> None:
        super().__init__()
        self.db = db
        self.order = order
        self.ignore_newtrees = ignore_newtrees
        self.failure_callback = failure_callback

    def query(self, *tags: Any, **kwtags: Any) -> Any:
        return TopoOptimizer(self.db.query(*tags, **kwtags), self.order, self.ignore_newtrees, self.failure_callback)

    def total_version(self) -> int:
        return self.version + self.db.total_version()


class ProxyDB(DB):
    """Another database under a second name."""

    def __init__(self, db: Any) -> None:
        assert isinstance(db, DB), ""
        super().__init__()
        self.db = db

    def query(self, *tags: Any, **kwtags: Any) -> Any:
        return self.db.query(*tags, **kwtags)

    def total_version(self) -> int:
        return self.db.total_version()


optdb = SequenceDB()
"""The database that compilation asks."""
