"""Rules for public docstrings, read off the sources: they name each error raised and the shape of every tensor."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from house_rules import Module, aliases, classes, imported_names, modules, package_of

ARRAYS = {"Tensor", "Padded", "ndarray", "NDArray"}
QUANTITIES = re.compile(
    "age|budget|capacity|delay|duration|hop|interval|latency|length|limit|memory|period|rate|size|time|timeout|width|window"
)
"""Parameters whose name leaves open what they count."""
UNIT = re.compile(
    r"\b(second|minute|Hz|sample|frame|step|byte|character|line|token|word|row|file|hypothes|candidate|entr|pixel)"
    r"|\b(id|bit|nat)s?\b"
)
SHAPE = re.compile(r"\[[\w *.…,+−×⌈⌉/'·-]*\]|\bscalar\b")
"""[B T D], [...], [batch, hidden], [N + 1], and a tensor with no axis."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef
NAMES = (ast.Name, ast.Attribute)


@dataclass(frozen=True)
class Place:
    """A public function or method: its module, its dotted name below it, its node, and the classes around it."""

    module: Module
    name: str
    node: Definition
    owners: list[tuple[Module, ast.ClassDef]] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.module.name}.{self.name}"

    @property
    def docs(self) -> str:
        """Its docstring and those that it inherits from: the same method of the classes above."""
        above = [method for _, owner in self.owners for method in methods(owner) if method.name == self.node.name]
        return "\n".join(ast.get_docstring(node) or "" for node in [self.node, *above])

    @property
    def class_docs(self) -> str:
        """The docstrings of its class and those above."""
        return "\n".join(ast.get_docstring(owner) or "" for _, owner in self.owners)


def methods(owner: ast.ClassDef) -> list[Definition]:
    return [node for node in owner.body if isinstance(node, Definition)]


def lineage(module: Module, owner: ast.ClassDef) -> list[tuple[Module, ast.ClassDef]]:
    """A class of the package and the package's classes above it."""
    above = [(module, owner)]
    for base in owner.bases:
        target = resolved(module, base.value if isinstance(base, ast.Subscript) else base)
        if target is not None:
            above += lineage(*target)
    return above


@cache
def protocols() -> list[tuple[Module, ast.ClassDef, set[str]]]:
    """The package's protocols and the names of their methods."""
    known = [(module, owner) for module in modules().values() for owner in classes(module)]
    known = [(m, o) for m, o in known if any(ast.unparse(base).startswith("Protocol") for base in o.bases)]
    return [(m, o, {method.name for method in methods(o)}) for m, o in known]


def implemented(above: list[tuple[Module, ast.ClassDef]]) -> list[tuple[Module, ast.ClassDef]]:
    """The protocols all of whose methods a class has: it is one without inheriting from it."""
    names = {"forward" if m.name == "__call__" else m.name for _, owner in above for m in methods(owner)}
    return [(m, o) for m, o, asked in protocols() if len(asked) > 1 and {*asked} - {"__call__"} <= names]


def resolved(module: Module, base: ast.expr) -> tuple[Module, ast.ClassDef] | None:
    """The class that an expression among the bases stands for, followed through packages that export it."""
    name = ast.unparse(base)
    for node in module.nodes:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return module, node
    origin = imported_names(module).get(name)
    if origin is None and "." in name:
        left, _, name = name.rpartition(".")
        home, there = imported_names(module).get(left, ("", left))
        origin = (f"{home}.{there}".strip("."), name)
    if origin is None or origin[0] not in modules():
        return None
    return resolved(modules()[origin[0]], ast.Name(origin[1]))


@cache
def places() -> list[Place]:
    """Every public function and method of the package; a method may be overloaded, and comes as often."""
    listing = []
    for module in modules().values():
        if not module.is_public:
            continue
        listing += [Place(module, n.name, n) for n in module.tree.body if isinstance(n, Definition) and public(n)]
        for owner in classes(module):
            above = lineage(module, owner)
            above += [each for each in implemented(above) if each not in above]
            listing += [Place(module, f"{owner.name}.{n.name}", n, above) for n in methods(owner) if public(n)]
    return listing


def public(node: Definition) -> bool:
    """Not private; a constructor's contract stands in its class's docstring."""
    return not node.name.startswith("_") or node.name == "__init__"


@cache
def errors() -> set[str]:
    """The names of our errors."""
    return {node.name for node in classes(modules()["ostinato.errors"])}


def raised(node: Definition) -> set[str]:
    """The errors of ours that a function raises in its own body; functions inside it are their own."""
    names = set()
    for child in own_body(node):
        if isinstance(child, ast.Raise) and child.exc is not None:
            error = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            names.add(ast.unparse(error).rpartition(".")[2])
    return names & errors()


def own_body(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (Definition, ast.Lambda)):
            yield child
            yield from own_body(child)


def silent_errors() -> Iterator[str]:
    """Functions that raise an error of ours which no docstring of theirs names. A command's docstring is its help."""
    for place in places():
        text = place.class_docs if place.node.name == "__init__" else place.docs
        for error in sorted(raised(place.node)):
            if error not in text and package_of(place.module) != "cli":
                yield f"error {place}: {error}"


def shapeless() -> Iterator[str]:
    """Functions and fields that are of tensors or arrays, without a shape in their docstring or their class's."""
    for place in places():
        if place.node.name != "__init__" and handles_arrays(place) and not SHAPE.search(place.docs + place.class_docs):
            yield f"shape {place}"
    for module in modules().values():
        if module.is_public:
            yield from shapeless_fields(module)


def unitless() -> Iterator[str]:
    """Functions with a number whose name does not say what it counts, and whose docstrings do not either."""
    for place in places():
        for name in sorted(quantities(place.node)):
            if not UNIT.search(place.docs + place.class_docs) and package_of(place.module) != "cli":
                yield f"unit {place}: {name}"


def handles_arrays(place: Place) -> bool:
    """Whether a function takes or gives a tensor or an array."""
    annotations = [arg.annotation for arg in ast.walk(place.node.args) if isinstance(arg, ast.arg)]
    return any(is_array(place.module, each) for each in [*annotations, place.node.returns])


def quantities(node: Definition) -> set[str]:
    """The parameters that are numbers of what their name does not say."""
    numbers = (arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg) and arg.annotation is not None)
    kinds = re.compile(r"\b(int|float|Count|Positive|NotNegative|Hidden|Vocabulary)\b")
    return {arg.arg for arg in numbers if QUANTITIES.fullmatch(arg.arg) and kinds.search(ast.unparse(arg.annotation))}


def shapeless_fields(module: Module) -> Iterator[str]:
    """Fields that are tensors or arrays where neither the class nor the field's own line gives a shape."""
    for owner in classes(module):
        for node in owner.body:
            if not isinstance(node, ast.AnnAssign) or not is_array(module, node.annotation):
                continue
            if not SHAPE.search((ast.get_docstring(owner) or "") + module.lines[node.lineno - 1].partition("#")[2]):
                yield f"shape {module.name}.{owner.name}.{ast.unparse(node.target)}"


def is_array(module: Module, annotation: ast.AST | None) -> bool:
    """Whether an annotation speaks of a tensor or an array, itself or by an alias; not of what a callable takes."""
    if annotation is None:
        return False
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) in ("Callable", "Literal"):
        return False
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str) and annotation.value.isidentifier():
        return is_array(module, ast.Name(annotation.value))
    if isinstance(annotation, NAMES):
        name = ast.unparse(annotation).rpartition(".")[2]
        return name in ARRAYS or (module.name, name) in array_aliases()
    return any(is_array(module, child) for child in ast.iter_child_nodes(annotation))


@cache
def array_aliases() -> set[tuple[str, str]]:
    """(module, name) of every alias of a type that holds tensors or arrays, where it is defined and where imported."""
    known: set[tuple[str, str]] = set()
    while True:
        before = len(known)
        for module in modules().values():
            for name, origin in imported_names(module).items():
                if origin in known:
                    known.add((module.name, name))
            for name, value in aliases(module).items():
                parts = {ast.unparse(n).rpartition(".")[2] for n in ast.walk(value) if isinstance(n, NAMES)}
                if parts & ARRAYS or any((module.name, part) in known for part in parts):
                    known.add((module.name, name))
        if len(known) == before:
            return known


RULES = {"error": silent_errors, "shape": shapeless, "unit": unitless}
"""A rule gives a line for every violation, which begins with the rule's name."""
