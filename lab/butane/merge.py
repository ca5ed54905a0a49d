"""Two Ignition configs made one, as Ignition merges a child into its parent: what Butane adds is the parent.

From Ignition's document on merging: in a list whose items are told apart, items of one name become one in
the parent's place and new ones follow; a list without names is the parent's and then the child's; of single
values the child's counts.
"""

from collections.abc import Callable
from typing import Any

from lab.butane.values import Block, Series
from pxe.boot.configs.spec import SPEC, Group, Node, Scalar, Scalars


def merged(parent: Block, child: Block, table: Group = SPEC) -> Block:
    """Return a config of both; values keep the places they come from."""
    found = Block(child.place, child, child.places)
    for name, value in parent.items():
        if name not in child:
            found.put(name, value, parent.place_of(name))
            continue
        part = table.fields.get(name)
        found.put(name, _one(value, child[name], part, name), child.place_of(name))
    return found


def _one(parent: Any, child: Any, node: Node | None, name: str) -> Any:
    if node is None or isinstance(node, Scalar):
        return child
    if isinstance(parent, Block) and isinstance(child, Block) and isinstance(node, Group):
        return merged(parent, child, node)
    if isinstance(parent, Series) and isinstance(child, Series):
        return _listed(parent, child, node, name)
    return child


def _listed(parent: Series, child: Series, node: Node, name: str) -> Series:
    key = _key(node, name)
    found = Series(child.place)
    if key is None:
        both = [*zip(parent, parent.places, strict=True), *zip(child, child.places, strict=True)]
        return Series(child.place, both)
    own = {key(item): number for number, item in enumerate(child)}
    for item, place in zip(parent, parent.places, strict=True):
        number = own.pop(key(item), None)
        if number is None:
            found.add(item, place)
        elif isinstance(node, Group):
            found.add(merged(item, child[number], node), child.places[number])
        else:
            found.add(child[number], child.places[number])
    for number, item in enumerate(child):
        if key(item) in own:
            found.add(item, child.places[number])
    return found


def _key(node: Node, name: str) -> Callable[[Any], Any] | None:
    """What tells the items of a list apart; None where nothing does."""
    if isinstance(node, Scalars):
        return (lambda item: item) if node.unique else None
    if name == "partitions":
        return lambda item: item.get("number") or item.get("label")
    word = node.key if isinstance(node, Group) else ""
    return (lambda item: item.get(word)) if word else None
